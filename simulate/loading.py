"""Loading a table's files into a store: units read and written by several processes, marked when done, verified.

A unit that is in the store leaves a mark there (a digest of its bytes, and of its keys), so that a load which was
killed goes on where it stopped, and a repeat writes nothing. When all is written, the keys in the store are compared
with those of the files; units whose keys are missing, whatever their marks say, are written once more.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np

from runner.errors import MachineError
from simulate.loaded import SHOWN_BROKEN, Broken, Coverage, Loaded, TableFiles
from simulate.reading import Block, Unit, open_unit
from simulate.seeds import IntArray

Progress = Callable[[str, int, int], None]
_Result = TypeVar("_Result")
_Task = TypeVar("_Task")

PATIENCE_SECONDS = 60.0  # for which a server may be away in the middle of a load
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 2.0  # seconds between two tries
_BYTES_PER_WORKER = 8 << 20  # fewer are not worth the start of a process
_KEY_BYTES = 8


class Lost(Exception):
    """The server has been away for longer than a load waits; the message is the last thing it said."""


class Refused(Exception):
    """A record that the store cannot hold; the message says why."""


@dataclass(slots=True)
class Written:
    """What writing a block came to: keys of the records that are in the store, records refused by index, cut times."""

    keys: list[bytes] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    cut_times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the store remembers of a unit: how much is in it, and its keys as 8-byte digests."""

    records: int
    broken: int
    cut_times: int
    keys: bytes


class Writer(Protocol):
    """One process's way into a store. Methods that talk to the server raise its own errors; `lost_errors` are retried."""

    lost_errors: tuple[type[BaseException], ...]

    def reconnect(self) -> None:
        """Opens the connection, again where there was one."""

    def is_final(self, error: BaseException) -> bool:
        """Returns whether an error of `lost_errors` will come again however often one tries."""

    def said(self, error: BaseException) -> str:
        """Returns the first line of what an error says."""

    def mark(self, digest: str) -> Mark | None:
        """Returns the mark of a unit, None where there is none."""

    def set_mark(self, digest: str, mark: Mark) -> None:
        """Remembers that a unit is in the store."""

    def prepare(self, documents: Sequence[Any]) -> tuple[Sequence[Any], Written]:
        """Returns the documents as the store takes them, without a connection, and what is known of them."""

    def write(self, prepared: Sequence[Any]) -> None:
        """Writes prepared records; doing it twice changes nothing."""

    def ranges(self) -> Sequence[Any]:
        """Returns ranges of keys that together are the whole table."""

    def keys(self, span: Any) -> Iterator[bytes]:
        """Yields the keys that the store has in a range."""

    def close(self) -> None:
        """Closes the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLoaded:
    """What a unit came to.

    Attributes:
        keys: 8-byte digests of the keys of its records, in any order.
        is_written: this run wrote it; else its mark was there.
    """

    unit: Unit
    records: int
    broken_count: int
    broken: tuple[Broken, ...]
    cut_times: int
    keys: bytes
    is_written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A table to be loaded.

    Attributes:
        make_writer: makes a process's writer; can be pickled.
        place: the store in messages.
        recipe: what, beside the bytes, decides what is written; a mark of another recipe counts for nothing.
        records: about how many the units hold.
        note: what the store could not do for the table; empty where all is well.
    """

    table: TableFiles
    units: Sequence[Unit]
    records: int
    coverage: tuple[Coverage, ...]
    place: str
    recipe: str
    make_writer: Callable[[], Writer]
    patience_seconds: float = PATIENCE_SECONDS
    note: str = ""


def estimated_records(units: Sequence[Unit]) -> int:
    """Returns about how many records the units hold, from those of the first that has any."""
    total = sum(unit.size for unit in units)
    for unit in units:
        count = sum(len(block.documents) for block in open_unit(unit).blocks)
        if count:
            return max(count, round(total * count / unit.size))
    return 0


