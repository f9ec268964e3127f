"""After the judging: each flagged check gets the cause and the slices that its rows tell, in few jobs for all of them.

Runs only where something is flagged: one job for the questions of `diagnose`, two for the slices of `where`, the store
that rows come from among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from expectations.compute import Data, compute
from expectations.definition import Aggregate, Need, Query, quoted
from expectations.diagnosis import diagnose
from expectations.diagnosis.origins import Label, Origins, label_of, store_of
from expectations.diagnosis.where import (
    MOST_CELLS,
    MOST_COLUMNS,
    MOST_VALUES,
    STORE,
    Cell,
    Window,
    cells_sql,
    locate,
    window_of,
)
from expectations.result import CheckResult

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

_MOST_CHECKS = 12  # whose rows are located; suites with more flagged ones have a common cause
_WORD = re.compile(r"\w+")


def explain(
    results: Sequence[CheckResult],
    data: Data,
    columns: Mapping[str, str],
    rows: int | None,
    origins: Callable[[], Origins | None] = lambda: None,
) -> tuple[tuple[CheckResult, ...], int]:
    """Returns the results with sharper causes and their slices, and the Spark jobs that it took.

    What cannot be computed leaves a check as it was.

    Args:
        origins: tells the stores that the table is made of; asked only where a check is flagged.
    """
    judged = [diagnose.at_once(one, rows) if _is_open(one) else one for one in results]
    jobs = 0
    asked: dict[int, Mapping[str, Need]] = {}
    for index, one in enumerate(judged):
        if _is_open(one) and (needs := diagnose.questions(one, columns)):
            asked[index] = needs
    if asked:
        computed = compute(data, [need for needs in asked.values() for need in needs.values()])
        jobs += computed.jobs
        for index, needed in asked.items():
            if not any(need in computed.failures for need in needed.values()):
                values = {name: computed.values[need] for name, need in needed.items()}
                judged[index] = diagnose.answer(judged[index], values)
    open_rows = [i for i, one in enumerate(judged) if _is_open(one) and one.failing and one.slice is None][
        :_MOST_CHECKS
    ]
    stores = origins() if any(_is_open(one) for one in judged) else None
    if open_rows and (rows is None or rows > 1):
        found, more = _slices([judged[i] for i in open_rows], data, stores)
        jobs += more
        for index, slices in zip(open_rows, found, strict=True):
            if slices:
                placed = replace(judged[index], slice=slices[0], where=slices[1:])
                judged[index] = diagnose.located(placed)
    if stores is not None:
        judged = [_with_store(one, stores, rows or 0) if _is_open(one) else one for one in judged]
    return tuple(judged), jobs


def _with_store(one: CheckResult, origins: Origins, rows: int) -> CheckResult:
    """Returns a check with the store that its columns come from as a slice, the last of those that it has."""
    found = store_of(origins, one, rows)
    known = [part for part in (one.slice, *one.where) if part is not None]
    if found is None or any(part.column == STORE for part in known):
        return one
    first, *rest = [*known, found]
    return replace(one, slice=first, where=tuple(rest))


def _is_open(one: CheckResult) -> bool:
    return one.status != "pass" and not one.error


def _slices(checks: Sequence[CheckResult], data: Data, origins: Origins | None) -> tuple[list[tuple[Any, ...]], int]:
    """Returns the slices of each check's failing rows."""
    nothing: list[tuple[Any, ...]] = [() for _ in checks]
    texts, dates = slicing_columns(data.frame.schema)
    named = {word for check in checks for word in check.expectation.columns}
    texts = {name: sql for name, sql in texts.items() if name not in named and name.split(".")[0] not in named}
    probe: dict[str, Need] = {
        name: Aggregate(call=f"approx_count_distinct({sql}, 0.05D)") for name, sql in list(texts.items())[:MOST_COLUMNS]
    }
    for name, sql in list(dates.items())[:4]:
        probe[f"first {name}"] = Aggregate(call=f"min(CAST({sql} AS DATE))")
        probe[f"last {name}"] = Aggregate(call=f"max(CAST({sql} AS DATE))")
    missing = origins.missing() if origins is not None else {}
    probe |= {f"missing {name}": need for name, need in missing.items()}
    if not probe and (origins is None or not origins.unioned):
        return nothing, 0
    known = compute(data, list(probe.values()))
    if known.failures:
        return nothing, known.jobs
    values = {name: known.values[need] for name, need in probe.items()}
    chosen = [(name, sql) for name, sql in texts.items() if 2 <= values.get(name, 0) <= MOST_VALUES]
    window = next(
        (
            found
            for name, sql in dates.items()
            if f"first {name}" in values and (found := window_of(sql, values[f"first {name}"], values[f"last {name}"]))
        ),
        None,
    )
    label = None
    if origins is not None:
        label = label_of(origins, {name: values[f"missing {name}"] for name in missing}, data.frame)
    if label is not None:
        chosen = [*((name, sql) for name, sql in chosen if name != STORE), (STORE, label.sql)]
        data = data if label.frame is None else Data(label.frame, {})
    if not chosen and window is None:
        return nothing, known.jobs
    query = Query(sql=cells_sql(chosen, window, [one.failing for one in checks]), limit=MOST_CELLS)
    counted = compute(data, [query])
    jobs = known.jobs + counted.jobs
    if query in counted.failures or len(counted.values[query]) >= MOST_CELLS:
        return nothing, jobs
    return [_own(checks, number, counted.values[query], window, label) for number in range(len(checks))], jobs


def _own(
    checks: Sequence[CheckResult],
    number: int,
    rows: Sequence[Mapping[str, Any]],
    window: Window | None,
    label: Label | None,
) -> tuple[Any, ...]:
    """Returns one check's slices; by columns that its own condition names, there are none."""
    words = set(_WORD.findall(checks[number].failing))
    if label is not None and words & label.columns:
        words.add(STORE)
    cells = [
        Cell(
            column=row["c"],
            value=row["v"],
            span=row["span"],
            rows=row["n"],
            failing=tuple(row[f"f{i}"] for i in range(len(checks))),
        )
        for row in rows
    ]
    return locate([one for one in cells if one.column.rsplit(".", 1)[-1] not in words], number, window)


def slicing_columns(schema: StructType) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the columns that can slice rows, with their SQL: texts and truths, and dates and times; two levels deep."""
    texts: dict[str, str] = {}
    dates: dict[str, str] = {}

    def look(fields: StructType, prefix: str) -> None:
        for field in fields.fields:
            name = f"{prefix}{field.name}"
            kind = field.dataType.simpleString()
            if kind in ("string", "boolean") and not field.name.startswith("_"):
                texts[name] = quoted(name)
            elif kind in ("date", "timestamp", "timestamp_ntz") and not field.name.startswith("_"):
                dates[name] = quoted(name)
            elif kind.startswith("struct<") and not prefix:
                look(field.dataType, f"{name}.")  # type: ignore[arg-type]

    look(schema, "")
    return texts, dates
