"""A run as spans of time: which node waited for which, the chain that made it last, how busy its threads were.

A node starts once all that it reads has ended and a thread is free. So whatever ended last before it started is what it
waited for: a node that it reads, or, where those had ended earlier, the node that gave its thread back. Followed back from
the node that ended last, this gives the chain of nodes and waits that fills the run from its beginning to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from runner.artifacts.records import RunRecord
from runner.graph import Graph

SLACK = 0.05  # seconds that a free thread takes to start on a node that is ready
NEVER_RAN = ("reused", "skipped")
Waited = Literal["start", "reads", "thread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stage of a node's work; times are in seconds from the first node's start.

    Attributes:
        name: `compile`, `write`, `checks`, `publish`, or `other` for what lies between them.
    """

    name: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One node's time; times are in seconds from the first node's start.

    Attributes:
        ready: when the last node that it waited for had ended.
        after: the nodes that it waited for, through those that were left as they were.
        parts: its stages in order; together they are all of its time. One `other` where no stages were kept.
        said: what the record says of it.
    """

    unique_id: str
    ready: float
    start: float
    seconds: float
    after: tuple[str, ...]
    parts: tuple[Part, ...]
    said: Mapping[str, Any]

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @property
    def waited(self) -> float:
        """Seconds between being ready and a free thread."""
        return max(0.0, self.start - self.ready)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A node of the chain, and what it had waited for.

    Attributes:
        because: `reads`: it reads `of`, which had to end first; `thread`: it was ready, and `of` gave its thread back;
            `start`: it was among the first.
        gap: seconds between the end of `of` and its own start.
    """

    bar: Bar
    because: Waited
    of: str = ""
    gap: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A run in time.

    Attributes:
        bars: the nodes that were worked on, ordered by start.
        threads: how many could be worked on at a time.
        before: seconds from the command to the first node: Spark's start, landing, compiling.
        seconds: from the first node's start to the last one's end.
        after: seconds from there to the end of the command: artifacts, reports.
        chain: what made it last, first to last.
        longest: seconds of the slowest chain of nodes that read each other: with a thread for every node the run could
            not have been shorter.
        busy: by number of nodes worked on at once, the seconds during which it was so many.
    """

    bars: tuple[Bar, ...]
    threads: int
    before: float
    seconds: float
    after: float
    chain: tuple[Link, ...]
    longest: float
    busy: Mapping[int, float]

    @property
    def worked(self) -> float:
        """Seconds of work of all nodes."""
        return sum(bar.seconds for bar in self.bars)

    @property
    def mean_busy(self) -> float:
        """How many threads were at work, on average."""
        return self.worked / self.seconds if self.seconds else 0.0


def timeline_of(record: RunRecord, graph: Graph, *, threads: int) -> Timeline:
    """Returns a run in time.

    Args:
        graph: the project's graph, for records that do not say what a node waited for.
        threads: how many nodes the run worked on at a time.
    """
    nodes = [node for node in record.nodes if node.get("started_at") and node["status"] != "skipped"]
    starts = {node["unique_id"]: datetime.fromisoformat(node["started_at"]) for node in nodes}
    first = min((starts[node["unique_id"]] for node in nodes if _ran(node)), default=record.started_at)
    begins = {name: (at - first).total_seconds() for name, at in starts.items()}
    ends = {node["unique_id"]: begins[node["unique_id"]] + node["seconds"] for node in nodes}
    waits = _waited_for(nodes, graph)
    worked = [node for node in nodes if _ran(node)]
    among = waits.restricted(node["unique_id"] for node in worked)
    bars = tuple(
        sorted((_bar(node, begins, ends, waits, among) for node in worked), key=lambda bar: (bar.start, bar.end))
    )
    last = max((bar.end for bar in bars), default=0.0)
    before = max(0.0, (first - record.started_at).total_seconds())
    return Timeline(
        bars=bars,
        threads=threads,
        before=before,
        seconds=last,
        after=max(0.0, record.seconds - before - last),
        chain=chain_of(bars),
        longest=longest_chain(bars, among),
        busy=busy_of(bars, threads=threads),
    )


def _ran(node: Mapping[str, Any]) -> bool:
    return bool(node["status"] not in NEVER_RAN and node.get("started_at"))


def _waited_for(nodes: Sequence[Mapping[str, Any]], graph: Graph) -> Graph:
    """Returns which nodes of the run each one waited for: as recorded, else as the graph has it now."""
    names = [node["unique_id"] for node in nodes]
    if all("after" in node for node in nodes):
        return Graph({node["unique_id"]: node["after"] for node in nodes})
    now = graph.restricted(name for name in names if name in graph)
    return Graph({name: now.parents(name) if name in now else () for name in names})


def _bar(
    node: Mapping[str, Any],
    begins: Mapping[str, float],
    ends: Mapping[str, float],
    waits: Graph,
    among: Graph,
) -> Bar:
    name = node["unique_id"]
    start = begins[name]
    ready = max((ends[parent] for parent in waits.parents(name) if parent in ends), default=0.0)
    return Bar(
        unique_id=name,
        ready=min(max(ready, 0.0), start),
        start=start,
        seconds=node["seconds"],
        after=among.parents(name),
        parts=tuple(_parts(node, start)),
        said=node,
    )


def _parts(node: Mapping[str, Any], start: float) -> Iterable[Part]:
    """Yields the stages of a node's time and what lies between them, without gaps."""
    at, end = start, start + node["seconds"]
    for name, offset, seconds in node.get("stages") or ():
        begin = start + offset
        if begin < start - SLACK:  # compiled before the run
            continue
        begin, stop = max(begin, at), min(begin + seconds, end)
        if stop <= begin:
            continue
        if begin - at > SLACK:
            yield Part(name="other", start=at, seconds=begin - at)
        else:
            begin = at
        yield Part(name=name, start=begin, seconds=stop - begin)
        at = stop
    if end - at > SLACK or at == start:
        yield Part(name="other", start=at, seconds=end - at)


