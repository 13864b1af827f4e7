"""What `heuresis test` prints: scores, paired differences, what may be claimed, and how worn the exam is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heuresis.cli.comparison import gain_text, in_metric
from heuresis.cli.options import Format
from heuresis.cli.output import Column, counted, print_rows, say
from heuresis.cli.scale import MEANING, Scale, ends, interval_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heuresis.agent.looking import Ledger
    from heuresis.cli.held_out import Exam, ExamRow
    from heuresis.evaluators.nouns import Evaluation


def print_exam(exam: Exam, form: Format) -> None:
    scale = Scale.of_objective(exam.problem.objectives[0])
    if form is not Format.TABLE:
        print_rows([Column(key) for key in _keys(scale)], [_values(exam, row, scale) for row in exam.rows], form)
        return
    say(f"Held out, campaign {exam.campaign}; {scale.metric}, {scale.better}", "bold")
    asked = next(row.who for row in exam.rows if row.asked)
    if asked in exam.problem.seeds:
        say(f"{asked} is a seed of the problem, no program that was found.")
    say(f"{MEANING}.", "dim")
    widened = any(row.comparisons > 1 for row in exam.rows)
    if widened:
        say(f"Corrected: wide enough for all programs of the search looked at: {_numbers_of(exam.ledger)}.", "dim")
    _print(_score_columns(scale), [_score_row(row, scale) for row in exam.rows], widened=widened)
    for row in exam.rows:
        if row.evaluation.score is None:
            say(f"{row.who} on {row.tier}: {row.evaluation.reason}")
    compared = [row for row in exam.rows if row.compared]
    if compared:
        say()
        say(f"{asked} against each, paired on the same instances; + is better", "bold")
        _print(_gain_columns(scale), [_gain_row(row) for row in compared], widened=widened)
        say()
        _print_claims(exam, asked)


def _print(columns: Sequence[Column], rows: Sequence[list[object]], *, widened: bool) -> None:
    """Without the last column, the corrected intervals, where there is nothing to correct for."""
    end = None if widened else -1
    print_rows(columns[:end], [row[:end] for row in rows], Format.TABLE)


def _numbers_of(ledger: Ledger) -> str:
    """`3 on test, 2 on shift`."""
    from heuresis.evaluators.nouns import HELD_OUT

    return ", ".join(f"{len(ledger.programs(tier))} on {tier.value}" for tier in HELD_OUT)


def _score_columns(scale: Scale) -> list[Column]:
    return [
        Column("tier", "tier"),
        Column("count", "instances", right=True),
        Column("program", "program"),
        Column("", scale.title, right=True),
        Column("", "95 %"),
        Column("corrected", "95 % corrected"),
    ]


def _score_row(row: ExamRow, scale: Scale) -> list[object]:
    score = row.evaluation.score
    if score is None:
        return [row.tier, None, row.who, row.evaluation.status.value.replace("_", " "), None, None]
    texts = [interval_text(scale.interval(score, n), score.standard_error, "no interval") for n in (1, row.comparisons)]
    return [row.tier, score.count, row.who, scale.bare(score), *texts]


def _gain_columns(scale: Scale) -> list[Column]:
    return [
        Column("tier", "tier"),
        Column("count", "instances", right=True),
        Column("program", "against"),
        Column("", f"gain [{scale.unit}]" if scale.unit else "gain", right=True),
        Column("", "95 %"),
        Column("corrected", "95 % corrected"),
    ]


def _gain_row(row: ExamRow) -> list[object]:
    found = row.compared
    assert found is not None
    texts = [interval_text(one, found.standard_error, "no interval") for one in (found.alone, found.corrected)]
    return [row.tier, found.count, row.who, gain_text(found), *texts]


def _print_claims(exam: Exam, asked: str) -> None:
    """Programs of which the same is to be said stand in one sentence."""
    from heuresis.agent.looking import in_words

    groups: dict[tuple[str, str, bool], list[ExamRow]] = {}
    for row in exam.rows:
        if row.compared:
            groups.setdefault((row.tier, row.compared.claim.value, row.compared.gain > 0), []).append(row)
    for (tier, _, _), rows in groups.items():
        names = ", ".join(row.who for row in rows)
        assert rows[0].compared is not None
        say(f"{tier}: {asked} is {in_words(rows[0].compared, names)}.")


def _keys(scale: Scale) -> list[str]:
    return [
        *("campaign", "tier", "count", "program", "id", "asked", "status", scale.metric, "standard_error"),
        *("low", "high", "comparisons", "corrected_low", "corrected_high", "reason"),
        *("difference", "difference_standard_error", "difference_low", "difference_high"),
        *("difference_comparisons", "difference_corrected_low", "difference_corrected_high", "verdict"),
    ]


def _values(exam: Exam, row: ExamRow, scale: Scale) -> list[object]:
    """Differences are in the metric: the asked program minus this one."""
    from heuresis.agent.looking import in_words

    seen, score, found = row.evaluation, row.evaluation.score, row.compared
    head = [exam.campaign, row.tier, score.count if score else None, row.who, row.program, row.asked, seen.status.value]
    figures: list[object] = [None] * 7
    if score:
        alone, corrected = ends(scale.interval(score)), ends(scale.interval(score, row.comparisons))
        figures = [scale.value(score.value), score.standard_error, *alone, row.comparisons, *corrected]
    changes: list[object] = [None] * 8
    if found:
        alone, corrected = in_metric(found.alone, scale), in_metric(found.corrected, scale)
        changes = [scale.sign * found.gain + 0.0, found.standard_error, *alone, found.comparisons, *corrected]
        changes.append(in_words(found, row.who))
    return [*head, *figures, seen.reason, *changes]


def print_gap(exam: Exam, valid: Evaluation, evaluated: int) -> None:
    """The best of many looks better than it is: by how much, and how worn the exam is."""
    scale = Scale.of_objective(exam.problem.objectives[0])
    mine = next(row for row in exam.rows if row.asked)
    score = mine.evaluation.score
    if valid.score and score:
        say(f"valid said {scale.compact('valid', valid.score)}, chosen among {counted(evaluated, 'evaluation')};")
        say(f"{mine.tier} says  {scale.compact(mine.tier, score)}.")
    say(f"Looks so far: {ledger_text(exam.ledger)}. Who and when: heuresis looks.", "dim")


def ledger_text(ledger: Ledger) -> str:
    """`5 at test (1 program of the search), 5 at shift (1 program of the search)`; those at seeds do not count."""
    from heuresis.evaluators.nouns import HELD_OUT

    parts = []
    for tier in HELD_OUT:
        number = sum(look.tier is tier for look in ledger.looks)
        parts.append(f"{number} at {tier.value} ({counted(len(ledger.programs(tier)), 'program')} of the search)")
    return ", ".join(parts)