def worker_count(units: Sequence[Unit], workers: int | None) -> int:
    """Returns how many processes a load takes: as asked, or as many as there are cores and work for."""
    if workers is not None:
        return max(1, min(workers, len(units) or 1))
    size = sum(unit.size for unit in units)
    return max(1, min(os.cpu_count() or 1, len(units), size // _BYTES_PER_WORKER))


def load(plan: Plan, *, progress: Progress | None = None, workers: int | None = None, force: bool = False) -> Loaded:
    """Loads a table and verifies it.

    Args:
        progress: called with the table's name, records done, and records in all (about, until the last call).
        force: write what is marked as loaded too.

    Raises:
        MachineError: the server was away for longer than the plan's patience, or does not hold what it took.
    """
    begun = time.monotonic()
    tell = progress or (lambda name, done, total: None)
    tell(plan.table.name, 0, plan.records)
    with _crew(plan, worker_count(plan.units, workers)) as crew:
        done = _load_units(plan, plan.units, crew, tell, force=force)
        writing = time.monotonic() - begun
        stored = _stored(plan, crew, done)
        missing = _missing(done, stored)
        if missing:
            done = [each for each in done if each.unit not in missing]
            done += _load_units(plan, missing, crew, tell, force=True)
            stored = _stored(plan, crew, done)
            if _missing(done, stored):
                raise MachineError(
                    f"{plan.place}/{plan.table.name}: the store does not hold all records that it took: "
                    f"{_absent(done, stored):,} are missing. Is another program deleting them? Load again."
                )
    total = sum(each.records for each in done)
    tell(plan.table.name, total, total)
    return _report(plan, done, stored, writing, time.monotonic() - begun)


def _report(plan: Plan, done: Sequence[UnitLoaded], stored: IntArray, writing: float, seconds: float) -> Loaded:
    keys = _digests(done)
    distinct = np.unique(keys)
    broken = sorted((each for unit in done for each in unit.broken), key=lambda each: (str(each.path), each.position))
    return Loaded(
        table=plan.table.name,
        place=plan.place,
        records=sum(each.records for each in done),
        written=sum(each.records - each.broken_count for each in done if each.is_written),
        keys=len(distinct),
        repeated=len(keys) - len(distinct),
        stored=len(stored),
        strangers=int((~np.isin(stored, distinct)).sum()),
        broken_count=sum(each.broken_count for each in done),
        broken=tuple(broken[:SHOWN_BROKEN]),
        cut_times=sum(each.cut_times for each in done),
        coverage=plan.coverage,
        note=plan.note,
        seconds=seconds,
        write_seconds=writing,
    )


def _digests(done: Sequence[UnitLoaded]) -> IntArray:
    return np.frombuffer(b"".join(each.keys for each in done), dtype=np.int64)


def _missing(done: Sequence[UnitLoaded], stored: IntArray) -> list[Unit]:
    """Returns the units of which the store lacks a key."""
    held = np.unique(stored)
    return [each.unit for each in done if not np.isin(np.frombuffer(each.keys, dtype=np.int64), held).all()]


def _absent(done: Sequence[UnitLoaded], stored: IntArray) -> int:
    return len(np.setdiff1d(_digests(done), stored))


def digests_of(keys: Sequence[bytes] | Iterator[bytes]) -> bytes:
    """Returns an 8-byte digest of each key, joined."""
    blake = hashlib.blake2b
    return b"".join([blake(key, digest_size=_KEY_BYTES).digest() for key in keys])


def _load_units(plan: Plan, units: Sequence[Unit], crew: _Crew, tell: Progress, *, force: bool) -> list[UnitLoaded]:
    done: list[UnitLoaded] = []
    records = 0
    try:
        for each in crew.each(_load_unit, [(unit, force) for unit in units]):
            done.append(each)
            records += each.records
            tell(plan.table.name, records, max(plan.records, records))
    except Lost as lost:
        raise _stopped(plan, lost, f"{records:,} of about {max(plan.records, records):,} records were loaded") from lost
    return done


def _stored(plan: Plan, crew: _Crew, done: Sequence[UnitLoaded]) -> IntArray:
    """Returns digests of all keys that the store has."""
    try:
        parts = list(crew.each(_read_keys, list(crew.one(_ranges))))
    except Lost as lost:
        records = sum(each.records for each in done)
        raise _stopped(plan, lost, f"all {records:,} records were loaded, and not yet verified") from lost
    return np.frombuffer(b"".join(parts), dtype=np.int64)


def _stopped(plan: Plan, lost: Lost, how_far: str) -> MachineError:
    return MachineError(
        f"{plan.place}/{plan.table.name}: stopped answering for {plan.patience_seconds:.0f} s ({lost}) when {how_far}. "
        "Start it again and repeat the command: it goes on where it stopped."
    )


class _Crew(Protocol):
    def each(self, work: Callable[[Worker, _Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]: ...

    def one(self, work: Callable[[Worker], _Result]) -> _Result: ...


@dataclass(slots=True)
class Worker:
    """A writer with the patience of its plan; opened when it is needed."""

    writer: Writer
    recipe: str
    patience_seconds: float
    is_open: bool = False

    def persist(self, action: Callable[[], _Result]) -> _Result:
        """Returns what the action returns; while the server is away, waits and tries again on a new connection.

        Raises:
            Lost: it was away for longer than the patience, or says that trying is of no use.
        """
        until: float | None = None
        pause = _FIRST_WAIT
        while True:
            try:
                if not self.is_open:
                    self.writer.reconnect()
                    self.is_open = True
                return action()
            except BaseException as error:
                if not isinstance(error, (*self.writer.lost_errors, MachineError)):
                    raise
                self.is_open = False
                now = time.monotonic()
                until = until or now + self.patience_seconds
                if now >= until or self.writer.is_final(error):
                    raise Lost(self.writer.said(error)) from error
                time.sleep(min(pause, max(0.0, until - now)))
                pause = min(2 * pause, _LONGEST_WAIT)


def _load_unit(worker: Worker, task: tuple[Unit, bool]) -> UnitLoaded:
    unit, force = task
    content = open_unit(unit)
    digest = hashlib.blake2b(f"{worker.recipe}:{content.digest}".encode(), digest_size=16).hexdigest()
    mark = None if force else worker.persist(lambda: worker.writer.mark(digest))
    if mark is not None and not mark.broken:
        return UnitLoaded(
            unit=unit,
            records=mark.records,
            broken_count=0,
            broken=(),
            cut_times=mark.cut_times,
            keys=mark.keys,
            is_written=False,
        )
    records, cut_times = 0, 0
    keys: list[bytes] = []
    broken: list[Broken] = []
    for block in content.blocks:
        written = _write(worker, block, is_there=mark is not None)
        records += len(block.documents)
        cut_times += written.cut_times
        keys.append(digests_of(written.keys))
        broken += _broken_of(unit, block, written)
    found = Mark(records=records, broken=len(broken), cut_times=cut_times, keys=b"".join(keys))
    if mark is None:
        worker.persist(lambda: worker.writer.set_mark(digest, found))
    return UnitLoaded(
        unit=unit,
        records=records,
        broken_count=len(broken),
        broken=tuple(broken[:SHOWN_BROKEN]),
        cut_times=cut_times,
        keys=found.keys,
        is_written=mark is None,
    )


def _write(worker: Worker, block: Block, *, is_there: bool) -> Written:
    """Writes a block; one that is there is only looked at again, for the broken records that it has."""
    prepared, written = worker.writer.prepare(block.documents)
    if not is_there:
        worker.persist(lambda: worker.writer.write(prepared))
    return written


def _broken_of(unit: Unit, block: Block, written: Written) -> Iterator[Broken]:
    if not written.refused:
        return
    records = block.records()
    for index, reason in written.refused.items():
        yield Broken(unit.path, records[index].position, records[index].problem or reason)


def _ranges(worker: Worker) -> Sequence[Any]:
    return worker.persist(worker.writer.ranges)


def _read_keys(worker: Worker, span: Any) -> bytes:
    return worker.persist(lambda: digests_of(worker.writer.keys(span)))


@contextmanager
def _crew(plan: Plan, workers: int) -> Iterator[_Crew]:
    """Gives those who do a plan's work: this process, or several that end with it however it ends."""
    if workers == 1:
        worker = Worker(plan.make_writer(), plan.recipe, plan.patience_seconds)
        try:
            yield _Alone(worker)
        finally:
            worker.writer.close()
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open_worker,
        initargs=(plan.make_writer, plan.recipe, plan.patience_seconds),
    )
    try:
        yield _Several(pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Alone:
    worker: Worker

    def each(self, work: Callable[[Worker, _Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]:
        return (work(self.worker, task) for task in tasks)

    def one(self, work: Callable[[Worker], _Result]) -> _Result:
        return work(self.worker)


@dataclass(frozen=True, slots=True)
class _Several:
    pool: ProcessPoolExecutor
    workers: int

    def each(self, work: Callable[[Worker, _Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]:
        """Yields results as they come; few tasks are ever handed out and not begun."""
        rest = iter(tasks)
        waiting: set[Future[_Result]] = {
            self.pool.submit(_in_worker, work, task) for task in islice(rest, 2 * self.workers)
        }
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
                waiting |= {self.pool.submit(_in_worker, work, task) for task in islice(rest, 1)}

    def one(self, work: Callable[[Worker], _Result]) -> _Result:
        return self.pool.submit(_in_worker, work).result()


_worker: Worker | None = None  # of a process of the crew


def _open_worker(make_writer: Callable[[], Writer], recipe: str, patience_seconds: float) -> None:
    global _worker
    begin_process()
    _worker = Worker(make_writer(), recipe, patience_seconds)


def begin_process() -> None:
    """Makes a process of a pool end with the one that started it, however that ends, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_worker(work: Callable[..., _Result], *task: Any) -> _Result:
    assert _worker is not None
    return work(_worker, *task)
