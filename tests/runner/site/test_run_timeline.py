"""A run in time, against chains, waits and shares computed by hand. No Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runner.artifacts.records import RunRecord
from runner.graph import Graph
from runner.site.runs import drawn
from runner.site.runs.timeline import Link, Timeline, timeline_of

BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def node(name: str, start: float, seconds: float, *after: str, status: str = "success", **rest: Any) -> dict[str, Any]:
    """Returns what a record says of a node that started so many seconds after the command."""
    at = (BEGAN + timedelta(seconds=start)).isoformat()
    return {"unique_id": name, "status": status, "started_at": at, "seconds": seconds, "after": list(after), **rest}


def timeline(nodes: Sequence[dict[str, Any]], *, threads: int = 2, seconds: float = 30.0) -> Timeline:
    record = RunRecord(
        run_id="r", command="models", arguments={}, target="dev", started_at=BEGAN, seconds=seconds, nodes=nodes
    )
    return timeline_of(record, Graph({}), threads=threads)


def links(chain: Sequence[Link]) -> list[tuple[str, str, str, float]]:
    return [(link.bar.unique_id, link.because, link.of, round(link.gap, 3)) for link in chain]


# Two threads; the first node starts 5 s after the command.
#   thread 1  |-- a 4 s --|---- c 6 s (needs a) ----|-- e 2 s (needs c, b) --|
#   thread 2  |-------- b 8 s --------|--- d 3 s (needs a; ready at 4) ---|
SHOP = [
    node("a", 5, 4),
    node("b", 5, 8),
    node("c", 9.01, 6, "a"),
    node("d", 13, 3, "a"),
    node("e", 15.01, 2, "b", "c"),
    node("f", 5.001, 0.0, status="reused"),
]


def test_times_count_from_the_first_start() -> None:
    found = timeline(SHOP)
    assert [(bar.unique_id, round(bar.ready, 2), round(bar.start, 2)) for bar in found.bars] == [
        ("a", 0.0, 0.0),
        ("b", 0.0, 0.0),
        ("c", 4.0, 4.01),
        ("d", 4.0, 8.0),
        ("e", 10.01, 10.01),
    ]
    assert (found.before, round(found.seconds, 2), round(found.after, 2)) == (5.0, 12.01, 12.99)


def test_the_chain_is_what_each_waited_for_last() -> None:
    assert links(timeline(SHOP).chain) == [
        ("a", "start", "", 0.0),
        ("c", "reads", "a", 0.01),
        ("e", "reads", "c", 0.0),
    ]


def test_a_chain_goes_through_the_thread_that_came_free() -> None:
    slow = [one for one in SHOP if one["unique_id"] != "d"] + [node("d", 13, 9, "a")]
    found = timeline(slow)
    assert links(found.chain) == [("b", "start", "", 0.0), ("d", "thread", "b", 0.0)]
    assert found.chain[-1].bar.waited == pytest.approx(4.0)


def test_the_slowest_chain_of_needs_is_the_least_that_more_threads_could_reach() -> None:
    assert timeline(SHOP).longest == pytest.approx(4 + 6 + 2)  # a, c, e
    slow = [one for one in SHOP if one["unique_id"] != "d"] + [node("d", 13, 9, "a")]
    assert timeline(slow).longest == pytest.approx(4 + 9)  # a, d: with a third thread d starts as a ends


def test_what_was_left_alone_hands_on_what_it_waited_for() -> None:
    found = timeline([node("a", 0, 4), node("view", 4, 0.01, "a", status="reused"), node("c", 4.02, 1, "view")])
    assert [bar.after for bar in found.bars] == [(), ("a",)]
    assert links(found.chain) == [("a", "start", "", 0.0), ("c", "reads", "a", 0.02)]
    assert found.longest == pytest.approx(5.0)


def test_how_many_were_worked_on_at_once() -> None:
    found = timeline(SHOP)
    # a|b to 4, b alone to 4.01, c|b to 8, c|d to 10.01, e|d to 11, e alone to 12.01
    assert {running: round(seconds, 2) for running, seconds in found.busy.items()} == {1: 1.02, 2: 10.99}
    assert found.worked == pytest.approx(23.0)
    assert found.mean_busy == pytest.approx(23 / 12.01)


def test_a_moment_without_work_is_counted() -> None:
    assert timeline([node("a", 0, 1), node("b", 3, 1)], threads=1).busy == {1: 2.0, 0: 2.0}


def test_records_without_waits_take_the_graph_as_it_is() -> None:
    old = [{key: value for key, value in one.items() if key != "after"} for one in SHOP]
    record = RunRecord(
        run_id="r", command="models", arguments={}, target="dev", started_at=BEGAN, seconds=30, nodes=old
    )
    graph = Graph({"c": ["a"], "d": ["a"], "e": ["b", "ephemeral"], "ephemeral": ["c"], "f": []})
    assert links(timeline_of(record, graph, threads=2).chain) == links(timeline(SHOP).chain)


def test_stages_fill_a_nodes_time() -> None:
    stages = [["compile", -3.0, 0.2], ["write", 0.5, 2.0], ["checks", 2.5, 1.0], ["publish", 3.52, 0.1]]
    parts = timeline([node("a", 0, 4, stages=stages)]).bars[0].parts
    assert [(part.name, round(part.start, 2), round(part.seconds, 2)) for part in parts] == [
        ("other", 0.0, 0.5),
        ("write", 0.5, 2.0),
        ("checks", 2.5, 1.0),
        ("publish", 3.5, 0.12),
        ("other", 3.62, 0.38),
    ]


def test_a_node_without_stages_is_one_part() -> None:
    parts = timeline([node("a", 0, 4)]).bars[0].parts
    assert [(part.name, part.start, part.seconds) for part in parts] == [("other", 0.0, 4.0)]


def test_a_run_that_did_nothing_has_no_bars() -> None:
    found = timeline([node("a", 1, 0.0, status="reused"), node("b", 1, 0.0, status="skipped")])
    assert (found.bars, found.chain, found.seconds, found.longest, found.busy) == ((), (), 0.0, 0.0, {})


def test_a_lane_says_what_it_shows() -> None:
    found = timeline([node("a", 0, 4), node("b", 6, 2, stages=[["write", 0.0, 1.5], ["checks", 1.5, 0.5]])], threads=1)
    text = str(drawn.lane(found.bars[1], found, "b<c"))
    assert 'aria-label="b&lt;c: ready after 0 s, waited 6 s for a thread, took 2 s: write 1.5 s, checks 0.5 s"' in text
    assert '<rect class="wait" x="0.00%" y="8" width="75.00%" height="2"></rect>' in text
    assert (
        '<rect class="stage write" x="75.00%" y="3" width="18.75%" height="12"><title>write 1.5 s</title></rect>'
        in text
    )
    assert '<rect class="stage checks" x="93.75%" y="3" width="6.25%" height="12">' in text
