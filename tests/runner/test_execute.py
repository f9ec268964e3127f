"""The ready queue: order, parallelism, isolation of failures, interruption. No Spark."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from runner.execute import NodeResult, Status, execute
from runner.graph import Graph

CHAIN = {
    "raw": [],
    "orders": ["raw"],
    "sessions": ["raw"],
    "clv": ["orders", "sessions"],
    "tiers": ["clv"],
    "daily": ["orders"],
}


def working(statuses: dict[str, Status] | None = None, log: list[str] | None = None) -> Callable[[str], NodeResult]:
    def work(node: str) -> NodeResult:
        if log is not None:
            log.append(node)
        return NodeResult(unique_id=node, status=(statuses or {}).get(node, "success"))

    return work


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_parents_end_before_children_start(threads: int) -> None:
    graph = Graph(CHAIN)
    ended: set[str] = set()
    wrong: list[str] = []

    def work(node: str) -> NodeResult:
        wrong.extend(parent for parent in graph.parents(node) if parent not in ended)
        return NodeResult(unique_id=node, status="success")

    results = execute(graph, CHAIN, work, threads=threads, ended=lambda result: ended.add(result.unique_id))
    assert wrong == []
    assert {result.unique_id: result.after for result in results} == {node: graph.parents(node) for node in CHAIN}


def test_one_thread_goes_in_the_order_of_the_graph() -> None:
    log: list[str] = []
    execute(Graph(CHAIN), CHAIN, working(log=log), threads=1)
    assert log == ["raw", "orders", "daily", "sessions", "clv", "tiers"]


def test_nodes_run_at_the_same_time_up_to_the_threads() -> None:
    both = threading.Barrier(2, timeout=10)
    most = 0
    now = 0
    lock = threading.Lock()

    def work(node: str) -> NodeResult:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        if node in ("a", "b"):
            both.wait()  # passes only if the two run side by side
        with lock:
            now -= 1
        return NodeResult(unique_id=node, status="success")

    execute(Graph({"a": [], "b": [], "c": [], "d": []}), "abcd", work, threads=2)
    assert most == 2


@pytest.mark.parametrize("failure", ["error", "withheld"])
def test_a_failure_stops_its_descendants_and_nothing_else(failure: Status) -> None:
    results = execute(Graph(CHAIN), CHAIN, working({"sessions": failure}), threads=2)
    assert {result.unique_id: result.status for result in results} == {
        "raw": "success",
        "orders": "success",
        "sessions": failure,
        "clv": "skipped",
        "tiers": "skipped",
        "daily": "success",
    }
    messages = {result.unique_id: result.message for result in results if result.status == "skipped"}
    assert messages == {"clv": "sessions failed", "tiers": "sessions failed"}


def test_a_warning_stops_nothing() -> None:
    results = execute(Graph(CHAIN), CHAIN, working({"raw": "warn"}), threads=2)
    assert [result.status for result in results].count("success") == 5


@pytest.mark.parametrize("failure", ["error", "withheld"])
def test_fail_fast_starts_nothing_more(failure: Status) -> None:
    log: list[str] = []
    results = execute(Graph(CHAIN), CHAIN, working({"daily": failure}, log), threads=1, fail_fast=True)
    assert log == ["raw", "orders", "daily"]
    assert {result.unique_id for result in results if result.status == "skipped"} == {"sessions", "clv", "tiers"}


def test_an_edge_through_what_is_not_run_still_orders_its_ends() -> None:
    log: list[str] = []
    execute(Graph(CHAIN), ["tiers", "raw"], working(log=log), threads=4)
    assert log == ["raw", "tiers"]


def test_results_say_when_and_how_long() -> None:
    def work(node: str) -> NodeResult:
        time.sleep(0.02)
        return NodeResult(unique_id=node, status="success")

    result = execute(Graph({"a": []}), ["a"], work, threads=1)[0]
    assert result.seconds >= 0.02
    assert result.started_at.tzinfo is not None


def test_a_bug_in_the_work_is_raised_with_its_own_error() -> None:
    def work(node: str) -> NodeResult:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        execute(Graph({"a": []}), ["a"], work, threads=1)


def test_an_interruption_stops_what_runs_and_starts_nothing_more() -> None:
    stopped = threading.Event()
    log: list[str] = []

    def work(node: str) -> NodeResult:
        log.append(node)
        assert stopped.wait(10)
        return NodeResult(unique_id=node, status="success")

    def started(node: str) -> None:
        if node == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(Graph({"a": [], "b": [], "c": []}), "abc", work, threads=2, started=started, interrupted=stopped.set)
    assert log == ["a"]
