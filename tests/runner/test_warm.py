"""The warm session: found by its file, shared, replaced when something changed, ended when nobody uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from runner.cli.session import Command
from runner.errors import MachineError, ProjectError
from runner.session import interpreter, warm
from runner.session.warm import State, Wanted

Write = Callable[[Mapping[str, str]], Path]
PROGRAM = "from runner.cli import script; script()"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)  # batches go from `begin` to now: two, whenever the test runs
KINDS = {
    "project.yml": """
        name: tiny
        models: {tiny: {+materialized: table}}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "seeds/rates.csv": "name,rate\nlow,1\nhigh,3\n",
    "models/stg_orders.sql": "{{ config(materialized='view') }} select 1 as order_id, 30.5 as total",
    "models/totals.sql": "select count(*) as order_count, sum(total) as revenue from {{ ref('stg_orders') }}",
    "models/days.sql": f"""
        {{{{ config(event_time='at') }}}}
        select explode(sequence(timestamp '{YESTERDAY} 00:00', timestamp '{YESTERDAY} 00:00' + interval 1 day)) as at, 7 as amount
        """,
    "models/daily.sql": f"""
        {{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', begin='{YESTERDAY}',
                  batch_size='day') }}}}
        select at, amount from {{{{ ref('days') }}}}
        """,
    "models/scored.py": """
        from pyspark.sql.functions import pandas_udf

        def model(session, ref):
            @pandas_udf("double")
            def doubled(rate):
                return rate * 2.0
            return ref("rates").select("name", doubled("rate").alias("score"))
        """,
    "models/models.yml": """
        version: 2
        models:
          - name: totals
            columns: [{name: order_count, data_tests: [not_null, unique]}]
        unit_tests:
          - name: totals_add_up
            model: totals
            given: [{input: ref('stg_orders'), rows: [{order_id: 1, total: 2}, {order_id: 2, total: 3}]}]
            expect: {rows: [{order_count: 2, revenue: 5}]}
        """,
    "snapshots/kept.sql": """
        {% snapshot kept %}
        {{ config(strategy='check', unique_key='name', check_cols=['rate'], target_schema='marts') }}
        select * from {{ ref('rates') }}
        {% endsnapshot %}
        """,
    "more/endless.sql": "select sum(id % 7) as x from range(0, 100000000000000, 1, 1)",
}


def wanted(folder: Path) -> Wanted:
    return Wanted(
        folder=folder / "target/session",
        name="dev",
        root=folder,
        warehouse=folder / "warehouse",
        settings={"spark.driver.memory": "1g"},
        small=True,
    )


def running(pid: int) -> State:
    return State(id="1", pid=pid, port=1, token="t", digest="d", started_at=0.0)


