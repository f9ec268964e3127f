"""One unit test: its inputs as temporary views, the model's SQL over them, and what differs from the expected rows."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.compile import Compiled, compile_model
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.explain import explain, first_words
from runner.jinja.render import Relation, env_var
from runner.materialize import Work
from runner.materialize.python_model import run_python_model
from runner.model import Model, SourceTable, UnitTest
from runner.project.parse import Project
from runner.unit_tests.difference import differing_lines, plain
from runner.unit_tests.final import final_table
from runner.unit_tests.given import fixture_text, frame_of, known_types, mappings_of, refusal
from runner.unit_tests.macro import as_query, caller, differing_text, names_of
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_REF = re.compile(
    r"""ref\(\s*(?:['"](\w+)['"]\s*,\s*)?['"](\w+)['"]\s*(?:,\s*v(?:ersion)?\s*=\s*['"]?(\w+)['"]?\s*)?\)"""
)
_SOURCE = re.compile(r"""source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\)""")


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
    fail_fast: bool = False,
) -> list[UnitTestResult]:
    """Runs unit tests, several at the same time; returns their results in the order of `tests`.

    A test that is wrong in itself fails, and the others go on.

    Args:
        ended: is called from this thread as a test ends.
        fail_fast: start no other test after the first that fails; those that did not start have no result.
    """

    failed = threading.Event()

    def run(test: UnitTest) -> UnitTestResult | None:
        if fail_fast and failed.is_set():
            return None
        started = time.perf_counter()
        try:
            result = run_unit_test(project, spark, test)
        except ProjectError as error:
            result = UnitTestResult(test=test, passed=False, message=str(error))
        if not result.passed:
            failed.set()
        return replace(result, seconds=time.perf_counter() - started)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="unit-test") as pool:
        running = [pool.submit(run, test) for test in tests]
        for future in as_completed(running):
            if (result := future.result()) is not None:
                ended(result)
    return [result for future in running if (result := future.result()) is not None]


def run_unit_test(project: Project, spark: SparkSession, test: UnitTest) -> UnitTestResult:
    """Runs one unit test.

    Raises:
        ProjectError: the test names an input or a column that does not exist, or a value that its type cannot hold.
    """
    if test.is_of_macro:
        return _run_macro_test(project, spark, test)
    model = project.models[test.model]
    if test.expects_table and model.config.materialized != "incremental":
        raise ProjectError(
            f'{test.place}: unit test "{test.name}" expects a whole table of "{test.model}", which is no incremental '
            'model. Take "expect: table" out: its rows are the table.'
        )
    inputs = _Inputs(project, spark, test, model)
    try:
        for given, rows in test.given:
            name, node = _input(project, model, test, given)
            place = f"{test.place}: input {given}"
            types, is_complete = known_types(project, node)
            inputs.add(name, frame_of(project, spark, rows, types, place, is_complete=is_complete))
            inputs.refuse(name, place)
        inputs.add_empty()
        compiled = _compiled(project, model, test, inputs.relations)
        if model.language == "python":
            make = partial(_python_rows, project, spark, test, compiled, inputs.relations)
            return _compare(project, test, compiled, make, spark)
        if not test.expects_table:
            return _compare(project, test, compiled, lambda: spark.sql(compiled.sql), spark)
        this = inputs.relations.get("this") if any(given.strip() == "this" for given, _ in test.given) else None
        before = spark.table(str(this)) if this is not None else None
        with ExitStack() as stack:
            return _compare(
                project,
                test,
                compiled,
                lambda: stack.enter_context(final_table(project, spark, compiled, before)),
                spark,
            )
    finally:
        inputs.drop()


def _python_rows(
    project: Project, spark: SparkSession, test: UnitTest, compiled: Compiled, relations: Mapping[str, Any]
) -> DataFrame:
    """Returns what a model in Python gives for the given rows."""
    with_vars = replace(project, files=replace(project.files, vars={**project.files.vars, **test.vars}))
    warehouse = Warehouse(spark, project.warehouse)
    work = Work(
        warehouse=warehouse, project=with_vars, compiled=compiled, incremental=False, is_trial=True, relations=relations
    )
    return run_python_model(work)


def _run_macro_test(project: Project, spark: SparkSession, test: UnitTest) -> UnitTestResult:
    model = caller(project, test)
    compiled = _compiled(project, model, test, {}, names_of(test))
    if test.text is not None:
        message = differing_text(test.text, compiled.sql)
        return UnitTestResult(test=test, passed=not message, message=message)
    inputs = _Inputs(project, spark, test, model)
    try:
        for name, rows in test.given:
            place = f"{test.place}: the given rows"
            inputs.add(name, frame_of(project, spark, rows, {}, place, is_complete=False))
            inputs.refuse(name, place)
        rows_view = str(inputs.relations.get("rows", ""))
        query = replace(compiled, body=as_query(compiled.body, rows_view))
        return _compare(project, test, query, lambda: spark.sql(query.sql), spark)
    finally:
        inputs.drop()


class _Inputs:
    """The views that stand for what a model reads, by the label of the table."""

    def __init__(self, project: Project, spark: SparkSession, test: UnitTest, model: Model) -> None:
        self._project, self._spark, self._test, self._model = project, spark, test, model
        self._prefix = f"unit_test_{uuid.uuid4().hex[:8]}"
        self.relations: dict[str, Any] = {}

    def add(self, label: str, frame: DataFrame) -> None:
        """Makes a frame what stands for a table."""
        view = f"{self._prefix}_{len(self.relations)}"
        frame.createOrReplaceTempView(view)
        node = next((node for node in self._project.nodes() if node.label == label), self._model)
        self.relations[label] = Relation(node.table, shown=view)

    def add_empty(self) -> None:
        """Gives an input that the test does not mention as an empty table, where its columns are known."""
        from runner.model import Rows

        tables = [(node.label, node) for node in _tables_below(self._project, self._model)]
        for label, node in [*tables, ("this", self._model)]:
            types, _ = known_types(self._project, node)
            if label not in self.relations and types:
                typed = {name: kind or "string" for name, kind in types.items()}
                self.add(label, frame_of(self._project, self._spark, Rows(), typed, label))

    def refuse(self, label: str, place: str) -> None:
        """Raises FormatError where a written value does not fit its column."""
        try:
            self._spark.table(str(self.relations[label])).collect()
        except Exception as error:
            raise FormatError(f"{place}: {refusal(error) or first_words(error)}") from error

    def drop(self) -> None:
        for relation in self.relations.values():
            self._spark.catalog.dropTempView(str(relation))


def _compiled(
    project: Project, model: Model, test: UnitTest, relations: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> Compiled:
    overrides = {
        name: value for name, value in test.macros.items() if name not in ("is_incremental", "dbt.is_incremental")
    }
    if test.env_vars:
        given = {str(name): str(value) for name, value in test.env_vars.items()}
        overrides["env_var"] = lambda name, default=None: given[name] if name in given else env_var(name, default)
    has_table = test.expects_table and any(given.strip() == "this" for given, _ in test.given)
    incremental = test.macros.get("is_incremental", test.macros.get("dbt.is_incremental", has_table))
    return compile_model(
        project,
        model,
        is_incremental=bool(incremental),
        relations=relations,
        variables=test.vars,
        overrides=overrides,
        names=names,
    )


def _compare(
    project: Project, test: UnitTest, compiled: Compiled, make: Callable[[], DataFrame], spark: SparkSession
) -> UnitTestResult:
    """Returns how the rows that `make` gives differ from the expected ones."""
    try:
        frame = make()
    except ProjectError as error:
        return UnitTestResult(test=test, passed=False, message=str(error))
    except Exception as error:
        return UnitTestResult(test=test, passed=False, message=explain(error, compiled))
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    place = f"{test.place}: the expected rows"
    names = _expected_columns(project, spark, test, types, place)
    expected_frame = frame_of(project, spark, test.expect, {name: types[name] for name in names}, place)
    try:
        actual = [tuple(map(plain, row)) for row in frame.select(*[f"`{name}`" for name in names]).collect()]
    except Exception as error:
        return UnitTestResult(test=test, passed=False, message=explain(error, compiled))
    try:
        expected = [tuple(map(plain, row)) for row in expected_frame.select(*[f"`{name}`" for name in names]).collect()]
    except Exception as error:
        raise FormatError(f"{place}: {refusal(error) or first_words(error)}") from error
    lines = differing_lines(names, expected, actual)
    return UnitTestResult(test=test, passed=not lines, message="\n".join(lines))


def _expected_columns(
    project: Project, spark: SparkSession, test: UnitTest, types: Mapping[str, str], place: str
) -> list[str]:
    """Returns the columns that are compared, as the model spells them: those that the expected rows name; all where none do."""
    if test.expect.format == "sql":
        text = fixture_text(project, test.expect, place) if test.expect.fixture else test.expect.text
        written = list(spark.sql(text).columns)
    else:
        written = list(dict.fromkeys(key for row in mappings_of(project, test.expect, place) for key in row))
    spelt = {name.lower(): name for name in types}
    for name in written:
        if name.lower() not in spelt:
            raise NotFoundError(
                f'{test.place}: unit test "{test.name}" expects the column "{name}", which {test.model} lacks.',
                name=name,
                known=types,
            )
    return [spelt[name.lower()] for name in written] or list(types)


def _input(project: Project, model: Model, test: UnitTest, given: str) -> tuple[str, Model | SourceTable]:
    """Returns the label that an input stands for, and its table."""
    if given.strip() == "this":
        return "this", model
    if match := _REF.search(given):
        by_label = {node.label: node for node in project.buildable.values()}
        package, name, version = match.groups()
        labels = [f"{name}.v{version}"] * bool(version) + [f"{package}.{name}"] * bool(package) + [name]
        for label in labels:
            if label in by_label:
                return label, by_label[label]
        raise NotFoundError(f"{test.place}: input {given} names no model.", name=name, known=by_label)
    if match := _SOURCE.search(given):
        label = f"{match.group(1)}.{match.group(2)}"
        if label not in project.sources:
            raise NotFoundError(
                f"{test.place}: input {given} names no table of sources.yml.", name=label, known=project.sources
            )
        return label, project.sources[label]
    raise FormatError(
        f"{test.place}: an input is written ref('model'), source('source', 'table') or this, not {given}."
    )


def _tables_below(project: Project, model: Model) -> Iterator[Model | SourceTable]:
    """Yields what the model's SQL reads, through ephemeral models."""
    for node in map(project.node, model.parents):
        if isinstance(node, Model) and node.config.materialized == "ephemeral":
            yield from _tables_below(project, node)
        else:
            yield node
