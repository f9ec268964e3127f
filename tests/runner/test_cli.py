"""The command line as a person meets it: what is printed where, exit codes, and the message for each mistake."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.cli import main

Write = Callable[[Mapping[str, str]], Path]


class Result:
    """What a command printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs the command line in this process."""

    def call(*arguments: str | Path) -> Result:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return call


Run = Callable[..., Result]


def test_ls_prints_names_on_stdout_parents_first(run: Run, write: Write, tiny: dict[str, str]) -> None:
    result = run("ls", "--project-dir", write(tiny))
    assert (result.code, result.out, result.err) == (0, "stg_orders\ntotals\n", "")


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["--select", "stg_orders+"], "stg_orders\ntotals\n"),
        (["-s", "totals", "stg_orders"], "stg_orders\ntotals\n"),
        (["totals"], "totals\n"),
        (["--select", "+totals"], "source:shop.orders\nstg_orders\ntotals\n"),
        (["--exclude", "totals"], "stg_orders\n"),
        (["--resource-type", "source"], "source:shop.orders\n"),
        (["totals", "--output", "path"], "models/totals.sql\n"),
        (["totals", "--output", "selector"], "tiny.totals\n"),
    ],
)
def test_ls_selects(run: Run, write: Write, tiny: dict[str, str], arguments: list[str], out: str) -> None:
    assert run("ls", *arguments, "--project-dir", write(tiny)).out == out


def test_ls_as_json_is_one_object_a_line(run: Run, write: Write, tiny: dict[str, str]) -> None:
    lines = run("ls", "--output", "json", "--project-dir", write(tiny)).out.splitlines()
    assert [json.loads(line)["unique_id"] for line in lines] == ["model.tiny.stg_orders", "model.tiny.totals"]
    assert json.loads(lines[1])["depends_on"] == {"macros": [], "nodes": ["model.tiny.stg_orders"]}


def test_compile_prints_one_model_and_writes_all(run: Run, write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    result = run("compile", "totals", "--project-dir", root)
    sql = "select count(*) as order_count, sum(total) as revenue from marts_staging.stg_orders\n"
    assert result.out == sql
    assert (root / "target/compiled/tiny/models/totals.sql").read_text() == sql
    assert run("compile", "--project-dir", root).err == "run: 2 models compiled into target/compiled\n"
    manifest = json.loads((root / "target/manifest.json").read_text())
    assert manifest["nodes"]["model.tiny.totals"]["compiled_code"] == sql.rstrip("\n")
    assert manifest["parent_map"]["model.tiny.totals"] == ["model.tiny.stg_orders"]


def test_compile_inline(run: Run, write: Write, tiny: dict[str, str]) -> None:
    result = run(
        "compile", "--inline", "select {{ var('least') }} from {{ ref('totals') }}", "--project-dir", write(tiny)
    )
    assert result.out == "select 2 from marts.totals\n"


def test_what_templates_say_is_told_once(run: Run, write: Write, tiny: dict[str, str]) -> None:
    tiny["macros/m.sql"] = "{% macro noted() %}{{ log('noted', info=true) }}{{ log('quiet') }}{% endmacro %}"
    tiny["models/totals.sql"] = (
        "{{ noted() }}{{ exceptions.warn('old') }}{% if not execute %}{{ print('while parsing') }}{% endif %}"
        "{{ noted() }}{{ print('out') }}select 1 as n"
    )
    result = run("compile", "totals", "--project-dir", write(tiny))
    assert (result.code, result.out, result.err) == (0, "select 1 as n\n", "noted\nwarning: old\nout\n")


def test_vars_from_the_command_line_win(run: Run, write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    assert run("compile", "--inline", "{{ var('least') }}", "--vars", "{least: 9}", "--project-dir", root).out == "9\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ls", "--select", "totls"], 'run: no model is named "totls". Did you mean "totals"?\n'),
        (["ls", "--select", "tag:x"], 'run: the selector "tag:x" matches nothing.\n'),
        (["ls", "--target", "prod"], 'run: project.yml:7: no target is named "prod". Targets: dev.\n'),
        (["show", "totls"], 'run: no model is named "totls". Did you mean "totals"?\n'),
        (
            ["show", "totals"],
            "run: totals has not been built. Build it: run models --select +totals. Its SQL as it is: run show totals --edited\n",
        ),
        (["show", "shop.orders"], "run: shop.orders has not been landed. Land it: run ingest shop.orders\n"),
        (["ingest", "shp"], 'run: sources.yml names no source "shp". Did you mean "shop"?\n'),
        (["models", "--select", "totls+"], 'run: no model is named "totls". Did you mean "totals"?\n'),
        (
            ["test"],
            "run: the selection holds no test and no unit_test. Look at it with `run ls`.\n",
        ),
        (
            ["checks"],
            "run: none of the selected tables has a check. Write one in a property file or in expectations/suites.\n",
        ),
        (
            ["compile", "--inline", "{{ ref('total') }}"],
            'run: inline:1: ref("total") names no model. Did you mean "totals"?\n',
        ),
        (
            ["ls", "--vars", "x"],
            "run: Invalid value for '--vars': give names with values, e.g. --vars \"{days: 30}\", not x. See `run ls --help`.\n",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_exits_2(
    run: Run, write: Write, tiny: dict[str, str], arguments: list[str], message: str
) -> None:
    result = run(*arguments, "--project-dir", write(tiny))
    assert (result.code, result.out, result.err) == (2, "", message)


def test_no_project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("ls").err == (
        "run: no project here: neither this folder nor one above it has project.yml. Go there, or pass --project-dir.\n"
    )


def test_an_unknown_command_is_told_the_nearest(run: Run) -> None:
    result = run("modles")
    assert (result.code, result.err) == (
        2,
        'run: there is no command "modles". Did you mean "models"? See `run --help`.\n',
    )


def test_secrets_are_blotted_out_of_errors_and_artifacts(
    run: Run, write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    tiny["models/totals.sql"] = "select '{{ env_var('SHOP_PASSWORD') }}' as word"
    root = write(tiny)
    run("compile", "totals", "--project-dir", root)
    assert "hunter22" not in (root / "target/manifest.json").read_text()
    assert "*****" in (root / "target/manifest.json").read_text()
    (root / "models/totals.sql").write_text("{{ exceptions.raise_compiler_error(env_var('SHOP_PASSWORD')) }}")
    assert run("ls", "--project-dir", root).err == "run: models/totals.sql:1: *****\n"


def test_looking_starts_neither_spark_nor_great_expectations(write: Write, tiny: dict[str, str]) -> None:
    program = (
        "import sys\nfrom runner.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('pyspark', 'great_expectations', 'pandas') if name in sys.modules])"
    )
    for arguments in (["ls", "--select", "totals+"], ["compile", "totals"], ["--help"]):
        started = time.perf_counter()
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                program,
                *arguments,
                *(["--project-dir", str(write(tiny))] if arguments[0] != "--help" else []),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "[]", arguments
        assert time.perf_counter() - started < 10