def test_a_file_that_tells_of_no_server_of_ours_is_no_server(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    asked.folder.mkdir(parents=True)
    assert warm.read_state(asked) is None
    asked.state_file.write_text("{")
    assert warm.read_state(asked) is None
    warm.write_state(asked, running(os.getpid()))  # the number belongs to another process by now
    assert warm.read_state(asked) is None
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    warm.write_state(asked, running(ended.pid))
    assert warm.read_state(asked) is None
    assert warm.stop(asked) is False


def test_only_its_owner_reads_the_token(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    asked.folder.mkdir(parents=True)
    warm.write_state(asked, running(1))
    assert asked.state_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in asked.folder.iterdir()] == ["dev.json"]


def test_another_users_session_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wanted(tmp_path)
    assert warm.is_ours(asked)
    asked.folder.mkdir(parents=True)
    assert warm.is_ours(asked)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not warm.is_ours(asked)


def test_what_the_server_is_made_of_decides_whether_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wanted(tmp_path)
    first = asked.digest()
    assert wanted(tmp_path).digest() == first
    assert replace(asked, settings={"spark.driver.memory": "2g"}).digest() != first
    assert replace(asked, small=False).digest() != first
    assert replace(asked, warehouse=tmp_path / "other").digest() != first
    assert replace(asked, idle_seconds=1.0).digest() == first
    monkeypatch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")
    assert asked.digest() != first


def test_changed_code_of_ours_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "runner" / "session" / "interpreter.py"
    code.parent.mkdir(parents=True)
    for other in ("ingest", "expectations", "stores"):
        (tmp_path / other).mkdir()
    code.write_text("one = 1\n")
    monkeypatch.setattr(interpreter, "__file__", str(code))
    first = interpreter.code_digest()
    assert interpreter.code_digest() == first
    code.write_text("two = 22\n")
    assert interpreter.code_digest() != first


def test_a_held_lock_says_that_the_server_is_in_use(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    assert warm.users(asked) is False
    asked.folder.mkdir(parents=True)
    asked.lock_file.touch()
    assert warm.users(asked) is False
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print(1, flush=True); input()",
         str(asked.lock_file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "1\n"
    assert warm.users(asked) is True
    holder.communicate("\n")
    assert warm.users(asked) is False


@pytest.mark.parametrize(
    ("target", "said", "is_warm"),
    [
        ("session: warm", None, True),
        ("session: cold", None, False),
        ("session: warm", "cold", False),
        ("session: cold", "warm", True),
        ("session: auto", None, False),  # a test has no terminal
        ("master: 'local[2]', session: warm", None, True),
        ("master: 'spark://master:7077', session: warm", None, False),
        ("remote: 'sc://server:15002', session: warm", None, False),
    ],
)
def test_when_commands_use_it(
    write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, target: str, said: str | None, is_warm: bool
) -> None:
    monkeypatch.delenv("SLUICE_SESSION", raising=False)
    if said:
        monkeypatch.setenv("SLUICE_SESSION", said)
    tiny["project.yml"] = tiny["project.yml"].replace("schema: marts}", f"schema: marts, {target}}}")
    command = Command(target=None, project_dir=write(tiny), variables={})
    assert command.is_warm() is is_warm


@pytest.mark.parametrize(
    ("target", "said", "message"),
    [
        ("session: wram", None, '"session" of target "dev" is one of auto, warm, cold, not wram. Did you mean "warm"?'),
        ("session: warm", "on", "SLUICE_SESSION is one of auto, warm, cold, not on."),
    ],
)
def test_another_word_is_refused(
    write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, target: str, said: str | None, message: str
) -> None:
    monkeypatch.delenv("SLUICE_SESSION", raising=False)
    if said:
        monkeypatch.setenv("SLUICE_SESSION", said)
    tiny["project.yml"] = tiny["project.yml"].replace("schema: marts}", f"schema: marts, {target}}}")
    with pytest.raises(ProjectError) as caught:
        Command(target=None, project_dir=write(tiny), variables={}).is_warm()
    assert str(caught.value) == message


class Shell:
    """The command line in a process of its own, which works in the warm session."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, "--project-dir", str(self.root)],
            env={**os.environ, "SLUICE_SESSION": "warm", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.begin(*arguments, **environment)
        out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    def state(self) -> State:
        found = json.loads((self.root / "target/session/dev.json").read_text())
        return State(**found)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A project of every kind of node; none needs a source."""
    root = tmp_path_factory.mktemp("warm")
    for name, text in KINDS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    shell = Shell(root)
    yield shell
    shell.run("session", "stop")


def _is_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def _jvm_seconds(server: int) -> float:
    """Returns the processor seconds of the JVM that a server keeps."""
    children = Path(f"/proc/{server}/task").glob("*/children")
    for child in {int(word) for file in children for word in file.read_text().split()}:
        if b"java" in Path(f"/proc/{child}/cmdline").read_bytes():
            fields = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise AssertionError("the server keeps no JVM")


def _settles(server: int) -> bool:
    """True where the JVM comes to rest."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        before = _jvm_seconds(server)
        time.sleep(1)
        if _jvm_seconds(server) - before < 0.3:
            return True
    return False


@pytest.mark.spark
def test_every_kind_of_node_is_built_and_tested(shell: Shell) -> None:
    code, _, err = shell.run("build")
    assert code == 0, err
    first = shell.state()
    assert shell.run("test")[0] == 0
    shown = {
        name: shell.run("show", name, "--output", "json")[1]
        for name in ("daily", "scored", "kept", "totals", "stg_orders")
    }
    assert shown["daily"].count("\n") == 2
    assert sorted(shown["scored"].splitlines()) == ['{"name": "high", "score": 6.0}', '{"name": "low", "score": 2.0}']
    assert shown["kept"].count('"dbt_valid_to": null') == 2
    assert shown["totals"] == '{"order_count": 1, "revenue": "30.5"}\n'
    assert shown["stg_orders"] == '{"order_id": 1, "total": "30.5"}\n'
    (shell.root / "seeds/rates.csv").write_text("name,rate\nlow,1\nhigh,4\n")
    code, _, err = shell.run("build")
    assert code == 0, err
    assert shell.run("show", "kept", "--output", "json")[1].count('"dbt_valid_to": null') == 2
    assert '{"name": "high", "score": 8.0}' in shell.run("show", "scored", "--output", "json")[1].splitlines()
    assert shell.state() == first


@pytest.mark.spark
def test_ctrl_c_stops_the_commands_jobs_and_the_session_stays(shell: Shell) -> None:
    assert shell.run("session", "start")[0] == 0
    first = shell.state()
    waiting = shell.root / "target/session/dev.socket"
    for forked in (False, True):
        deadline = time.monotonic() + 120
        while forked and not waiting.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        if not forked and waiting.exists():
            continue
        (shell.root / "models/endless.sql").write_text((shell.root / "more/endless.sql").read_text())
        try:
            began = _jvm_seconds(first.pid)
            process = shell.begin("models", "endless")
            while _jvm_seconds(first.pid) - began < 3 and process.poll() is None:
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            (shell.root / "models/endless.sql").unlink()
        assert process.returncode == 130, err
        assert err.endswith("run: stopped. Nothing half-built was published.\n")
        assert _settles(first.pid)
        assert list((shell.root / "warehouse/marts").glob("endless/candidate-*")) == []
    assert shell.state() == first


@pytest.mark.spark
def test_commands_share_one_server_and_survive_its_death(shell: Shell) -> None:
    code, _, err = shell.run("models", "+totals", "--force")
    assert code == 0, err
    first = shell.state()
    both = [
        shell.begin("sql", f"select order_count + {n} as n from {{{{ ref('totals') }}}}", "--output", "json")
        for n in (1, 2)
    ]
    assert [process.communicate(timeout=200)[0] for process in both] == ['{"n": 2}\n', '{"n": 3}\n']
    status = shell.run("session", "status")[2]
    assert status.startswith(f"run: warm session of target dev: process {first.pid}, up "), status

    from runner.session.spark import attached

    with pytest.raises(MachineError, match=r"^the kept Spark does not answer: "), attached(first.port, "wrong"):
        pass

    os.kill(first.pid, signal.SIGKILL)
    assert _is_gone(first.pid, 10)
    code, out, err = shell.run("sql", "select order_count from {{ ref('totals') }}", "--output", "json")
    assert (code, out) == (0, '{"order_count": 1}\n')
    assert err == "run: the warm session has ended; starting a fresh one\n"
    assert shell.state().pid != first.pid


@pytest.mark.spark
def test_a_server_that_nobody_uses_ends_itself_and_leaves_nothing(shell: Shell) -> None:
    shell.run("session", "stop")
    assert shell.run("session", "start", SLUICE_SESSION_MINUTES="0.05")[0] == 0
    pid = shell.state().pid
    assert _is_gone(pid, 60)
    left = [shell.root / "target/session" / name for name in ("dev.json", "dev.socket")]
    deadline = time.monotonic() + 20
    while any(path.exists() for path in left) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [path for path in left if path.exists()] == []
    assert shell.run("session")[1:] == ("", "run: no warm session. Start one: run session start\n")
