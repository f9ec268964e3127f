"""Rows of a model that fail a check, put into quarantine instead of stopping the build.

A candidate is split: the good rows are published, the bad ones go into `<model>__quarantine`, each with all its reasons.
Published and quarantined rows together are the candidate, which every split looks at. The model's SQL is not evaluated
again: the split reads and changes the candidate. A full build replaces the quarantine; an incremental one adds to it, and
takes out what was delivered anew: the rows of keys, partitions, predicates or batches that the build wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.setting_aside import EXIST_IN, QUARANTINE, UNIQUE
from runner import delta
from runner.delta import log as delta_log
from runner.errors import ContractError
from runner.incremental import replaced_where
from runner.materialize.candidate import Candidate, Work
from runner.materialize.microbatch import between, event_time
from runner.model import Model
from runner.names import TableRef
from runner.publishing.journal import Step, check_unchanged
from runner.quality.failing_rows import rows_failing
from runner.sources.quarantine import SUFFIX

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from expectations.definition import Level
    from expectations.result import CheckResult, SuiteResult
    from expectations.suite import Suite

REASONS = "_reasons"
_RUN = "_run_id"
_AT = "_quarantined_at"
_FLAG = "__reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A candidate without its bad rows, and the quarantine as it is to be.

    Attributes:
        rows: of the candidate before.
        aside: of them, put aside by this build.
        table: the quarantine's table.
        path: its candidate; None where nothing of it changes.
        reasons: how many rows fail each check, in words.
        too_many: more rows than the suite allows would go: the candidate is as it was.
    """

    candidate: Candidate
    rows: int
    aside: int
    table: TableRef
    path: Path | None
    read_version: int | None
    reasons: tuple[str, ...] = ()
    too_many: bool = False

    def step(self, folder: Path, *, model: str, run_id: str) -> Step | None:
        """Returns the publication of the quarantine, which goes with the model's own; None where nothing of it changes.

        Args:
            folder: of all tables.
            model: the model's unique id.
        """
        path, table = self.path, self.table.path(folder)
        if path is None:
            return None

        def act(journal: str) -> int:
            metadata = {"sluice": 1, "kind": "quarantine", "of": model, "run_id": run_id, "journal": journal}
            return delta.publish(table, path, user_metadata=metadata, read_version=self.read_version)

        return Step(
            label=str(self.table), table=table, act=act, check=lambda: check_unchanged(table, self.read_version)
        )

    def discard(self) -> None:
        """Removes the quarantine's candidate: nothing of it is published."""
        if self.path is not None:
            delta.discard(self.path)


def split(
    work: Work,
    candidate: Candidate,
    suite: Suite,
    checks: SuiteResult,
    *,
    inputs: Mapping[str, DataFrame],
    run_id: str,
) -> Split | None:
    """Splits a candidate by what its checks found; None where it has no bad row and its quarantine stays as it is.

    Args:
        checks: what all checks said of the candidate.
        inputs: the tables that checks compare with, by their names in the suite.

    Raises:
        ContractError: rows got lost or doubled in splitting: nothing is published.
    """
    table = work.model.table.with_suffix(SUFFIX)
    folder = work.warehouse.path(table)
    there = delta.version(folder)
    failed = [one for one in checks.results if one.expectation.on_failure == QUARANTINE and one.level != "pass"]
    failed = [one for one in failed if rows_failing(candidate.frame, one, inputs) is not None]
    before = in_quarantine(work.warehouse.root, work.model.table)
    if not failed and (not before or candidate.unchanged):
        return None
    assert candidate.path is not None
    rows = candidate.rows if candidate.rows is not None else candidate.frame.count()
    marked, reasons = _marked(candidate.frame, failed, inputs)
    bad = _bad(marked, reasons, run_id)
    path = delta.new_candidate(folder)
    counts = tuple(f"{one.failing_count or 0:,} rows: {_reason(one)}." for one in failed)
    made = Split(candidate=candidate, rows=rows, aside=0, table=table, path=path, read_version=there, reasons=counts)
    try:
        bad.write.format("delta").save(str(path))
        aside = _count(work, path)
        if aside > suite.max_quarantine_share * rows:
            delta.discard(path)
            return replace(made, aside=aside, path=None, too_many=True)
        if before and work.incremental:
            kept = _not_delivered(work, candidate, work.warehouse.read(folder))
            if kept is not None:
                options = {"mergeSchema": "true"}
                kept.write.format("delta").mode("append").options(**options).save(str(path))
        if not aside and _count(work, path) == before:
            delta.discard(path)
            return None
        if aside:
            candidate = _without(work, candidate, marked, reasons, failed)
    except BaseException:
        delta.discard(path)
        raise
    left = candidate.rows if candidate.rows is not None else candidate.frame.count()
    if left + aside != rows:
        delta.discard(path)
        raise ContractError(
            f"{work.model.label}: {rows:,} rows were split into {left:,} to publish and {aside:,} for quarantine, which "
            "do not add up. Nothing was published. Please report this."
        )
    return replace(made, candidate=candidate, aside=aside)


