"""Commands that judge what there is and build nothing: checks, test, source freshness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.choose import chosen_quality
from runner.cli.defer import defer_options, start_deferring
from runner.cli.session import Command, invocation, project_options, say, select_options
from runner.cli.tell import Teller
from runner.cli.work import FAST, finish
from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.model import UnitTest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from runner.build import BuildOptions
    from runner.quality import Quality
    from runner.sources.freshness import Freshness
    from runner.unit_tests import UnitTestResult

_THREADS = click.option(
    "--threads", type=click.IntRange(1), help="Tables judged at the same time; the target's by default."
)
_STORE = click.option(
    "--store-failures", is_flag=True, help="Keep the failing rows of every check in a table of its own."
)
_WORDS = {"pass": "ok", "warn": "warn", "fail": "FAIL", "error": "ERROR", "runtime error": "ERROR", "skipped": "skip"}
_COLOURS = {
    "pass": "green",
    "warn": "yellow",
    "fail": "red",
    "error": "red",
    "runtime error": "red",
    "skipped": "bright_black",
}
_PASSED = {"pass": "passed", "warn": "warned", "fail": "failed", "error": "could not be judged", "skipped": "skipped"}
_LEFT_OUT = "left out: another test failed first (--fail-fast)"
_ALONE = "it reads no table, so nothing says what it judges. Name one with ref() or source()."
_KINDS = ("model", "seed", "snapshot", "source")


@click.command("checks", short_help="Check what is published and write the validation report.")
@select_options
@_THREADS
@_STORE
@click.option("--data-docs", is_flag=True, help="Write Great Expectations' Data Docs as well.")
@click.option("--propose", metavar="MODEL", help="Check nothing: draft a suite of a published table, and print it.")
@click.option("--write", is_flag=True, help="With --propose: write it to expectations/suites, where there is none yet.")
@project_options
@defer_options
def checks_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    store_failures: bool,
    data_docs: bool,
    propose: str | None,
    write: bool,
) -> int:
    """Check what is published, models and landed tables, and write the validation report. Builds nothing.

    Suites of expectations/suites, tests of property files and of tests/*.sql are one set.

    \b
    run checks                      all
    run checks --select clv+        of clv and what depends on it
    run checks --propose clv        a draft of a suite: what is true of clv, and of its earlier versions
    """
    if propose is not None:
        from runner.cli.propose import propose_suite

        if select or exclude:
            raise ProjectError("--propose drafts the suite of one table: leave the selectors away.")
        return propose_suite(command, propose, write=write)
    if write:
        raise ProjectError("--write goes with --propose: run checks --propose clv --write")
    from runner.build import Builder, BuildOptions
    from runner.quality.store import asks_stores

    project = command.project()
    quality = chosen_quality(command, select, exclude)
    nodes = quality.checked(command.select(select, exclude, kinds=_KINDS))
    if not nodes:
        raise ProjectError(
            "none of the selected tables has a check. Write one in a property file or in expectations/suites."
        )
    start_deferring(command, nodes, quality, read_only=True, as_published=True)
    project = command.project()
    options = BuildOptions(threads=threads or project.files.target.threads, store_failures=store_failures)
    stores = bool(project.files.target.stores) and asks_stores(
        [quality.suites[one] for one in nodes if one in quality.suites]
    )
    with command.spark(checks=True, stores=stores) as spark, Teller(project, nodes) as teller:
        builder = Builder(project, quality, spark, run_id=command.invocation_id, options=options)
        results = builder.check(nodes, started=teller.started, ended=teller.ended)
    return finish(command, results, verb="tables checked", data_docs=data_docs)


@click.command("test", short_help="Run data tests on what is published, and unit tests.")
@select_options
@_THREADS
@_STORE
@FAST
@project_options
@defer_options
def test_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    store_failures: bool,
    fail_fast: bool,
) -> int:
    """Run tests: those of property files and of tests/*.sql on what is published, and unit tests on their own rows.

    \b
    run test                              all
    run test --select clv                 those of clv
    run test -s clv,test_type:unit        its unit tests alone; they need no table
    run test -s test_type:data            no unit tests
    """
    from runner.build import BuildOptions

    project = command.project()
    chosen = command.select(select, exclude, kinds=("test", "unit_test"))
    units = [project.unit_tests[node] for node in chosen if node in project.unit_tests]
    data = {node for node in chosen if node in project.tests}
    quality = command.quality().only(data, suites=False) if data else None
    read = {parent for node in data for parent in project.tests[node].parents}
    start_deferring(command, sorted(read), quality, read_only=True, as_published=True, quiet=not data)
    teller = _TestTeller(len(chosen))
    options = BuildOptions(
        threads=threads or project.files.target.threads, store_failures=store_failures, fail_fast=fail_fast
    )
    with command.spark(checks=bool(data), small=not data) as spark:
        units_done = _run_units(command, spark, units, teller, options) if units else []
        entries = [_unit_entry(result) for result in units_done]
        judged: list[NodeResult] = []
        if quality is not None and not (fail_fast and teller.exit_code()):
            told, judged = _run_data_tests(command, spark, quality, data, teller, options)
            entries += told
    entries += _left_out(command, {*data, *(test.unique_id for test in units)}, entries, teller)
    _write_results(command, entries)
    report = _write_report(command, judged, units_done)
    counted = [f"{len(data)} data tests"] * bool(data) + [f"{len(units)} unit tests"] * bool(units)
    if report is not None:
        say(f"     Report: {report.relative_to(project.root)}")
    say(f"run: {' and '.join(counted)} in {command.elapsed:.1f} s: {teller.story()}.")
    return teller.exit_code()


def _write_report(command: Command, judged: Sequence[NodeResult], units: Sequence[UnitTestResult]) -> Path | None:
    """Writes the validation report of tests; returns its page."""
    from expectations.reports.values import UnitCase
    from runner.artifacts.outcome import write_reports
    from runner.artifacts.records import Invocation

    which, options = invocation()
    asked = Invocation(run_id=command.invocation_id, command=which, arguments=options, seconds=command.elapsed)
    cases = [
        UnitCase(
            model=one.test.model,
            name=one.test.name,
            passed=one.passed,
            message=one.message,
            place=one.test.place,
            seconds=one.seconds,
        )
        for one in units
    ]
    return write_reports(command.own_project(), judged, asked, unit_tests=cases).report


class _TestTeller:
    """Tells one line a test, and counts how they ended."""

    def __init__(self, total: int) -> None:
        self._total, self._count = total, Counter[str]()

    def tell(self, status: str, title: str, details: Iterable[str] = ()) -> None:
        """Prints a test's line; what is wrong follows below it."""
        self._count[status] += 1
        number = f"{self._count.total():>{len(str(self._total))}}/{self._total}"
        say(f"{number}  {click.style(f'{_WORDS[status]:<5}', fg=_COLOURS[status])}  {title}")
        for line in details:
            say(f"{'':<{len(number) + 2}}{line}")

    def story(self) -> str:
        return ", ".join(f"{self._count[status]} {word}" for status, word in _PASSED.items() if self._count[status])

    def exit_code(self) -> int:
        return 1 if self._count["fail"] or self._count["error"] else 0


def _run_units(
    command: Command, spark: SparkSession, tests: Sequence[UnitTest], teller: _TestTeller, options: BuildOptions
) -> list[UnitTestResult]:
    from runner.unit_tests import run_unit_tests

    def ended(result: UnitTestResult) -> None:
        status = "pass" if result.passed else "fail"
        details = () if result.passed else (result.test.place, *result.message.splitlines())
        teller.tell(status, f"{result.test.model}: {result.test.name}", details)

    with _small_shuffles(spark):
        return run_unit_tests(
            command.project(), spark, tests, threads=options.threads, ended=ended, fail_fast=options.fail_fast
        )


def _unit_entry(result: UnitTestResult) -> dict[str, Any]:
    return {
        "status": "pass" if result.passed else "fail",
        "timing": [],
        "thread_id": "main",
        "execution_time": result.seconds,
        "adapter_response": {},
        "message": result.message or None,
        "failures": 0 if result.passed else 1,
        "unique_id": result.test.unique_id,
        "compiled": False,
        "compiled_code": None,
        "relation_name": None,
        "batch_results": None,
    }


@contextmanager
def _small_shuffles(spark: SparkSession) -> Iterator[None]:
    """Sets Spark for a handful of rows, whose queries take longer to compile than to run, and sets it back."""
    wanted = {
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    before = {name: spark.conf.get(name, None) for name in wanted}
    for name, value in wanted.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, found in before.items():
            if found is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, found)


def _run_data_tests(
    command: Command,
    spark: SparkSession,
    quality: Quality,
    wanted: set[str],
    teller: _TestTeller,
    options: BuildOptions,
) -> tuple[list[dict[str, Any]], list[NodeResult]]:
    """Returns the tests' entries for artifacts, and what became of the tables that they were judged with."""
    from runner.build import Builder
    from runner.quality.history import keep_results
    from runner.quality.rendered import rule
    from runner.quality.told import test_entries, unjudged

    project = command.project()
    nodes = quality.checked(node.unique_id for node in project.nodes())
    builder = Builder(project, quality, spark, run_id=command.invocation_id, options=options)
    entries: list[dict[str, Any]] = []
    left_out: set[str] = set()

    def ended(result: NodeResult) -> None:
        label = project.node(result.unique_id).label
        if result.status == "skipped":
            left_out.update(quality.tests_of(result.unique_id, nodes))  # told with all that was left out
            return
        if result.checks is None:
            names = [project.tests[test].name for test in quality.tests_of(result.unique_id, nodes)]
            for name in names:
                teller.tell("error", f"{label}: {name}", (result.message,))
            entries.extend(unjudged(result, quality.tests_of(result.unique_id, nodes)))
            return
        entries.extend(test_entries([result]))
        statuses = {entry["unique_id"]: entry["status"] for entry in entries}
        for check in result.checks.results:
            if check.expectation.test_id in wanted:
                status = statuses[check.expectation.test_id]
                title = check.expectation.name or rule(project.tests[check.expectation.test_id])
                teller.tell(status, f"{label}: {title}", () if status == "pass" else (check.told,))

    judged: list[NodeResult] = []
    if nodes:
        judged = builder.check(nodes, ended=ended)
        run_at = datetime.now(UTC) - timedelta(seconds=command.elapsed)
        if note := keep_results(project, judged, run_id=command.invocation_id, run_at=run_at, command="test"):
            say(f"run: warning: {note}")
    for test in sorted(wanted - left_out - {entry["unique_id"] for entry in entries}):  # no table to judge it with
        alone = NodeResult(unique_id=test, status="error", message=_ALONE)
        teller.tell("error", project.tests[test].name, (f"{_ALONE} ({project.tests[test].place})",))
        entries += unjudged(alone, [test])
    return entries, judged


def _left_out(
    command: Command, wanted: set[str], entries: Sequence[Mapping[str, Any]], teller: _TestTeller
) -> list[dict[str, Any]]:
    """Tells what did not run after a failure, and returns its entries."""
    from runner.quality.told import unjudged

    project = command.project()
    left = sorted(wanted - {entry["unique_id"] for entry in entries})
    for test in left:
        known = project.tests.get(test) or project.unit_tests[test]
        teller.tell("skipped", known.name)
    return [
        entry
        for test in left
        for entry in unjudged(NodeResult(unique_id=test, status="skipped", message=_LEFT_OUT), [test])
    ]


def _write_results(command: Command, entries: Sequence[Mapping[str, Any]]) -> None:
    from runner.artifacts import manifest, run_results, write_artifact
    from runner.artifacts.records import write_record

    project = command.project()
    write_artifact(project, "manifest.json", manifest(project, invocation_id=command.invocation_id, compiled={}))
    which, options = invocation()
    arguments = {**options, "which": which, "target": project.files.target.name}
    document = run_results(
        project, [], invocation_id=command.invocation_id, elapsed=command.elapsed, arguments=arguments
    )
    write_artifact(project, "run_results.json", document | {"results": list(entries)})
    write_record(
        project,
        (),
        tests=entries,
        run_id=command.invocation_id,
        command=which,
        arguments=options,
        started_at=datetime.now(UTC) - timedelta(seconds=command.elapsed),
        seconds=command.elapsed,
    )


@click.group("source", short_help="How old landed tables are: source freshness.")
def source_command() -> None:
    """What concerns landed tables."""


@click.command("freshness", short_help="How old landed tables are, against what sources.yml allows.")
@select_options
@click.option("--output", "-o", metavar="FILE", help="Where to write the result; target/sources.json by default.")
@project_options
def freshness_command(command: Command, select: tuple[str, ...], exclude: tuple[str, ...], output: str | None) -> int:
    """Say how old landed tables are, against warn_after and error_after of sources.yml; exit 1 where one is too old.

    Most ages stand in the tables' logs: Spark starts only for loaded_at_query, a filter, or a column without statistics.
    """
    from runner.sources.freshness import expects_freshness, with_spark, without_spark

    project = command.project()
    chosen = command.select(select, exclude, kinds=("source",))
    tables = [table for table in project.sources.values() if table.unique_id in chosen and expects_freshness(table)]
    if not tables:
        raise ProjectError(
            'none of the selected sources says how old it may be. Write "freshness: {warn_after: {count: 1, period: day}}".'
        )
    asked_at = datetime.now(UTC)
    found = without_spark(project, tables, asked_at=asked_at)
    left = [table for table in tables if table not in [one.table for one in found]]
    if left:
        with command.spark(small=True) as spark:
            found += with_spark(project, spark, left, asked_at=asked_at)
    order = {table.label: index for index, table in enumerate(tables)}
    found.sort(key=lambda one: order[one.table.label])
    _tell_freshness(found)
    _write_freshness(command, found, output)
    count = Counter[str](one.status for one in found)
    words = {"pass": "fresh", "warn": "old enough to warn", "error": "too old", "runtime error": "of unknown age"}
    parts = [f"{count[status]} {word}" for status, word in words.items() if count[status]]
    say(f"run: {len(found)} sources in {command.elapsed:.1f} s: {', '.join(parts)}.")
    return 1 if count["error"] or count["runtime error"] else 0


source_command.add_command(freshness_command, "freshness")


def _tell_freshness(found: Sequence[Freshness]) -> None:
    from expectations.words import age

    width = max(len(one.table.label) for one in found)
    for number, one in enumerate(found, 1):
        word = click.style(f"{_WORDS[one.status]:<5}", fg=_COLOURS[one.status])
        if one.loaded_at is None:
            said = one.message
        else:
            said = f"loaded {age(one.age.total_seconds())} ago, {one.loaded_at:%Y-%m-%d %H:%M:%S} UTC, by {one.by}"
        place = "" if one.status == "pass" else f"; {_allowed(one)} ({one.table.place})"
        say(f"{number:>{len(str(len(found)))}}/{len(found)}  {word}  {one.table.label:<{width}}  {said}{place}")


def _allowed(one: Freshness) -> str:
    limits = [
        (word, one.table.freshness.get(name) or {})
        for word, name in (("warns", "warn_after"), ("fails", "error_after"))
    ]
    said = [
        f"{word} after {limit['count']} {limit['period']}s" for word, limit in limits if limit.get("count") is not None
    ]
    return ", ".join(said)


def _write_freshness(command: Command, found: Sequence[Freshness], output: str | None) -> None:
    import json

    from runner.artifacts import freshness_results, write_artifact

    project = command.project()
    document = freshness_results(project, found, invocation_id=command.invocation_id, elapsed=command.elapsed)
    write_artifact(project, "sources.json", document)
    if output:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
