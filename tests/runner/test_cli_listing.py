"""`run ls` and the completion of selectors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from runner.cli.commands import cli, main
from runner.cli.complete import words
from runner.project.listing import Listing
from runner.project.parse import load_project

Write = Callable[[Mapping[str, str]], Path]
MORE = {
    "models/_models.yml": """
        models:
          - name: totals
            config: {tags: [nightly], meta: {owner: ann}}
            columns:
              - name: order_count
                data_tests: [not_null]
        unit_tests:
          - name: counts
            model: totals
            given: [{input: ref('stg_orders'), rows: []}]
            expect: {rows: []}
        exposures:
          - name: deck
            type: dashboard
            owner: {name: Ann}
            depends_on: [ref('totals')]
        """,
    "seeds/rates.csv": "currency,rate\neur,1\n",
    "selectors.yml": """
        selectors:
          - name: nightly
            description: What runs at night.
            definition: tag:nightly
        """,
}


@pytest.fixture
def shop(write: Write, tiny: dict[str, str]) -> Path:
    return write({**tiny, **MORE})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], shop: Path) -> Callable[..., str]:
    """Returns what a command prints on stdout, or its message with the exit code."""

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--project-dir", str(shop)])
        captured = capsys.readouterr()
        return captured.out if not ended.value.code else f"{ended.value.code} {captured.err}"

    return call


TABLES = "rates stg_orders totals"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ([], TABLES),
        (["totals"], "totals"),
        (["totals+"], "totals exposure:deck"),
        (["test_type:generic"], "not_null_totals_order_count"),
        (["--resource-type", "test"], "not_null_totals_order_count"),
        (["--resource-type", "unit_test", "totals"], "counts"),
        (["--resource-type", "seed", "--resource-type", "exposure"], "rates exposure:deck"),
        (
            ["--resource-type", "all"],
            "rates source:shop.orders stg_orders totals exposure:deck not_null_totals_order_count counts",
        ),
        (["--resource-type", "all", "--exclude-resource-type", "test", "totals"], "totals counts"),
        (["--exclude-resource-type", "test", "--exclude-resource-type", "model", "totals"], "counts"),
        (["--resource-types", "default", "--indirect-selection", "empty", "tag:nightly"], "totals"),
        (["--selector", "nightly"], "totals"),
        (["selector:nightly+"], "totals exposure:deck"),
        (["--output", "selector", "+exposure:deck"], "source:tiny.shop.orders tiny.staging.stg_orders tiny.totals exposure:tiny.deck"),
        (["--output", "selector", "--resource-type", "unit_test"], "unit_test:tiny.counts"),
        (["--output", "path", "totals", "source:*"], "sources.yml models/totals.sql"),
        (["-m", "totals"], "totals"),
    ],
)  # fmt: skip
def test_ls(run: Callable[..., str], arguments: list[str], lines: str) -> None:
    found = run("ls", *arguments).split()
    assert found == lines.split()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["--output-keys", "name", "config.materialized"], {"name": "totals", "config.materialized": "table"}),
        (["--output-keys", "name,config.meta.owner"], {"name": "totals", "config.meta.owner": "ann"}),
        (["--output-keys", "unique_id config.nosuch"], {"unique_id": "model.tiny.totals"}),
        (["--output-keys", "name", "--output-keys", "resource_type"], {"name": "totals", "resource_type": "model"}),
    ],
)
def test_ls_of_some_keys(run: Callable[..., str], keys: list[str], expected: dict[str, str]) -> None:
    assert json.loads(run("ls", "totals", "--output", "json", *keys)) == expected


def test_ls_as_json_has_dbts_keys(run: Callable[..., str]) -> None:
    said = json.loads(run("ls", "totals", "--output", "json"))
    assert set(said) == {
        "alias", "name", "package_name", "depends_on", "tags", "config", "resource_type", "original_file_path", "unique_id",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["totols"], '2 run: no model is named "totols". Did you mean "totals"?\n'),
        (["--selector", "nightli"], '2 run: no selector is named "nightli". Did you mean "nightly"?\n'),
        (["totals", "--output", "json", "--output-keys", "nam"], '2 run: --output-keys: no node has a "nam". Did you mean "name"?\n'),
        (["totals", "--resource-type", "seed"], "2 run: the selection holds no seed. Look at it with `run ls`.\n"),
    ],
)  # fmt: skip
def test_ls_says_what_is_wrong(run: Callable[..., str], arguments: list[str], message: str) -> None:
    assert run("ls", *arguments) == message


def test_nothing_failed_is_exit_0(run: Callable[..., str], shop: Path) -> None:
    (shop / "target").mkdir(exist_ok=True)
    results = {"results": [{"unique_id": "model.tiny.totals", "status": "success"}]}
    (shop / "target" / "run_results.json").write_text(json.dumps(results))
    assert run("ls", "failed:") == ""
    assert run("ls", "result:success") == "totals\n"


def test_what_was_never_built_is_stale(run: Callable[..., str]) -> None:
    assert run("ls", "stale:").split() == ["rates", "stg_orders", "totals"]
    assert run("ls", "stale:,tag:nightly").split() == ["totals"]


def test_state_is_compared_with_a_folder(run: Callable[..., str], shop: Path) -> None:
    assert run("compile").startswith("")
    before = shop / "before"
    before.mkdir()
    (shop / "target" / "manifest.json").rename(before / "manifest.json")
    assert run("ls", "state:modified", "--state", str(before)) == ""
    (shop / "models/totals.sql").write_text("select 1 as order_count from {{ ref('stg_orders') }}")
    (shop / "models/fresh.sql").write_text("select * from {{ ref('totals') }}")
    assert run("ls", "state:modified", "--state", str(before)).split() == ["totals", "fresh"]
    assert run("ls", "state:new", "--state", str(before)).split() == ["fresh"]
    assert run("ls", "state:modified.body,state:old", "--state", str(before)).split() == ["totals"]


@pytest.fixture
def listing(shop: Path) -> Listing:
    return load_project(shop).listing()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tot", ["totals"]),
        ("2+st", ["2+stg_orders", "2+staging", "2+stale:", "2+state:"]),
        ("@ra", ["@rates"]),
        ("totals,tag:n", ["totals,tag:nightly"]),
        ("(totals stg", ["(totals stg_orders"]),
        ("((sta", ["((staging", "((stale:", "((state:"]),
        ("tag:", ["tag:nightly"]),
        ("source:sh", ["source:shop", "source:shop.orders"]),
        ("models/", ["models/staging", "models/totals.sql", "models/_models.yml"]),
        ("resource_type:s", ["resource_type:saved_query", "resource_type:seed", "resource_type:semantic_model", "resource_type:snapshot", "resource_type:source"]),
        ("config.mat", ["config.materialized:"]),
        ("config.materialized:", ["config.materialized:seed", "config.materialized:table", "config.materialized:view"]),
        ("test_t", ["test_type:"]),
        ("selector:", ["selector:nightly"]),
        ("exposure:d", ["exposure:deck"]),
        ("nosuch:", []),
    ],
)  # fmt: skip
def test_completion(listing: Listing, typed: str, offered: list[str]) -> None:
    assert sorted(words(listing, typed)) == sorted(offered)


def test_completion_through_click(shop: Path) -> None:
    shell = ShellComplete(cli, {}, "run", "_RUN_COMPLETE")
    at = ["ls", "--project-dir", str(shop)]
    assert [item.value for item in shell.get_completions([*at, "--select"], "tot")] == ["totals"]
    assert [item.value for item in shell.get_completions(at, "+tot")] == ["+totals"]
    items = shell.get_completions([*at, "--selector"], "")
    assert [(item.value, item.help) for item in items] == [("nightly", "What runs at night.")]
    assert shell.get_completions(["ls", "--project-dir", "/nonexistent", "-s"], "tot") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script(run: Callable[..., str], shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", shell])
    assert not ended.value.code
    script = capsys.readouterr().out
    assert f"_RUN_COMPLETE={shell}_complete" in script


def test_bash_completes_names(shop: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from runner.cli import script; script()"],
        env={**os.environ, "_RUN_COMPLETE": "bash_complete", "COMP_WORDS": "run ls tot", "COMP_CWORD": "2"},
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,totals\n", done.stderr
    assert isinstance(cli, click.Group)
