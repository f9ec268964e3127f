"""A check's own past: what it measured on each version that readers got, each version once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ROWS = "rows"  # the figure that every check's results tell of its table


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run measured.

    Attributes:
        at: when the run began.
        version: the Delta version that was judged; None for a view.
        numbers: the figures by name.
    """

    at: datetime
    version: int | None
    numbers: Mapping[str, float] = field(default_factory=dict)


def by_check(results: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Measured, ...]]:
    """Returns the past of each check by its id, oldest first, and under `ROWS` the rows of the table.

    A candidate that was withheld does not count; a version that was judged several times counts once, when it was judged
    first; nor does a view count again on the same day with the same figures.

    Args:
        results: of one table, oldest first; see `results.COLUMNS`.
    """
    found: dict[str, dict[tuple[Any, ...], Measured]] = {}
    for row in results:
        if not row["is_published"]:
            continue
        numbers = {name: float(value) for name, value in (row["numbers"] or {}).items()}
        _add(found, row["check_id"], row, numbers)
        if row["row_count"] is not None:
            _add(found, ROWS, row, {"figure": float(row["row_count"])})
    return {name: tuple(past.values()) for name, past in found.items()}


def _add(
    found: dict[str, dict[tuple[Any, ...], Measured]], name: str, row: Mapping[str, Any], numbers: dict[str, float]
) -> None:
    version = row["version"]
    same = (version,) if version is not None else (None, row["run_at"].date(), tuple(sorted(numbers.items())))
    found.setdefault(name, {}).setdefault(same, Measured(at=row["run_at"], version=version, numbers=numbers))
