"""`Archive`: a store to look at from Python. Looking changes nothing that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from heuresis.archive.records import CampaignRecord, Look
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.evaluators.adopted.problem import absolute_reference
from heuresis.library.arguments import ProblemLike, problem_name
from heuresis.library.defaults import DEFAULT_STORAGE
from heuresis.library.found import Found, found_of, objective_of
from heuresis.library.mistakes import in_python
from heuresis.plugins import absolute

if TYPE_CHECKING:
    from pandas import DataFrame


class Archive:
    """What a store holds. Safe to use from several threads; good as a context manager, and without.

    Where a program is asked for: `campaign` means that campaign; `problem` (a name, a reference, a class) means all
    campaigns of that problem, which must agree in its code and settings; neither means all campaigns, which must be of
    one problem. Campaigns whose programs report their own scores take part only when they are named. Programs in
    quarantine are never among the best.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def campaigns(self) -> tuple[str, ...]:
        """Names, in the order in which they were begun."""
        return tuple(record.name for record in self._store.campaigns())

    def best(self, problem: ProblemLike | None = None, *, campaign: str | None = None) -> Found:
        """The program that ranks first, of equals the first. Raises ConfigError when there is none."""
        found = self.top(1, problem, campaign)
        if not found:
            whose = campaign or problem or "this store"
            raise ConfigError("best", "a program with a score", f"none yet in {whose}", "Let the search run on.")
        return found[0]

    @in_python()
    def top(self, count: int = 10, problem: ProblemLike | None = None, campaign: str | None = None) -> list[Found]:
        """The best programs by rank (see `Found.bound`), each once, best first; fewer where there are fewer."""
        if type(count) is not int or count < 1:
            raise ConfigError("count", "a whole number above 0", count)
        ranked = []
        for record in self._chosen(problem, campaign):
            for entry in self._store.top(record.name, count):
                if entry.rank is not None and entry.proposal.program is not None:
                    ranked.append((-entry.rank, entry.sequence, record, entry))
        ranked.sort(key=lambda row: row[:2])
        first = {row[3].proposal.program: row for row in reversed(ranked)}
        kept = [row for row in ranked if first[row[3].proposal.program] is row][:count]
        return [found_of(self._store, record, entry) for _, _, record, entry in kept]

    @in_python()
    def get(self, id: str, campaign: str | None = None) -> Found:
        """The program whose id begins so (4 digits or more), as in the campaign, or in the one where it did best.

        Without `campaign`, campaigns whose programs report their own scores count only where no other has the program;
        of campaigns whose scores cannot be compared, those of the newest one's problem, code and settings count.
        """
        entry = self._store.entry(None if campaign is None else self._one(campaign).name, id)
        return found_of(self._store, self._one(entry.campaign), entry)

    def entries(self, campaign: str | None = None) -> Iterator[Found]:
        """Everything that was proposed and judged, in commit order, failures too; a page in memory at a time.

        Campaigns whose programs report their own scores are left out unless they are named.
        """
        for record in self._named(campaign):
            if campaign is None and record.self_reported:
                continue
            for entry in self._store.entries(record.name):
                yield found_of(self._store, record, entry)

    def looks(self, campaign: str | None = None) -> list[Look]:
        """Every opening of a held-out tier so far, oldest first. Opens none."""
        return [look for record in self._named(campaign) for look in self._store.looks(record.name)]

    def to_dataframe(self, campaign: str | None = None) -> DataFrame:
        """A row for each of `entries`, as a pandas DataFrame.

        Needs the extra `dataframe`: pip install 'heuresis[dataframe]'.
        """
        from heuresis.library.frame import dataframe

        return dataframe(self.entries(campaign))

    def close(self) -> None:
        """Give the file back."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Archive {self._store.path}: {', '.join(self.campaigns) or 'no campaign'}>"

    def _named(self, campaign: str | None) -> list[CampaignRecord]:
        return self._store.campaigns() if campaign is None else [self._one(campaign)]

    def _one(self, campaign: str) -> CampaignRecord:
        record = self._store.campaign(campaign)
        if record is None:
            raise ConfigError("campaign", f"one of {', '.join(self.campaigns) or 'none: the store is empty'}", campaign)
        return record

    def _chosen(self, problem: ProblemLike | None, campaign: str | None) -> list[CampaignRecord]:
        records = self._store.campaigns()
        if campaign is not None:
            record = self._one(campaign)
            if problem is not None and not _is_of(record, problem):
                raise ConfigError("campaign", f"a campaign of {problem}", f"{campaign}, which is of {record.problem}")
            return [record]
        if problem is not None:
            return self._of_problem(records, problem)
        refereed = [record for record in records if not record.self_reported]
        if records and not refereed:
            raise ConfigError(
                "campaign", f"one of {_names(records)}", "none", "Their programs report their own scores."
            )
        return _agreeing(refereed, "problem")

    def _of_problem(self, records: list[CampaignRecord], problem: ProblemLike) -> list[CampaignRecord]:
        chosen = [record for record in records if _is_of(record, problem)]
        if not chosen:
            known = ", ".join(dict.fromkeys(record.problem for record in records)) or "none: the store has no campaign"
            raise ConfigError("problem", f"one that the store has a campaign of ({known})", problem_name(problem))
        return _agreeing(chosen, "campaign")


@in_python()
def open(url: str = DEFAULT_STORAGE) -> Archive:
    """The store at `sqlite:///FILE`, to look at: its best programs, all entries, everything as a table.

        rule = heuresis.open("sqlite:///heuresis.db").best("online_bin_packing").load()

    A store that an older Heuresis made is brought up to date first, once; nothing else is ever written. Raises
    ConfigError where there is no store. The environment variable HEURESIS_STORAGE is the command line's alone.
    """
    return Archive(Store.open(url, create=False))


def _is_of(record: CampaignRecord, problem: ProblemLike) -> bool:
    return record.problem == absolute_reference(absolute(problem_name(problem)))


def _agreeing(records: list[CampaignRecord], key: str) -> list[CampaignRecord]:
    """The records, which are of one problem with one code and one set of settings; scores of others do not compare."""
    if len({record.scale for record in records}) > 1:
        hint = "Their problems differ in name, code or settings, so their scores cannot be compared."
        expected = "the name of one problem, or campaign=NAME" if key == "problem" else "the name of one"
        raise ConfigError(key, expected, f"several campaigns: {_names(records)}", hint)
    return records


def _names(records: list[CampaignRecord]) -> str:
    return ", ".join(f"{record.name} ({objective_of(record).metric})" for record in records)
