"""Readers during builds that fail: of every materialization, in every way, they see the last good version and no other."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from polling import Seen, reading

from runner import delta
from runner.build import Builder, BuildOptions
from runner.names import TableRef
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.quality.failing_rows import read_failing_rows

if TYPE_CHECKING:
    from conftest import Work

ROUNDS = int(os.environ.get("FAILING_ROUNDS", "1"))
FAULTS = ("rows", "query", "hook", "contract")
ROWS = """
select {% if var('fault') != 'contract' %}id,{% endif %} kind{{ more }}
from (
    select * from values (1, 'a'), (2, 'b') as given(id, kind)
    {% if var('fault') == 'rows' %}union all select null, 'bad'{% endif %}
)
{% if var('fault') == 'query' %}where if(id = 2, raise_error('no'), true){% endif %}
"""
HOOK = "{% if var('fault') == 'hook' %}insert into {{ this }} select null, 'by a hook'{% endif %}"
BAD_HOOK = "{% if var('fault') == 'hook' %}select * from nowhere{% endif %}"
INCREMENTAL = {
    "append": "",
    "merge": ", unique_key='id'",
    "delete+insert": ", unique_key='id'",
    "insert_overwrite": ", partition_by='kind'",
    "replace_where": ", replace_where='id > 0 or id is null'",
}
PYTHON = """
def model(session, var, config):
    config(post_hook="{% if var('fault') == 'hook' %}insert into {{ this }} select null, 'by a hook'{% endif %}")
    fault = var("fault")
    if fault == "query":
        raise ValueError("no")
    rows = [(1, "a"), (2, "b")] + ([(None, "bad")] if fault == "rows" else [])
    frame = session.createDataFrame(rows, "id int, kind string")
    return frame.drop("id") if fault == "contract" else frame
"""
SEEDS = {
    "none": "id,kind\n1,a\n2,b\n",
    "rows": "id,kind\n1,a\n,bad\n",
    "query": "id,kind\n1,a\n2\n",
    "hook": "id,kind\n1,a\n2,b\n",
    "contract": "idd,kind\n1,a\n",
}


def write_every_kind(work: Work) -> list[str]:
    """Writes a node of every materialization; returns their names."""
    names = ["as_view", "as_table", "as_python", "as_batches", "as_seed", "as_snapshot"]
    sql = ROWS.replace("{{ more }}", "")
    work.file("models/as_view.sql", f"{{{{ config(materialized='view', post_hook=\"{BAD_HOOK}\") }}}}{sql}")
    work.file("models/as_table.sql", f"{{{{ config(materialized='table', post_hook=\"{HOOK}\") }}}}{sql}")
    for strategy, more in INCREMENTAL.items():
        name = "as_" + strategy.replace("+", "_")
        names.append(name)
        config = f"materialized='incremental', incremental_strategy='{strategy}', on_schema_change='fail'{more}"
        work.file(f"models/{name}.sql", f'{{{{ config({config}, post_hook="{HOOK}") }}}}{sql}')
    batches = ROWS.replace("{{ more }}", ", timestamp'{{ model.batch.event_time_start if model.batch }}' as at")
    config = (
        "materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='year', "
        "begin=run_started_at.strftime('%Y-01-01'), on_schema_change='fail'"
    )
    hook = HOOK.replace("'by a hook'", "'by a hook', timestamp'2026-01-01'")
    work.file("models/as_batches.sql", f'{{{{ config({config}, post_hook="{hook}") }}}}{batches}')
    work.file("models/as_python.py", PYTHON)
    snapshot = "strategy='check', unique_key='id', check_cols=['kind']"
    bad = "{% if var('fault') == 'hook' %}delete from {{ this }} where nothing = 1{% endif %}"
    work.file(
        "snapshots/s.sql",
        f'{{% snapshot as_snapshot %}}{{{{ config({snapshot}, post_hook="{bad}") }}}}{sql}{{% endsnapshot %}}',
    )
    promised = "columns: [{name: id, data_type: int, data_tests: [not_null]}, {name: kind, data_type: string}%s]"
    enforced = "config: {contract: {enforced: true}}"
    at = ", {name: at, data_type: timestamp}"
    models = [f"  - {{name: {name}, {enforced}, {promised % (at if name == 'as_batches' else '')}}}" for name in names]
    work.file("models/_m.yml", "\n".join(["models:", *models[:4], *models[6:]]))
    work.file("snapshots/_s.yml", f"snapshots:\n  - {{name: as_snapshot, {promised % ''}}}\n")
    seed = promised.replace("data_type: int", "data_type: bigint") % ""
    work.file(
        "seeds/_s.yml",
        f'seeds:\n  - {{name: as_seed, config: {{contract: {{enforced: true}}, post_hook: "{HOOK}"}}, {seed}}}\n',
    )
    return names


def build(work: Work, fault: str) -> dict[str, str]:
    """Builds all nodes with a fault in them; returns how each ended."""
    work.file("seeds/as_seed.csv", SEEDS[fault])
    project = load_project(work.root, variables={"fault": fault})
    builder = Builder(project, load_quality(project), work.spark, run_id=fault, options=BuildOptions(threads=3))
    results = builder.run(project.select(kinds=("model", "seed", "snapshot")))
    return {result.unique_id.rsplit(".", 1)[-1]: f"{result.status} {result.message}" for result in results}


def test_readers_of_every_materialization_see_no_failing_build(work: Work) -> None:
    names = write_every_kind(work)
    assert {result.split()[0] for result in build(work, "none").values()} == {"success"}, build(work, "none")
    seen = Seen()
    failing = 0
    with reading([work.path(name) for name in names], seen, work.root / "seen.json"):
        for fault in FAULTS * ROUNDS:
            ended = build(work, fault)
            assert set(ended) == set(names)
            assert {result.split()[0] for result in ended.values()} <= {"error", "withheld"}, ended
            failing += len(ended)
            if fault == "rows":  # a check failed: of each materialization the rows are kept with the reason
                for name in names:
                    kept = read_failing_rows(work.root / "warehouse", TableRef("marts", name))
                    assert [one.values["kind"] for one in kept] == ["bad"], (name, ended[name])
                    assert {one.status for one in kept} == {"fail"}
                    assert all("id" in one.reason for one in kept), kept
    assert failing == ROUNDS * len(FAULTS) * len(names) == ROUNDS * 44
    sys.stdout.write(f"{failing} failing builds, {seen.looks} looks at {len(names)} tables\n")  # seen with -s
    assert seen.looks > 20
    for name, states in seen.states.items():
        assert len(states) == 1, (name, states)
        assert "bad" not in states[0] or name == "as_view"
        assert "Error" not in states[0]


PUBLISHER = """
import sys
from pathlib import Path
import pyarrow as pa
from deltalake import write_deltalake
from runner import delta

