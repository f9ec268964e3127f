"""Several publications as one: whole or not at all, wherever the process dies, whatever stood there before."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from runner import delta
from runner.errors import ContractError
from runner.publishing.journal import (
    Recovered,
    Step,
    check_unchanged,
    last_set,
    of_one_moment,
    publish_together,
    publishing,
    recover,
)
from runner.warehouse import exists, is_view, publish_view, read_view, withdraw_view

NAMES = ("table", "fresh", "view", "becomes_view", "becomes_table", "fresh_view")
VIEWS = ("view", "becomes_view", "fresh_view")  # of the new set
OLD = {"table": "1", "view": "select 1", "becomes_view": "1", "becomes_table": "select 1"}
NEW = {name: "select 2" if name in VIEWS else "2" for name in NAMES}


def publish_rows(table: Path, number: int, journal: str = "") -> int:
    """Publishes a table with one row."""
    candidate = delta.new_candidate(table)
    write_deltalake(str(candidate), pa.table({"n": [number]}))
    read = None if is_view(table) else delta.version(table)
    said = {"sluice": 1, "model": "model.t.a", "run_id": f"run-{number}", "journal": journal}
    done = delta.publish(table, candidate, user_metadata=said, read_version=read)
    withdraw_view(table)
    return done


def publish_query(path: Path, number: int, journal: str = "", *, alone: bool = True) -> None:
    publish_view(path, sql=f"select {number}", inputs=[], metadata={"journal": journal}, alone=alone)


def old_set(root: Path) -> None:
    """Publishes what stands before."""
    for name, content in OLD.items():
        (root / "s").mkdir(parents=True, exist_ok=True)
        if content.startswith("select"):
            publish_query(root / "s" / name, 1)
        else:
            publish_rows(root / "s" / name, 1)


def new_set(root: Path, done: Callable[[int], None] = lambda _: None) -> list[Step]:
    """Returns the steps that publish the new one; `done` is told after each how many are done."""

    def step(number: int, name: str) -> Step:
        path = root / "s" / name

        def act(journal: str) -> int | None:
            if name in VIEWS:
                publish_query(path, 2, journal, alone=False)
                version = None
            else:
                version = publish_rows(path, 2, journal)
            done(number)
            return version

        return Step(label=name, table=path, act=act)

    return [step(number, name) for number, name in enumerate(NAMES, 1)]


def standing(root: Path) -> dict[str, str]:
    """Returns what readers see under each name."""
    found = {}
    for name in NAMES:
        path = root / "s" / name
        if is_view(path):
            found[name] = read_view(path)["sql"]
        elif exists(path):
            rows = delta.first_rows(path, 5)[1]
            found[name] = ",".join(str(row["n"]) for row in rows)
    return found


def test_a_set_is_published_whole(tmp_path: Path) -> None:
    old_set(tmp_path)
    assert standing(tmp_path) == OLD
    assert last_set(tmp_path) == {}
    assert publish_together(tmp_path, new_set(tmp_path)) == [1, 0, None, None, 0, None]
    assert standing(tmp_path) == NEW
    assert not publishing(tmp_path)
    assert last_set(tmp_path)["outcome"] == "published"
    assert last_set(tmp_path)["versions"] == {
        "s.table": 1, "s.fresh": 0, "s.view": None, "s.becomes_view": None, "s.becomes_table": 0, "s.fresh_view": None,
    }  # fmt: skip
    assert not (tmp_path / "s/becomes_view/_delta_log").exists()
    assert publish_together(tmp_path, []) == []


@pytest.mark.parametrize("last", range(len(NAMES) + 1))
def test_a_set_that_fails_is_taken_back(tmp_path: Path, last: int) -> None:
    old_set(tmp_path)

    def fails(_: str) -> int:
        raise RuntimeError("in the way")

    steps = [*new_set(tmp_path)[:last], Step(label="x", table=tmp_path / "s/x", act=fails)]
    with pytest.raises(RuntimeError, match="in the way"):
        publish_together(tmp_path, steps)
    assert standing(tmp_path) == OLD
    assert last_set(tmp_path)["outcome"] == "taken back"
    assert list(recover(tmp_path)) == []
    publish_together(tmp_path, new_set(tmp_path))  # nothing is in the way of the next one
    assert standing(tmp_path) == NEW


def test_what_cannot_be_published_any_more_is_known_before_the_first_commit(tmp_path: Path) -> None:
    old_set(tmp_path)
    table = tmp_path / "s/table"
    late = Step(label="x", table=table, act=lambda _: 0, check=lambda: check_unchanged(table, 7))
    with pytest.raises(ContractError) as caught:
        publish_together(tmp_path, [*new_set(tmp_path), late])
    assert str(caught.value) == (
        "s.table: another process changed this table while it was being built; nothing was published. Run it again."
    )
    assert (standing(tmp_path), delta.version(table)) == (OLD, 0)
    check_unchanged(table, 0)
    check_unchanged(tmp_path / "s/nowhere", None)
    check_unchanged(tmp_path / "s/view", None)


DYING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_journal import new_set
from runner.publishing import journal

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

last = int(sys.argv[2])
if last == 0:
    journal._close = journal.Path.replace = die  # before the journal is written
elif last == 100:
    journal._close = die  # all is published, and the set is not closed
journal.publish_together(Path(sys.argv[1]), new_set(Path(sys.argv[1]), done=lambda number: number == last and die()))
"""


