"""The referee with a real jail: every way a program can end has its status, and honest ones are untouched by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heuresis.errors import Unavailable
from heuresis.evaluators.catalog import load_problem
from heuresis.evaluators.checks import real_array
from heuresis.evaluators.nouns import InstanceResult, Score, Status, Tier
from heuresis.evaluators.problem import Invalid, Objective, Problem, Result
from heuresis.evaluators.racing import Bar
from heuresis.evaluators.referee import Referee
from heuresis.evaluators.tiers import PUBLIC_SECRET
from heuresis.program import Limits, Program
from heuresis.sandbox.worker import open_worker

GOOD = "def guess(x):\n    return 3.0 * x + 0.9\n"


class Quick(Problem):
    """Like Tiny, with limits that a test can wait for."""

    entry_points = ("guess(x: float) -> float",)
    seeds = {"good": GOOD}
    objectives = (Objective("error", "min"),)
    tier_sizes = {Tier.TRAIN: 2, Tier.VALID: 4, Tier.TEST: 4, Tier.SHIFT: 2}
    promotions = (8, 16)
    limits = Limits(wall_seconds=5.0, cpu_seconds=1.0, memory_bytes=256 << 20, output_bytes=100_000)

    def generate(self, tier, index, rng):
        return float(rng.uniform(-1, 1))

    def run(self, program, instance, exam):
        value = program.guess(instance)
        return Result({"error": abs(value - (3 * instance + 1))}, feedback=f"guessed {value} at {instance}")


class Patient(Quick):
    """With seconds to spare: what fills memory takes its time on a busy machine."""

    limits = Limits(wall_seconds=60.0, cpu_seconds=30.0, memory_bytes=256 << 20, output_bytes=100_000)


HUGE = (Status.VIOLATION, Status.OUT_OF_MEMORY, Status.TIMED_OUT, Status.CRASHED)
"""Which limit it meets first depends on the machine."""
ENDINGS = {
    "loops forever": ("def guess(x):\n    while True: pass\n", Status.TIMED_OUT),
    "sleeps": ("import time\ndef guess(x):\n    time.sleep(600)\n", Status.TIMED_OUT),
    "raises": ("def guess(x):\n    raise ValueError('no')\n", Status.CRASHED),
    "raises at import": ("1 / 0\ndef guess(x): return x\n", Status.CRASHED),
    "exits with 0": ("import os\ndef guess(x):\n    os._exit(0)\n", Status.CRASHED),
    "sys.exit": ("import sys\ndef guess(x):\n    sys.exit(0)\n", Status.CRASHED),
    "segfaults": ("import ctypes\ndef guess(x):\n    ctypes.string_at(0)\n", Status.CRASHED),
    "floods stdout": ("def guess(x):\n    while True: print('x' * 10_000)\n", Status.VIOLATION),
    "daemonises": (
        "import os, time\ndef guess(x):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            time.sleep(600)\n        os._exit(0)\n    os._exit(3)\n",
        Status.CRASHED,
    ),
    "returns text": ("def guess(x):\n    return 'best'\n", Status.INVALID),
    "returns None": ("def guess(x):\n    return None\n", Status.INVALID),
    "returns NaN": ("def guess(x):\n    return float('nan')\n", Status.INVALID),
    "returns a huge list": ("def guess(x):\n    return [0.0] * 50_000_000\n", HUGE),
    "returns an object": ("class A: pass\ndef guess(x):\n    return A()\n", Status.INVALID),
    "does not parse": ("def guess(x:\n", Status.REFUSED),
    "lacks the entry point": ("def other(x): return x\n", Status.REFUSED),
}  # fmt: skip


@pytest.fixture(scope="module")
def referee():
    with open_worker(("numpy",)) as worker:
        yield Referee(Quick(), worker, b"secret")


@pytest.mark.parametrize("name", ENDINGS)
def test_every_bad_ending_has_its_status_a_reason_and_no_score(referee, name):
    text, expected = ENDINGS[name]
    verdict = referee.judge(Program.of(text))
    assert verdict.status in (expected if isinstance(expected, tuple) else (expected,))
    assert verdict.score is None
    assert verdict.reason


MEMORY = {
    "eats": "def guess(x):\n    return bytearray(8 << 30)\n",
    "fills": "def guess(x):\n    kept = []\n    while True: kept.append(bytearray(b'x' * (8 << 20)))\n",
}


@pytest.mark.parametrize("name", MEMORY)
def test_too_much_memory_has_its_status_and_no_score(name):
    with open_worker(("numpy",)) as worker:
        verdict = Referee(Patient(), worker, b"secret").judge(Program.of(MEMORY[name]))
    assert (verdict.status, verdict.score) == (Status.OUT_OF_MEMORY, None)
    assert "memory" in verdict.reason


def test_a_hundred_bad_programs_leave_honest_scores_bit_identical(referee):
    before = referee.judge(Program.of(GOOD))
    quick = [text for name, (text, _) in ENDINGS.items() if name not in ("loops forever", "sleeps")]
    quick.append(MEMORY["eats"])
    for number in range(100):
        assert referee.judge(Program.of(quick[number % len(quick)])).score is None
    after = referee.judge(Program.of(GOOD))
    assert before.status is Status.SCORED
    assert (after.score, after.results, after.metrics) == (before.score, before.results, before.metrics)


def test_nothing_of_the_valid_tier_is_told_to_the_writer(referee):
    shy = "calls = 0\ndef guess(x):\n    global calls\n    calls += 1\n    print('saw', x)\n    return 3.0 * x + 1.0\n"
    verdict = referee.judge(Program.of(shy))
    valid = [row.result.feedback for row in verdict.results if row.tier is Tier.VALID]
    assert len(valid) == 4
    assert all(text not in verdict.feedback for text in valid)
    assert verdict.feedback.count("saw") <= 2
    problem, worker = Quick(), referee.worker
    for index in range(4):
        value = Referee(problem, worker, b"secret")._instance(Tier.VALID, index)
        text = f"def guess(x):\n    if x == {value!r}: raise ValueError(f'leak {{x}}')\n    return 1.0\n"
        failed = Referee(problem, worker, b"secret").judge(Program.of(text))
        assert (failed.status, failed.stage) == (Status.CRASHED, "full")
        assert "leak" not in failed.reason + failed.feedback
        assert failed.reason == "crashed on an instance that is kept secret (details withheld)"


def test_results_do_not_depend_on_how_instances_are_cut_into_blocks(referee):
    class Cut(Quick):
        block_size = 3

    text = "import random\nimport numpy as np\ndef guess(x):\n    return 3.0 * x\n"
    with open_worker(("numpy",)) as worker:
        cut = Referee(Cut(), worker, b"secret").judge(Program.of(text))
    whole = referee.judge(Program.of(text))
    assert cut.results == whole.results


def test_a_shipped_problem_scores_each_of_its_seeds():
    problem = load_problem("online_bin_packing", {"items": "300"})
    with open_worker(tuple(problem.runtime)) as worker:
        referee = Referee(problem, worker, b"secret")
        scores = {name: referee.judge(Program.of(text)).score for name, text in problem.seeds.items()}
    assert all(score is not None and score.count == 20 for score in scores.values())


def champion(error: float) -> Bar:
    """With this error on every valid instance there is for a promotion."""
    rows = [InstanceResult(Tier.VALID, index, Result({"error": error})) for index in range(Quick.promotions[-1])]
    return Bar.of("best", rows)


def test_what_beats_the_best_one_known_is_played_on_fresh_instances_and_only_that(referee):
    program = Program.of(GOOD)
    base = referee.judge(program)
    assert base.score.count == 4
    below = referee.judge(program, champion=Bar.of(program.id, base.results))
    assert below.results == base.results
    above = referee.judge(program, champion=champion(100.0))
    assert above.score.count == Quick.promotions[-1]
    assert above.results[: len(base.results)] == base.results
    rows = [(row.tier, row.index) for row in above.results]
    assert len(set(rows)) == len(rows) == 2 + above.score.count


def test_a_lucky_champion_falls_back_below_the_bar_at_its_first_promotion(referee):
    lucky = "def guess(x):\n    return 3.0 * x + (1.0 if x in {values!r} else 0.0)\n"
    values = [referee._instance(Tier.VALID, index) for index in range(4)]
    verdict = referee.judge(Program.of(lucky.format(values=values)), champion=champion(0.5))
    assert verdict.score.count == Quick.promotions[0]
    assert verdict.score.value <= -0.5


def test_a_champion_that_has_played_easier_instances_too_is_compared_on_those_that_both_have_played(referee):
    program = Program.of(GOOD)
    base = [row for row in referee.judge(program).results if row.tier is Tier.VALID]
    worse = [replace(row, result=Result({"error": row.result.metrics["error"] + 0.01})) for row in base]
    easier = [InstanceResult(Tier.VALID, index, Result({"error": 0.0})) for index in range(4, 40)]
    verdict = referee.judge(program, champion=Bar.of("best", [*worse, *easier]))
    assert verdict.score.count == Quick.promotions[0]


LEAKS = {
    "the exception's name": "raise type('x' + str(x).replace('.', '_').replace('-', 'm'), (Exception,), {})()",
    "a shape": "import numpy; return numpy.empty((0, abs(int(x * 1e6))))",
    "an exit code": "import os; os._exit(int(abs(x) * 100))",
    "what it prints": "print(x); raise ValueError(x)",
}


@pytest.mark.parametrize("way", LEAKS)
def test_a_failure_on_a_secret_instance_carries_nothing_out(referee, way):
    train = [referee._instance(Tier.TRAIN, index) for index in range(2)]
    text = f"def guess(x):\n    if x not in {train!r}:\n        {LEAKS[way]}\n    return 1.0\n"
    told = {(v.reason, v.feedback.replace("guessed 1.0 at ", "")) for v in [referee.judge(Program.of(text))]}
    [(reason, feedback)] = told
    assert reason.endswith("on an instance that is kept secret (details withheld)")
    assert feedback.split() == [str(x) for x in train]
    held_out = referee.examine(Program.of(text), Tier.TEST, range(2))
    assert held_out.reason.endswith("(details withheld)")


def test_what_a_program_prints_is_told_where_everybody_can_draw_the_same_instances(referee):
    program = Program.of("def guess(x):\n    print('saw', x)\n    return 1.0\n")
    public = Referee(Quick(), referee.worker, PUBLIC_SECRET).examine(program, Tier.VALID, range(2))
    assert public.feedback.count("saw") == 2
    assert "guessed" not in public.feedback
    secret = referee.examine(program, Tier.VALID, range(2))  # as when a campaign's verdict is made again
    assert secret.feedback == ""


def test_a_module_that_is_not_there_is_told_once_and_with_what_there_is(referee):
    seen = referee.judge(Program.of("import no_such_package\ndef guess(x):\n    return 1.0\n"))
    first, *rest = seen.reason.splitlines()
    assert first == (
        "could not be loaded: ModuleNotFoundError: No module named 'no_such_package'. "
        "It may import the standard library and numpy, nothing else"
    )
    assert [line.strip() for line in rest] == [
        'File "/tmp/program/program.py", line 1, in <module>',
        "import no_such_package",
    ]
    late = referee.judge(Program.of("def guess(x):\n    import no_such_package\n"))
    assert "It may import the standard library and numpy, nothing else" in late.reason


def test_what_a_program_used_while_it_was_loaded_is_counted(referee):
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    text = f"{busy}1 / 0\ndef guess(x): pass\n"
    verdict = referee.judge(Program.of(text))
    assert verdict.status is Status.CRASHED
    assert verdict.cpu_seconds > 0.2


class Asking(Quick):
    """Hands the program a callable."""

    def run(self, program, instance, exam):
        def strict(number):
            if not isinstance(number, float):
                raise Invalid("asked with something that is no number")
            return number

        return Result({"error": abs(program.guess(strict))})


@pytest.mark.parametrize("call", ["f()", "f('x')", "f(1.0, 2.0)", "f(*[0] * 9)"])
def test_a_callable_called_wrongly_fails_the_program_and_not_the_referee(referee, call):
    asking = Referee(Asking(), referee.worker, b"secret")
    assert asking.judge(Program.of(f"def guess(f):\n    return {call}\n")).status is Status.INVALID
    assert asking.judge(Program.of("def guess(f):\n    return f(0.5)\n")).metrics == {"error": 0.5}


def test_a_part_of_ours_that_is_gone_is_no_verdict(referee):
    class Gone(Quick):
        def prepare(self, program, instances, exam):
            raise Unavailable("the device is gone")

    with pytest.raises(Unavailable, match="the device is gone"):
        Referee(Gone(), referee.worker, b"secret").judge(Program.of(GOOD))


def test_a_list_of_another_shape_is_refused_before_it_is_made_an_array():
    nested = [[0.0] * 3] * 4
    assert real_array(nested, (4, 3), "f").shape == (4, 3)
    for value in (nested[:3], [[0.0] * 2] * 4, [["1"] * 3] * 4, [[None] * 3] * 4, [[[0.0]] * 3] * 4):
        with pytest.raises(Invalid, match="not numbers of shape"):
            real_array(value, (4, 3), "f")
    with pytest.raises(Invalid, match="too large"):
        real_array([10**400], (1,), "f")


@pytest.mark.parametrize("value", ["1e308 * (1 if x > 0 else -1)", "1.7e308", "1e200 * x", "-1e300 * x"])
def test_huge_answers_end_with_a_status_and_never_end_the_referee(referee, value):
    verdict = referee.judge(Program.of(f"def guess(x):\n    return {value}\n"))
    assert verdict.status in (Status.SCORED, Status.INVALID)
    assert (verdict.score is None) == (verdict.status is Status.INVALID)


class Numpy(Quick):
    """Sums up with numpy, as one does."""

    def aggregate(self, results):
        errors = np.array([result.metrics["error"] for result in results])
        return Score(-errors.mean(), errors.std(), len(results))


class Forgetful(Quick):
    def summarize(self, results):
        return {}


class Drained(Quick):
    def generate(self, tier, index, rng):
        raise KeyError(f"secret of {tier}")


def test_a_score_of_numpy_is_a_plain_number(referee):
    score = Referee(Numpy(), referee.worker, b"secret").judge(Program.of(GOOD)).score
    assert (type(score.value), type(score.standard_error)) == (float, float)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Forgetful, "Forgetful could not sum up the results: KeyError in problem.py, line"),
        (Drained, "Drained.generate(train, 0) failed: KeyError in test_referee.py, line"),
    ],
)
def test_a_fault_of_the_problem_s_own_code_says_where_it_lies(referee, problem, told):
    verdict = Referee(problem(), referee.worker, b"secret").judge(Program.of(GOOD))
    assert (verdict.status, verdict.reason.startswith(told)) == (Status.INVALID, True), verdict.reason
    assert "secret" not in verdict.reason