def chain_of(bars: Sequence[Bar]) -> tuple[Link, ...]:
    """Returns the nodes that made the run last, first to last; each with what it had waited for."""
    by_name = {bar.unique_id: bar for bar in bars}
    now = max(bars, key=lambda bar: bar.end, default=None)
    found: list[Link] = []
    while now is not None:
        parents = [by_name[name] for name in now.after if name in by_name and by_name[name].start < now.start]
        last = max(parents, key=lambda bar: bar.end, default=None)
        because: Waited = "reads"
        if now.waited > SLACK:
            freed = [bar for bar in bars if bar.end <= now.start + SLACK and bar.start < now.start and bar is not now]
            thread = max(freed, key=lambda bar: bar.end, default=None)
            if thread is not None and (last is None or thread.end > last.end):
                last, because = thread, "thread"
        if last is None:
            found.append(Link(bar=now, because="start", gap=now.start))
        else:
            found.append(Link(bar=now, because=because, of=last.unique_id, gap=max(0.0, now.start - last.end)))
        now = last
    return tuple(reversed(found))


def longest_chain(bars: Sequence[Bar], among: Graph) -> float:
    """Returns the seconds of the slowest chain of nodes that waited for each other, had there been a thread for each."""
    seconds = {bar.unique_id: bar.seconds for bar in bars}
    until: dict[str, float] = {}
    for name in among.order:
        until[name] = seconds[name] + max((until[parent] for parent in among.parents(name)), default=0.0)
    return max(until.values(), default=0.0)


def busy_of(bars: Sequence[Bar], *, threads: int) -> dict[int, float]:
    """Returns by number of nodes worked on at once the seconds during which it was so many.

    Args:
        threads: as many as there can be; where one ends and the next starts, rounded times may overlap.
    """
    moments = sorted([(bar.start, 1) for bar in bars] + [(bar.end, -1) for bar in bars])
    found: dict[int, float] = {}
    running, since = 0, 0.0
    for at, change in moments:
        if at > since:
            at_once = min(running, threads)
            found[at_once] = found.get(at_once, 0.0) + at - since
        running, since = running + change, max(at, since)
    return dict(sorted(found.items()))