def told(found: Split, checks: SuiteResult, suite: Suite) -> SuiteResult:
    """Returns the checks of what is left, with the quarantine as one more: a warning, or a failure where it is too much.

    Args:
        checks: what the checks say of the rows that are left; where too many would go, of all of them.
    """
    from expectations.words import percent

    if not found.aside:
        return checks
    counted = f"{found.aside:,} of {found.rows:,} rows ({percent(found.aside / found.rows)})"
    if not found.too_many:
        return _with(
            checks,
            suite,
            found.table,
            f"{counted} went into quarantine",
            level="warn",
            aside=found.aside,
            evidence=found.reasons,
        )
    allowed = percent(suite.max_quarantine_share)
    said = f"{counted} would go into quarantine, and max_quarantine_share allows {allowed}: nothing is published"
    return _with(checks, suite, found.table, said, level="fail", aside=found.aside, evidence=found.reasons)


def still_apart(folder: Path, model: Model, checks: SuiteResult, suite: Suite) -> SuiteResult:
    """Returns the checks of what is published, with a warning where rows of the model are in quarantine."""
    aside = in_quarantine(folder, model.table) if suite.quarantines else 0
    if not aside:
        return checks
    table = model.table.with_suffix(SUFFIX)
    are = "row is" if aside == 1 else "rows are"
    return _with(checks, suite, table, f"{aside:,} {are} in quarantine", level="warn", aside=aside)


def _with(
    checks: SuiteResult,
    suite: Suite,
    table: TableRef,
    said: str,
    *,
    level: Level,
    aside: int,
    evidence: tuple[str, ...] = (),
) -> SuiteResult:
    from expectations.result import CheckResult
    from expectations.suite import Expectation

    expectation = Expectation(
        type="expect_share_between",
        arguments={"condition": f"the row is in {table}", "max_share": suite.max_quarantine_share},
        severity="error" if level == "fail" else "warn",
        name="rows in quarantine",
        place=str(suite.path or ""),
    )
    rows = "run show {} --failures" if level == "fail" else "run show {} --quarantine"
    result = CheckResult(
        expectation=expectation,
        status=level,
        level=level,
        observed=f"{aside:,} rows",
        message=f"{said}. The rows and their reasons: {rows.format(suite.model)}",
        evidence=evidence,
        what_to_do="Look at the rows and their reasons; mend the model's SQL, or their source.",
        failing_count=aside,
        numbers={"quarantined": aside},
    )
    return replace(checks, results=(*checks.results, result))


def in_quarantine(folder: Path, table: TableRef) -> int:
    """Returns how many rows of a model are in quarantine, by its log."""
    path = table.with_suffix(SUFFIX).path(folder)
    return (delta.row_count(path) or 0) if delta.is_table(path) else 0


def _marked(
    frame: DataFrame, failed: Sequence[CheckResult], inputs: Mapping[str, DataFrame]
) -> tuple[DataFrame, list[Column]]:
    """Returns the frame with what is needed to tell its bad rows, each of its rows once; and each check's reason as a column."""
    from pyspark.sql import functions as F

    reasons: list[Column] = []
    for number, one in enumerate(failed):
        expectation = one.expectation
        said = F.lit(_reason(one))
        if one.failing:
            reasons.append(F.when(F.expr(one.failing), said))
            continue
        flag = f"{_FLAG}{number}"
        if expectation.type in UNIQUE:
            frame = _repeated(frame, one, flag)
        else:
            assert expectation.type == EXIST_IN
            bad = rows_failing(frame, one, inputs)
            assert bad is not None
            value = _value_of(one)
            found = bad.select(value.alias(f"{flag}v")).distinct()
            frame = frame.join(found, value == F.col(f"{flag}v"), "left")
            frame = frame.withColumn(flag, F.col(f"{flag}v").isNotNull() & _counts(one)).drop(f"{flag}v")
        reasons.append(F.when(F.col(flag), said))
    return frame, reasons


