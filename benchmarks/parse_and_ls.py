"""Parsing and listing synthetic projects, ours and dbt Core's, in interleaved rounds.

    .venv/bin/python benchmarks/parse_and_ls.py [--models 1000,10000] [--rounds 3]

A round deletes both `target` folders and lists (cold: all is read), lists again (nothing changed), edits one model and
lists (one changed). Each listing is a process of its own, as a person starts it. Both tools have compiled their modules.
dbt runs in an environment of its own (`make dbt`), with its partial parser on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("staging", "intermediate", "marts")
SITUATIONS = ("cold", "unchanged", "one model edited")
PROJECT = """name: big
version: "1.0"
config-version: 2
profile: big
model-paths: [models]
macro-paths: [macros]
vars:
  days: 30
models:
  big:
    staging:
      +materialized: view
      +tags: staging
    marts:
      +materialized: table
      +tags: [mart]
"""
PROFILES = (
    "big: {target: dev, outputs: {dev: {type: spark, method: session, schema: big, host: localhost, threads: 1}}}\n"
)
CENTS = "{% macro cents(column) %}cast({{ column }} / 100 as decimal(12, 2)){% endmacro %}\n"


def write_project(root: Path, models: int, *, columns: int = 3) -> None:
    """Writes a project of so many models: three layers, a folder and a property file per 20, three tests per model.

    Each model describes so many columns. Of ten models seven call only ref, source and config with literals; one calls a macro, one has a loop over a
    variable, one is incremental.
    """
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILES, "macros/cents.sql": CENTS}
    tables = "".join(f"      - {{name: raw_{n}, columns: [{{name: id, data_tests: [unique]}}]}}\n" for n in range(50))
    files["models/sources.yml"] = f"sources:\n  - name: app\n    schema: raw\n    tables:\n{tables}"
    described: dict[str, list[str]] = {}
    for number in range(models):
        layer = LAYERS[min(2, number * 3 // models)]
        folder = f"models/{layer}/area_{number // 20}"
        files[f"{folder}/model_{number}.sql"] = sql_of(number, models)
        described.setdefault(folder, []).append(properties_of(number, models, columns))
    for folder, entries in described.items():
        files[f"{folder}/_models.yml"] = "models:\n" + "".join(entries)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def sql_of(number: int, models: int) -> str:
    """Returns a model's SQL; of the second and third layer it reads three models of the layer before."""
    third = max(1, models // 3)
    if number < third:
        read = [f"{{{{ source('app', 'raw_{number % 50}') }}}}"]
    else:
        below = (number // third - 1) * third
        read = [f"{{{{ ref('model_{below + number * step % third}') }}}}" for step in (1, 7, 13)]
    amount, before, after = "amount", "", ""
    kind = number % 10
    if kind == 0:
        amount = "{{ cents('amount') }} as amount"
    elif kind == 1:
        amount = (
            "amount, {% for day in range(3) %}{{ day }} + {{ var('days') }} as day_{{ day }}, {% endfor %}id as same"
        )
    elif kind == 2:
        before = "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}\n"
        after = "{% if is_incremental() %}where updated_at > (select max(updated_at) from {{ this }}){% endif %}\n"
    elif kind == 3:
        before = f"{{{{ config(tags=['area_{number % 7}', 'daily'], meta={{'owner': 'ann'}}) }}}}\n"
    imports = ",\n".join(f"    read_{at} as (select * from {table})" for at, table in enumerate(read))
    body = "\n".join(f"    -- step {line} of the model: what it does and why" for line in range(10))
    return f"{before}with\n{imports}\n\nselect id, {amount}, updated_at\n{body}\nfrom read_0\n{after}"


def properties_of(number: int, models: int, columns: int) -> str:
    further = "".join(
        f"      - {{name: measure_{number % 50}_{at}, description: What step {at} of the model gives.}}\n"
        for at in range(3, columns)
    )
    return f"""  - name: model_{number}
    description: Model {number} of {models}. One row per id.
    config: {{tags: [t{number % 20}]}}
    columns:
      - name: id
        description: The key.
        data_tests: [unique, not_null]
      - name: amount
        description: What it comes to, in euros.
        data_tests:
          - accepted_values: {{arguments: {{values: [1, 2, 3], quote: false}}}}
      - name: updated_at
        description: When the row last changed.
{further}"""


def tools(dbt: Path) -> Mapping[str, list[str]]:
    """Returns how each tool is started."""
    ours = [sys.executable, "-c", "from runner.cli import script; script()", "ls", "--resource-type", "default"]
    return {"sluice": ours, "dbt": [str(dbt), "--quiet", "ls", "--profiles-dir", "."]}


@dataclass(frozen=True, slots=True)
class Took:
    """What a listing took: seconds of the clock, and of processors."""

    wall: float
    cpu: float


def listed(command: list[str], folder: Path, bytecode: Path) -> tuple[Took, int]:
    """Returns what a listing took, and how many nodes it listed.

    Args:
        bytecode: where both tools' compiled modules are kept, whatever the environment says of that.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(bytecode)}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        lines = out.read().splitlines()
        if process.returncode:
            sys.exit(f"{' '.join(command)}\n{lines[-20:]}\n{err.read()[-2000:]}")
    return Took(wall, used.ru_utime + used.ru_stime), len(lines)


def measure(models: int, rounds: int, dbt: Path, scratch: Path) -> None:
    """Prints a table of seconds and ratios for a project of so many models."""
    folders = {}
    for tool in ("sluice", "dbt"):
        folders[tool] = scratch / f"{tool}_{models}"
        write_project(folders[tool], models)
    took: dict[tuple[str, str], list[Took]] = {}
    nodes: dict[str, int] = {}
    for number in range(rounds):
        for situation in SITUATIONS:
            for tool, command in tools(dbt).items():
                folder = folders[tool]
                if situation == "cold":
                    shutil.rmtree(folder / "target", ignore_errors=True)
                elif situation == "one model edited":
                    with (folder / f"models/marts/area_{(models - 1) // 20}/model_{models - 1}.sql").open("a") as file:
                        file.write(f"-- round {number}\n")
                one, nodes[tool] = listed(command, folder, scratch / "bytecode")
                took.setdefault((tool, situation), []).append(one)
    assert nodes["sluice"] == nodes["dbt"], nodes
    print(f"\n{models:,} models, {nodes['dbt']:,} nodes, medians of {rounds} rounds\n")
    print("| | sluice, s | dbt, s | ratio | sluice, CPU s | dbt, CPU s | ratio |\n|---|---|---|---|---|---|---|")
    for situation in SITUATIONS:
        cells = []
        for kind in ("wall", "cpu"):
            ours, theirs = (
                statistics.median(getattr(one, kind) for one in took[tool, situation]) for tool in ("sluice", "dbt")
            )
            cells += [f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.0f}"]
        print(f"| {situation} | {' | '.join(cells)} |", flush=True)


def warm_up(dbt: Path, scratch: Path) -> None:
    """Lets both tools compile their modules, which is no part of what is measured."""
    write_project(scratch / "warm_up", 10)
    for command in tools(dbt).values():
        listed(command, scratch / "warm_up", scratch / "bytecode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="1000,10000", help="sizes of projects, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    made = subprocess.run(
        [ROOT / "scripts" / "dbt-environment"],
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        warm_up(Path(made.stdout.strip()), Path(scratch))
        for size in asked.models.split(","):
            measure(int(size), asked.rounds, Path(made.stdout.strip()), Path(scratch))


if __name__ == "__main__":
    main()
