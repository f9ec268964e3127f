"""Unit tests of models: given rows in, expected rows out, on real Spark and without the parents' tables.

Rows are YAML mappings in dbt's form. Their types are the ones that the inputs' columns declare (`data_type`), so nested
types, decimals and timestamps are written as plain text, numbers, lists and mappings. A column that a row leaves out is
null. Only the columns that the expected rows name are compared, in any order of rows.
"""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from runner.compile import Compiled, compile_model
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.explain import explain, first_words
from runner.model import Column, Model, SourceTable, UnitTest
from runner.parse import Project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*\)""")
_SOURCE = re.compile(r"""source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\)""")
_LANDED = (("_rescued", "string"), ("_snapshot_id", "string"), ("_landed_at", "timestamp"))
_UNFIT = re.compile(r"the value ['`]?(.*?)['`]? of the JSON token .*? to target Spark data type \"(.*?)\"")
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTestResult:
    """What became of a unit test: `passed`, or what differs, as lines.

    Attributes:
        seconds: what it took.
    """

    test: UnitTest
    passed: bool
    message: str = ""
    seconds: float = 0.0


def run_unit_tests(
    project: Project,
    spark: SparkSession,
    tests: Sequence[UnitTest],
    *,
    threads: int = 1,
    ended: Callable[[UnitTestResult], None] = lambda _: None,
) -> list[UnitTestResult]:
    """Runs unit tests, several at the same time; returns their results in the order of `tests`.

    A test that is wrong in itself fails, and the others go on.

    Args:
        ended: is called from this thread as a test ends.
    """

    def run(test: UnitTest) -> UnitTestResult:
        started = time.perf_counter()
        try:
            result = run_unit_test(project, spark, test)
        except ProjectError as error:
            result = UnitTestResult(test=test, passed=False, message=str(error))
        return replace(result, seconds=time.perf_counter() - started)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="unit-test") as pool:
        running = [pool.submit(run, test) for test in tests]
        for future in as_completed(running):
            ended(future.result())
    return [future.result() for future in running]


def run_unit_test(project: Project, spark: SparkSession, test: UnitTest) -> UnitTestResult:
    """Runs one unit test.

    Raises:
        ProjectError: the test names an input or a column that does not exist, or a value that its type cannot hold.
    """
    model = project.models[test.model]
    relations: dict[str, str] = {}
    prefix = f"unit_test_{uuid.uuid4().hex[:8]}"
    for number, (given, rows) in enumerate(test.given):
        name, columns = _input(project, model, test, given)
        view = f"{prefix}_input_{number}"
        _frame(spark, rows, columns, f"{test.place}: input {given}").createOrReplaceTempView(view)
        relations[name] = view
    _complete(project, spark, model, relations, prefix)
    compiled = compile_model(
        project,
        model,
        is_incremental=bool(test.macros.get("is_incremental", False)),
        relations=relations,
        variables=test.vars,
        overrides={name: value for name, value in test.macros.items() if name != "is_incremental"},
    )
    try:
        return _compare(spark, test, compiled)
    finally:
        for view in relations.values():
            spark.catalog.dropTempView(view)


def _compare(spark: SparkSession, test: UnitTest, compiled: Compiled) -> UnitTestResult:
    try:
        frame = spark.sql(compiled.sql)
    except Exception as error:
        return UnitTestResult(test=test, passed=False, message=explain(error, compiled))
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    names = list(dict.fromkeys(key for row in test.expect for key in row))
    for name in names:
        if name not in types:
            raise NotFoundError(
                f'{test.place}: unit test "{test.name}" expects the column "{name}", which {test.model} lacks.',
                name=name,
                known=types,
            )
    if not names:  # an expectation of no rows looks at all columns
        names = list(types)
    expected_frame = _frame(
        spark,
        test.expect,
        [Column(name=name, data_type=types[name]) for name in names],
        f"{test.place}: the expected rows",
    )
    try:
        actual = [
            tuple(_plain(value) for value in row) for row in frame.select(*[f"`{name}`" for name in names]).collect()
        ]
        expected = [tuple(_plain(value) for value in row) for row in expected_frame.collect()]
    except Exception as error:
        return UnitTestResult(test=test, passed=False, message=explain(error, compiled))
    missing, extra = _difference(expected, actual)
    if not missing and not extra:
        return UnitTestResult(test=test, passed=True)
    return UnitTestResult(test=test, passed=False, message="\n".join(_lines(names, missing, extra)))


def _input(project: Project, model: Model, test: UnitTest, given: str) -> tuple[str, Sequence[Column]]:
    if given.strip() == "this":
        return "this", model.columns
    if match := _REF.search(given):
        by_label = {node.label: node for node in project.buildable.values()}
        name = match.group(1)
        if name not in by_label:
            raise NotFoundError(f"{test.place}: input {given} names no model.", name=name, known=by_label)
        return name, by_label[name].columns
    if match := _SOURCE.search(given):
        label = f"{match.group(1)}.{match.group(2)}"
        if label not in project.sources:
            raise NotFoundError(
                f"{test.place}: input {given} names no table of sources.yml.", name=label, known=project.sources
            )
        return label, _landed(project.sources[label])
    raise FormatError(
        f"{test.place}: an input is written ref('model'), source('source', 'table') or this, not {given}."
    )


def _landed(table: SourceTable) -> Sequence[Column]:
    return [*table.columns, *(Column(name=name, data_type=data_type) for name, data_type in _LANDED)]


def _complete(project: Project, spark: SparkSession, model: Model, relations: dict[str, str], prefix: str) -> None:
    """Gives an input that the test does not mention as an empty table."""
    inputs: list[tuple[str, Sequence[Column]]] = [
        (node.label, _landed(node) if isinstance(node, SourceTable) else node.columns)
        for node in _tables_below(project, model)
    ]
    inputs.append(("this", model.columns))
    for number, (name, columns) in enumerate(inputs):
        if name not in relations and columns:
            view = f"{prefix}_empty_{number}"
            _frame(spark, (), columns, name).createOrReplaceTempView(view)
            relations[name] = view


def _tables_below(project: Project, model: Model) -> Iterator[Model | SourceTable]:
    """Yields what the model's SQL reads, through ephemeral models."""
    for node in map(project.node, model.parents):
        if isinstance(node, Model) and node.config.materialized == "ephemeral":
            yield from _tables_below(project, node)
        else:
            yield node


