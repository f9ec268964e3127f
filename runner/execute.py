"""The ready queue: runs the nodes of a graph in parallel, parents first. It knows no SQL and no Spark.

A node that fails stops its descendants and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from runner.graph import Graph

Status = Literal["success", "warn", "error", "withheld", "skipped", "reused"]
_SECONDS_BETWEEN_INTERRUPTIONS = 0.2
STOPPING: tuple[Status, ...] = ("error", "withheld", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the work on a node: `compile`, `write` (its candidate), `checks`, `publish`.

    Attributes:
        seconds: wall-clock time.
    """

    name: str
    started_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What became of a node.

    Attributes:
        status: `withheld`: it was built, a check failed, and readers keep the last good version;
            `skipped`: something above it failed; `warn`: published, with a warning; `reused`: nothing changed since it
            was published, so it was not built, and what is below it goes on.
        seconds: wall-clock time.
        rows: rows in the result, where they are known.
        version: the Delta version that was published.
        checks: what its suite found (an `expectations` result), if it has one.
        why: why it ran, of a node whose state was looked at.
        retried: what went wrong before it went well: the reasons of the tries before the last.
        parents: the tables and views that it read, as they were then; see `runner.state`.
        batches: the successful and failed intervals of a microbatch model.
        stages: what its time went into, in order; a stage that was tried again stands there each time. What is compiled
            before the first node starts has its stage before `started_at`.
        after: the nodes of the run that it waited for.
    """

    unique_id: str
    status: Status
    seconds: float = 0.0
    message: str = ""
    rows: int | None = None
    version: int | None = None
    checks: Any = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    compiled_sql: str | None = None
    why: str = ""
    retried: tuple[str, ...] = ()
    parents: Mapping[str, Any] = field(default_factory=dict)
    batches: Mapping[str, Any] | None = None
    stages: tuple[Stage, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """True where nodes below this one cannot run."""
        return self.status in STOPPING


def execute(
    graph: Graph,
    nodes: Iterable[str],
    work: Callable[[str], NodeResult],
    *,
    threads: int,
    started: Callable[[str], None] = lambda _: None,
    ended: Callable[[NodeResult], None] = lambda _: None,
    interrupted: Callable[[], None] = lambda: None,
    fail_fast: bool = False,
) -> list[NodeResult]:
    """Runs `work` for every node, each after its parents among `nodes`; returns the results in the order they ended.

    Args:
        graph: the graph; an edge through nodes that are not run still orders the two ends.
        nodes: what to run.
        work: does one node; must not raise for what a person can mend.
        threads: how many run at the same time.
        started, ended: are called from this thread as a node starts and ends.
        interrupted: is called on Ctrl-C, and again until nothing runs any more; KeyboardInterrupt is then raised.
        fail_fast: start nothing more after the first failure.
    """
    chosen = graph.restricted(nodes)
    missing = {node: len(chosen.parents(node)) for node in chosen.order}
    position = {node: index for index, node in enumerate(chosen.order)}
    ready = [node for node in chosen.order if missing[node] == 0]
    results: dict[str, NodeResult] = {}
    running: dict[Future[NodeResult], str] = {}
    stopped_by: dict[str, str] = {}

    def finish(result: NodeResult) -> None:
        result = replace(result, after=chosen.parents(result.unique_id))
        results[result.unique_id] = result
        ended(result)
        for child in chosen.children(result.unique_id):
            if result.stops:
                stopped_by.setdefault(child, stopped_by.get(result.unique_id, result.unique_id))
            missing[child] -= 1
            if missing[child] == 0:
                ready.append(child)
        ready.sort(key=position.__getitem__)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="model") as pool:
        try:
            while ready or running:
                while ready and len(running) < threads:
                    node = ready.pop(0)
                    cause = stopped_by.get(node)
                    if cause is None and fail_fast:
                        cause = next((one.unique_id for one in results.values() if one.stops), None)
                    if cause is not None:
                        name = cause.rsplit(".", 1)[-1]
                        finish(NodeResult(unique_id=node, status="skipped", message=f"{name} failed"))
                        continue
                    started(node)
                    running[pool.submit(_timed, work, node)] = node
                if running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in sorted(done, key=lambda one: position[running[one]]):
                        running.pop(future)
                        finish(future.result())
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            interrupted()
            while not all(future.done() for future in running):  # what is between two jobs would start the next one
                wait(running, timeout=_SECONDS_BETWEEN_INTERRUPTIONS)
                interrupted()
            raise
    return list(results.values())


def _timed(work: Callable[[str], NodeResult], node: str) -> NodeResult:
    started_at = datetime.now(UTC)
    clock = time.perf_counter()
    result = work(node)
    return replace(result, seconds=time.perf_counter() - clock, started_at=started_at)