def test_wherever_the_process_is_killed_all_is_old_or_all_is_new(tmp_path: Path) -> None:
    here = Path(__file__).resolve()
    deaths = [*range(len(NAMES) + 1), 100]
    processes = {}
    for last in deaths:
        old_set(tmp_path / str(last))
        processes[last] = subprocess.Popen(
            [sys.executable, "-c", DYING, str(tmp_path / str(last)), str(last), str(here.parent)],
            env={**os.environ, "PYTHONPATH": str(here.parents[3])},
        )
    for last, process in processes.items():
        root = tmp_path / str(last)
        assert process.wait(60) == -signal.SIGKILL
        half = standing(root)
        assert half == OLD | {name: NEW[name] for name in NAMES[: min(last, len(NAMES))]}
        assert publishing(root) == (last > 0)
        found = list(recover(root))
        assert list(recover(root)) == []
        if last == 0:
            assert found == []
        elif last >= len(NAMES):
            assert found == [Recovered(taken_back=(), completed=True)]
        else:
            back = tuple((root / "s" / name).absolute() for name in reversed(NAMES[:last]))
            assert found == [Recovered(taken_back=back, completed=False)]
        assert standing(root) == (NEW if last >= len(NAMES) else OLD), last
        assert not publishing(root)
        publish_together(root, new_set(root))
        assert standing(root) == NEW


def test_what_others_did_since_stays(tmp_path: Path) -> None:
    """A table that another program wrote into after the death is left alone; a note or a vacuum is no write."""
    for name, later in (("noted", "note"), ("written", "rows")):
        root = tmp_path / name
        old_set(root)
        process = subprocess.run(
            [sys.executable, "-c", DYING, str(root), "2", str(Path(__file__).parent)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            check=False,
        )
        assert process.returncode == -signal.SIGKILL
        if later == "note":
            delta.note(root / "s/table", user_metadata={"sluice": 1})
        else:
            write_deltalake(str(root / "s/table"), pa.table({"n": [3]}), mode="append")
        list(recover(root))
        assert standing(root) == OLD | ({} if later == "note" else {"table": "3,2"})


def test_nobody_takes_back_what_a_living_process_publishes(tmp_path: Path) -> None:
    old_set(tmp_path)
    seen: list[object] = []

    def look(number: int) -> None:
        if number == 2:
            seen.append(publishing(tmp_path))
            with (tmp_path / "_sluice/publishing.lock").open("w") as lock, pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            seen.append(list(recover(tmp_path)))

    publish_together(tmp_path, new_set(tmp_path, done=look))
    assert seen == [True, []]
    assert standing(tmp_path) == NEW


def test_a_reader_of_several_tables_reads_whole_sets(tmp_path: Path) -> None:
    old_set(tmp_path)
    looks: list[dict[str, str]] = []

    def read() -> dict[str, str]:
        first = standing(tmp_path)
        if not looks:  # a set is published between the reader's first table and its last
            publish_together(tmp_path, new_set(tmp_path))
            first |= {"fresh_view": standing(tmp_path)["fresh_view"]}
        looks.append(first)
        return first

    assert of_one_moment(tmp_path, read) == (NEW, True)
    assert looks[0] == OLD | {"fresh_view": "select 2"}  # what it would have seen
    assert len(looks) == 2

    def meets_each_time() -> dict[str, str]:
        publish_rows(tmp_path / "s/other", 1) if not exists(tmp_path / "s/other") else None
        step = Step(
            label="x", table=tmp_path / "s/other", act=lambda journal: publish_rows(tmp_path / "s/other", 3, journal)
        )
        publish_together(tmp_path, [step])
        return standing(tmp_path)

    assert of_one_moment(tmp_path, meets_each_time) == (NEW, False)