def _frame(spark: SparkSession, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], place: str) -> Any:
    """Returns rows as a frame of the declared types; texts become numbers, dates and decimals as the types say."""
    known = {column.name: column.data_type or "string" for column in columns}
    for row in rows:
        for name in row:
            if name not in known:
                raise NotFoundError(f'{place}: there is no column "{name}".', name=name, known=known)
    schema = ", ".join(f"`{name}` {data_type}" for name, data_type in known.items())
    texts = [json.dumps(row, default=str) for row in rows]
    listed = ", ".join("'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" for text in texts)
    source = f"select explode(array({listed})) as row" if texts else "select cast(null as string) as row where false"
    try:
        frame = spark.sql(
            f"select parsed.* from (select from_json(row, '{_quoted(schema)}', map('mode', 'FAILFAST')) as parsed from ({source}))"
        )
        if texts:
            frame.collect()
    except Exception as error:
        raise FormatError(f"{place}: a value does not fit its column's type: {_cause(error)}") from error
    return frame


def _cause(error: Exception) -> str:
    match = _UNFIT.search(str(error))
    return f"{match.group(1)} is no {match.group(2).lower()}." if match else first_words(error)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _plain(value: Any) -> Any:
    """Returns a value that compares: nested values as tuples, numbers without their scale."""
    from pyspark.sql import Row

    if isinstance(value, Row):
        return tuple((name, _plain(one)) for name, one in value.asDict().items())
    if isinstance(value, dict):
        return tuple(sorted((str(key), _plain(one)) for key, one in value.items()))
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    if isinstance(value, Decimal):
        return value.normalize() + 0
    return value


def _difference(expected: list[tuple[Any, ...]], actual: list[tuple[Any, ...]]) -> tuple[list[Any], list[Any]]:
    left = list(actual)
    missing = []
    for row in expected:
        found = next((index for index, other in enumerate(left) if _same(row, other)), None)
        if found is None:
            missing.append(row)
        else:
            left.pop(found)
    return missing, left


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, float) and isinstance(second, float):
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=1e-9)
    return bool(first == second)


def _lines(names: Sequence[str], missing: Sequence[tuple[Any, ...]], extra: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """Yields the differing rows; where a missing row has a near one, only the columns that differ."""
    left = list(extra)
    for row in missing:
        near = max(left, key=lambda other: sum(map(_same, row, other)), default=None)
        if near is not None and any(map(_same, row, near)):
            left.remove(near)
            same = ", ".join(
                f"{name}={one}" for name, one, other in zip(names, row, near, strict=True) if _same(one, other)
            )
            for name, one, other in zip(names, row, near, strict=True):
                if not _same(one, other):
                    yield f"  where {same}: {name} should be {one}, is {other}"
        else:
            yield "  missing: " + ", ".join(f"{name}={one}" for name, one in zip(names, row, strict=True))
    for row in left:
        yield "  not expected: " + ", ".join(f"{name}={one}" for name, one in zip(names, row, strict=True))