def _repeated(frame: DataFrame, one: CheckResult, flag: str) -> DataFrame:
    """Flags the rows whose key occurs more than once; all but the first of each where `keep` gives an order."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from expectations.definition import quoted
    from runner.quality.failing_rows import repeats

    expectation = one.expectation
    key = [F.expr(quoted(column)) for column in expectation.columns]
    counts = repeats(expectation, key) & _counts(one)
    together = Window.partitionBy(*key, counts)
    if expectation.keep:
        keys = ", ".join(quoted(column) for column in expectation.columns)
        frame = frame.withColumn(f"{flag}c", counts)
        number = F.expr(f"row_number() over (partition by {keys}, `{flag}c` order by {expectation.keep})")
        return frame.withColumn(flag, F.col(f"{flag}c") & (number > 1))
    return frame.withColumn(flag, counts & (F.count(F.lit(1)).over(together) > 1))


def _counts(one: CheckResult) -> Column:
    """Returns the condition that the check looks at a row."""
    from pyspark.sql import functions as F

    where = one.expectation.where
    return F.coalesce(F.expr(where), F.lit(False)) if where else F.lit(True)


def _value_of(one: CheckResult) -> Column:
    from pyspark.sql import functions as F

    from expectations.definition import quoted

    column = quoted(one.expectation.column)
    return F.expr(f"nullif({column}, '')" if one.expectation.arguments.get("empty_is_null") else column)


def _reason(one: CheckResult) -> str:
    """Returns why a row is in quarantine: the check, and the line it is written at."""
    expectation = one.expectation
    name = expectation.name or f"{expectation.type}({', '.join(expectation.columns)})"
    if expectation.type == "expect_rows_to_satisfy" and not expectation.name:
        name = f"not {expectation.arguments['condition']}"
    return f"{name} ({expectation.place})" if expectation.place else name


def _bad(marked: DataFrame, reasons: Sequence[Column], run_id: str) -> DataFrame:
    from pyspark.sql import functions as F

    if not reasons:
        marked = marked.limit(0)
    listed = F.filter(
        F.array(*reasons) if reasons else F.array(F.lit(None).cast("string")), lambda one: one.isNotNull()
    )
    rows = marked.withColumn(REASONS, listed).where(F.size(REASONS) > 0)
    rows = rows.drop(*(name for name in rows.columns if name.startswith(_FLAG)))
    return rows.withColumns({_RUN: F.lit(run_id), _AT: F.current_timestamp()})


def _count(work: Work, path: Path) -> int:
    known = delta.row_count(path)
    return known if known is not None else work.warehouse.read(path).count()


def _without(
    work: Work, candidate: Candidate, marked: DataFrame, reasons: Sequence[Column], failed: Sequence[CheckResult]
) -> Candidate:
    """Returns the candidate without its bad rows.

    Where conditions tell them, only the files that hold one are written anew; else all of the candidate is.
    """
    from pyspark.sql import functions as F

    path = candidate.path
    assert path is not None
    if all(one.failing for one in failed):
        condition = " or ".join(f"coalesce(({one.failing}), false)" for one in failed)
        work.warehouse.spark.sql(f"delete from delta.`{path.absolute()}` where {condition}")
    else:
        bad = reduce(lambda one, other: one | other, (reason.isNotNull() for reason in reasons))
        good = marked.where(~bad).select(*(F.col(f"`{name}`") for name in candidate.frame.columns))
        good.write.format("delta").mode("overwrite").save(str(path))
    return replace(candidate, frame=work.warehouse.read(path), rows=delta.row_count(path), unchanged=False)


def _not_delivered(work: Work, candidate: Candidate, old: DataFrame) -> DataFrame | None:
    """Returns the rows of the quarantine that this build did not deliver anew; None where it is emptied.

    By the unique key where the model has one; else by what its strategy replaces; what is only added takes nothing out.
    """
    from pyspark.sql import functions as F

    model = work.model
    key = model.config.unique_key
    if model.config.is_microbatch:
        column = event_time(model)
        done = candidate.batches.successful if candidate.batches is not None else []
        assert column is not None
        return reduce(lambda rows, batch: rows.where(f"not coalesce({between(column, batch)}, false)"), done, old)
    if key:
        names = [f"__delivered{number}" for number in range(len(key))]
        there = candidate.frame.select(
            *(F.col(f"`{column}`").alias(name) for column, name in zip(key, names, strict=True))
        ).distinct()
        same = reduce(
            lambda one, other: one & other,
            (F.col(f"`{column}`").eqNullSafe(F.col(name)) for column, name in zip(key, names, strict=True)),
        )
        return old.join(there, same, "left_anti")
    strategy = model.config.strategy
    if strategy == "replace_where":
        predicate = " and ".join(f"({one})" for one in replaced_where(model.config.values))
        return old.where(f"not coalesce(({predicate}), false)")
    if strategy == "insert_overwrite":
        if not model.config.partition_by:
            return None
        assert candidate.path is not None
        for values in _partitions(candidate.path):
            parts = [F.col(f"`{column}`").cast("string").eqNullSafe(F.lit(value)) for column, value in values.items()]
            old = old.where(~reduce(lambda one, other: one & other, parts))
    return old


def _partitions(path: Path) -> list[Mapping[str, str | None]]:
    """Returns the partitions that a clone wrote into since it was made."""
    found: dict[str, Mapping[str, str | None]] = {}
    for _, log in delta_log.commits(path, after=0):
        for action in delta_log.actions(log):
            for kind in ("add", "remove"):
                values = action.get(kind, {}).get("partitionValues")
                if values:
                    found[repr(sorted(values.items()))] = values
    return list(found.values())
