"""`run show` of what is no SQL model, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import delta
from runner.cli import main

FILES = {
    "project.yml": "name: small\ntargets:\n  dev: {warehouse: warehouse, schema: marts}\n",
    "seeds/codes.csv": "code\n1\n",
    "models/m.py": "def model(session):\n    return session.range(1)\n",
    "snapshots/s.sql": "{% snapshot states %}{{ config(strategy='check', check_cols='all', unique_key='id') }}select 1 as id"
    "{% endsnapshot %}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["codes"], "run: codes has not been built. Build it: run seed --select codes\n"),
        (
            ["codes", "--edited"],
            "run: codes has no SQL to be run as it is in the file. Build it: run seed --select codes\n",
        ),
        (["m"], "run: m has not been built. Build it: run models --select +m\n"),
        (
            ["states"],
            "run: states has not been built. Build it: run snapshot --select states. Its SQL as it is: "
            "run show states --edited\n",
        ),
        (["code"], 'run: no model is named "code". Did you mean "codes"?\n'),
    ],
)
def test_what_is_not_built_is_named_with_its_command(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", *arguments, "--project-dir", str(project)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == message


def test_a_built_seed_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    table = project / "warehouse/marts/codes"
    candidate = delta.new_candidate(table)
    write_deltalake(str(candidate), pa.table({"code": [1]}))
    delta.publish(table, candidate, user_metadata={}, read_version=None)
    with pytest.raises(SystemExit):
        main(["show", "codes", "--output", "json", "--project-dir", str(project)])
    assert capsys.readouterr().out == '{"code": 1}\n'
