"""Records of runs, `run history` and `run retry`, without Spark: the models stand as a run left them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.artifacts.records import KEPT, read_records, write_record
from runner.cli import main
from runner.execute import NodeResult, Stage
from tests.runner.state.conftest import Settled, settled

__all__ = ["settled"]
Run = Callable[..., tuple[int, str, str]]
WHEN = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], settled: Settled) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--project-dir", str(settled.root)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_a_run_with_nothing_to_do_needs_no_spark_and_is_recorded(settled: Settled, run: Run) -> None:
    code, _, err = run("models", "totals+")
    assert code == 0
    assert [line.split()[1:4] for line in err.splitlines()[:-1]] == [
        ["reused", "totals", "(table)"],
        ["reused", "report", "(table)"],
    ]
    assert err.splitlines()[-1].endswith(" s: 2 reused; --force builds them again.")
    (record,) = read_records(settled.project())
    assert (record.command, record.arguments["words"], record.target) == ("models", ["totals+"], "dev")
    assert [(one["unique_id"], one["status"]) for one in record.nodes] == [
        ("model.tiny.totals", "reused"),
        ("model.tiny.report", "reused"),
    ]
    results = json.loads((settled.root / "target/run_results.json").read_text())
    assert {one["status"] for one in results["results"]} == {"reused"}
    assert results["args"]["which"] == "models"


def test_what_changed_does_not_go_without_spark(settled: Settled, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.cli.session import Command

    class Started(Exception):
        pass

    def start(self: Command, **how: bool) -> None:
        raise Started

    monkeypatch.setattr(Command, "spark", start)
    for arguments in (["models", "--force"], ["build", "totals", "--force"]):
        with pytest.raises(Started):
            main([*arguments, "--project-dir", str(settled.root)])
    settled.rows("shop/orders", 3, mode="append")
    with pytest.raises(Started):
        main(["models", "--project-dir", str(settled.root)])


def result(name: str, status: str, **rest: object) -> NodeResult:
    return NodeResult(unique_id=f"model.tiny.{name}", status=status, **rest)  # type: ignore[arg-type]


def record(settled: Settled, run_id: str, *results: NodeResult, minutes: int = 0, **arguments: object) -> None:
    write_record(
        settled.project(),
        results,
        run_id=run_id,
        command="models",
        arguments=arguments,
        started_at=WHEN + timedelta(minutes=minutes),
        seconds=3.0,
    )


def test_runs_the_newest_first(settled: Settled, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    record(settled, "aaaaaaaa-1", result("totals", "success"), result("report", "withheld"), words=["totals+"])
    record(settled, "bbbbbbbb-2", result("totals", "reused"), result("report", "skipped"), minutes=5, full_refresh=True)
    code, out, _ = run("history")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["started", "command", "took", "ok", "reused", "failed", "skipped", "target", "run"],
        ["20", "Nov", "08:05:00", "models", "--full-refresh", "3.0", "s", "0", "1", "0", "1", "dev", "bbbbbbbb"],
        ["20", "Nov", "08:00:00", "models", "totals+", "3.0", "s", "1", "0", "1", "0", "dev", "aaaaaaaa"],
    ]
    _, out, _ = run("history", "--limit", "1", "--output", "json")
    assert json.loads(out)["run"] == "bbbbbbbb-2"


def test_a_record_says_what_a_node_waited_for_and_what_its_time_went_into(settled: Settled) -> None:
    stages = (
        Stage(name="compile", started_at=WHEN - timedelta(seconds=2), seconds=0.0123),
        Stage(name="write", started_at=WHEN + timedelta(seconds=0.25), seconds=1.5),
    )
    done = result("totals", "success", started_at=WHEN, seconds=2.0, stages=stages, after=("model.tiny.stg_orders",))
    record(settled, "aaaaaaaa-1", done)
    said = read_records(settled.project())[0].nodes[0]
    assert said["after"] == ["model.tiny.stg_orders"]
    assert said["stages"] == [["compile", -2.0, 0.012], ["write", 0.25, 1.5]]


def test_a_models_history_is_that_of_its_log_and_of_the_runs_that_failed(settled: Settled, run: Run) -> None:
    settled.rows("marts/totals", 9, columns=["revenue"], mode="append")
    settled.publish("totals", run_id="cccccccc-3")
    settled.judge("totals")
    record(settled, "aaaaaaaa-1", result("totals", "withheld", message="revenue has nulls", started_at=WHEN))
    _, out, _ = run("history", "totals", "--output", "json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [(one["version"], one["what"], one["run"], one["why"]) for one in events] == [
        (3, "checked again", "run-2", None),
        (2, "published", "cccccccc-3", "it was changed by others: version 1, WRITE"),
        (1, "WRITE, by others", None, None),
        (0, "published", "run-1", "never built"),
        (None, "withheld", "aaaaaaaa-1", "revenue has nulls"),
    ]
    code, out, _ = run("history", "stg_orders")
    assert (code, len(out.splitlines()), "published" in out) == (0, 2, True)


def test_history_of_what_is_not_there(run: Run) -> None:
    assert run("history") == (2, "", "run: no run is recorded yet. `run models` writes one.\n")
    assert run("history", "totls") == (2, "", 'run: no model is named "totls". Did you mean "totals"?\n')


def test_only_the_newest_records_are_kept(settled: Settled) -> None:
    record(settled, "oldest")
    folder = settled.root / "target/runs"
    os.utime(folder / "oldest.json", (0, 0))
    for number in range(KEPT):
        (folder / f"run-{number}.json").write_text("{}")
    record(settled, "newest")
    names = {path.stem for path in folder.glob("*.json")}
    assert len(names) == KEPT
    assert "newest" in names
    assert "oldest" not in names
    assert [one.run_id for one in read_records(settled.project())] == ["newest"]  # the others are no records


def failed(settled: Settled, statuses: dict[str, str], **arguments: object) -> None:
    results = [{"unique_id": unique_id, "status": status} for unique_id, status in statuses.items()]
    path = settled.root / "target/run_results.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"results": results, "args": {"which": "models", **arguments}}))


def test_retry_runs_what_failed_with_the_same_options(
    settled: Settled, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = {"model.tiny.stg_orders": "success", "model.tiny.totals": "error", "model.tiny.report": "skipped"}
    variables = {"least": 5}
    failed(settled, statuses, threads=2, variables=variables, full_refresh=True, words=["+report"], target="dev")
    seen: dict[str, object] = {}
    from runner.cli import work

    def build(command: object, quality: object, nodes: list[str], options: object) -> list[NodeResult]:
        seen.update(nodes=nodes, options=options, variables=command.variables)  # type: ignore[attr-defined]
        return [result("totals", "reused"), result("report", "reused")]

    monkeypatch.setattr(work, "nothing_to_do", build)
    code, _, err = run("retry")
    assert (code, err.splitlines()[0]) == (0, "run: again models of 2 that failed or were skipped")
    assert seen["nodes"] == ["model.tiny.totals", "model.tiny.report"]
    assert seen["variables"] == variables
    assert (seen["options"].threads, seen["options"].full_refresh) == (2, True)  # type: ignore[attr-defined]
    (kept,) = read_records(settled.project())
    assert (kept.command, kept.arguments["threads"]) == ("models", 2)


def test_retry_says_what_it_would_run(settled: Settled, run: Run) -> None:
    failed(settled, {"model.tiny.totals": "error", "source.tiny.shop.orders": "error", "model.tiny.gone": "error"})
    assert run("retry", "--dry-run")[1] == "fqn:tiny.totals\nsource:shop.orders\n"


def test_retry_of_nothing(settled: Settled, run: Run) -> None:
    assert run("retry") == (
        2,
        "",
        "run: there is no last run: target/run_results.json is missing. Run something: run models\n",
    )
    failed(settled, {"model.tiny.totals": "success"})
    assert run("retry") == (0, "", "run: nothing failed in the last run (models); there is nothing to do.\n")
    failed(settled, {"model.tiny.gone": "error"})
    assert run("retry")[2] == (
        "run: none of what failed in the last run is in the project any more. Run what you need: run models\n"
    )