table = Path(sys.argv[1])
number = delta.version(table) + 1
while True:
    candidate = delta.new_candidate(table)
    rows = pa.table({"n": [number] * 50, "part": [row % 5 for row in range(50)]})
    write_deltalake(str(candidate), rows, partition_by=["part"])
    print(number, flush=True)
    number = delta.publish(table, candidate, user_metadata={}, read_version=number - 1) + 1
"""


def test_readers_see_whole_versions_though_the_publisher_is_killed(tmp_path: Path, root: Path) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    table = tmp_path / "t"
    candidate = delta.new_candidate(table)
    write_deltalake(
        str(candidate), pa.table({"n": [0] * 50, "part": [row % 5 for row in range(50)]}), partition_by=["part"]
    )
    delta.publish(table, candidate, user_metadata={}, read_version=None)
    chance = random.Random(7)
    seen = Seen()
    with reading([table], seen, tmp_path / "seen.json"):
        for _ in range(4):
            publisher = subprocess.Popen(
                [sys.executable, "-c", PUBLISHER, str(table)],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
            assert publisher.stdout is not None
            publisher.stdout.readline()
            time.sleep(chance.uniform(0, 0.3))  # in the middle of whatever it does
            publisher.send_signal(signal.SIGKILL)
            publisher.wait()
    assert len(seen.states["t"]) > 2
    for state in seen.states["t"]:
        numbers = set(state.split("'n': ")[1:])
        assert state.count("'n': ") == 50
        assert len({part.split(",")[0] for part in numbers}) == 1, state


@pytest.mark.parametrize("broken", ["view.json", "nothing"])
def test_the_reader_would_see_what_is_missing(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "t"
    path.mkdir()
    if broken == "view.json":
        (path / broken).write_text("{")
    seen = Seen()
    with reading([path], seen, tmp_path / "seen.json"):
        pass
    assert len(seen.states["t"]) == 1
    assert "Error" in seen.states["t"][0]
