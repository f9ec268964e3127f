"""Golden files: the SQL that models compile to, and what --help says. REWRITE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from runner.cli.commands import cli
from runner.compile import compile_model
from runner.project.parse import Project, load_project

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
MODELS = ("stg_mongodb__transactions", "stg_hbase__page_views", "int_sessions_enriched", "funnel", "clv", "daily_sales")


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(ROOT)


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: REWRITE_GOLDEN=1 make test-fast"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs: look, then REWRITE_GOLDEN=1 make test-fast"


@pytest.mark.parametrize("name", MODELS)
def test_compiled_sql(project: Project, name: str) -> None:
    check(f"compiled/{name}.sql", compile_model(project, project.models[name]).sql + "\n")


def test_compiled_sql_of_an_incremental_run(project: Project) -> None:
    model = project.models["daily_sales"]
    check("compiled/daily_sales.incremental.sql", compile_model(project, model, is_incremental=True).sql + "\n")


@pytest.mark.parametrize("command", ["", *cli.list_commands(click.Context(cli))])
def test_help(command: str) -> None:
    context = click.Context(cli, info_name="run", terminal_width=100, help_option_names=["-h", "--help"])
    if not command:
        check("help/run.txt", cli.get_help(context) + "\n")
        return
    found = cli.get_command(context, command)
    assert found is not None
    own = click.Context(found, info_name=command, parent=context, terminal_width=100)
    check(f"help/{command}.txt", found.get_help(own) + "\n")


def test_every_model_of_the_shop_compiles(project: Project) -> None:
    for model in project.models.values():
        sql = compile_model(project, model).sql
        assert "{{" not in sql and "{%" not in sql, model.name
