"""Whether a landing found every path that its contract names, as a check of the landed table; read from its commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.model import SourceTable
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.result import CheckResult, SuiteResult

LEAST_ROWS = 100


def with_paths(checks: SuiteResult, table: SourceTable, warehouse: Warehouse) -> SuiteResult:
    """Returns the table's checks with one more: whether some record of the last landing has each path of the contract."""
    found = coverage(delta.metadata(warehouse.path(table.table)).get("drift") or {}, table)
    return checks if found is None else replace(checks, results=(*checks.results, found))


def coverage(drift: Mapping[str, Any], table: SourceTable) -> CheckResult | None:
    """Returns the check; None where the landing counted nothing, or too few rows to say.

    A column with `meta: {optional: true}` in `sources.yml` may be missing throughout.

    Args:
        drift: what a landing's commit says of its paths: rows, filled (rows by path), lost (paths with what they may be
            called now).
    """
    from expectations.causes import DEAD
    from expectations.result import CheckResult
    from expectations.suite import Expectation

    rows, filled = int(drift.get("rows") or 0), dict(drift.get("filled") or {})
    if rows < LEAST_ROWS or not filled:
        return None
    optional = {column.name for column in table.columns if column.meta.get("optional") is True}
    empty = [path for path, count in filled.items() if not count and path.split(".")[0].split("[")[0] not in optional]
    missing = [path for path in empty if not any(path.startswith((f"{one}.", f"{one}[]")) for one in empty)]
    guesses = {one["path"]: one["may_be"] for one in drift.get("lost") or () if one.get("may_be")}
    expectation = Expectation(
        type="expect_paths_to_exist",
        arguments={"paths": missing or list(filled)},
        severity="warn",
        name="paths of the contract",
        place=table.place,
    )
    numbers = {"rows": rows, "paths": len(filled), "missing": missing}
    if not missing:
        said = f"Each of {len(filled):,} paths of the contract is filled in some of {rows:,} records."
        return CheckResult(
            expectation=expectation, status="pass", level="pass", check="D10b", observed="all there", message=said,
            numbers=numbers,
        )  # fmt: skip
    return CheckResult(
        expectation=expectation,
        status="warn",
        level="fail",
        check="D10b",
        observed=f"{len(missing)} of {len(filled)} paths missing",
        message=f"None of {rows:,} landed records of {table.label} has {', '.join(missing)}.",
        cause=DEAD,
        evidence=tuple(
            f"{path} is filled in no record."
            + (f' Records have "{guesses[path]}", which no contract names.' if path in guesses else "")
            for path in missing
        ),
        what_to_do=f"Compare the names in {table.place.split(':')[0]} with the records: a path that does not exist is "
        'null in every row. A column that may be missing gets "meta: {optional: true}".',
        numbers=numbers,
    )
