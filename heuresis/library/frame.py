"""Entries as a table for pandas, which is imported here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from heuresis.errors import ConfigError
from heuresis.library.found import Found

if TYPE_CHECKING:
    from pandas import DataFrame

_COLUMNS = (
    "sequence", "campaign", "problem", "id", "status", "metric", "unit", "value", "standard_error", "low", "high",
    "tier", "count", "bound", "operator", "parents", "idea", "reason", "cost_usd", "tokens", "isolation", "quarantine",
    "self_reported", "code",
)  # fmt: skip


def dataframe(entries: Iterable[Found]) -> DataFrame:
    """A row per entry in commit order; further columns `metric.NAME` and `measure.NAME`. Raises ConfigError."""
    try:
        import pandas
    except ImportError as error:
        hint = "pip install 'heuresis[dataframe]'"
        raise ConfigError("to_dataframe", "pandas to be installed", "no pandas", hint) from error
    rows = [_row(one) for one in entries]
    if not rows:
        return pandas.DataFrame(columns=list(_COLUMNS))
    return pandas.DataFrame(rows)


def _row(one: Found) -> dict[str, object]:
    ends = one.interval
    row: dict[str, object] = {"low": ends.low if ends else None, "high": ends.high if ends else None}
    row = {name: row[name] if name in row else getattr(one, name) for name in _COLUMNS}
    row["status"] = one.status.value
    row |= {f"metric.{name}": value for name, value in one.metrics.items()}
    return row | {f"measure.{name}": value for name, value in one.measures.items()}
