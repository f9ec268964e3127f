"""`run run-operation`: which macro a name means, what it takes, what it prints, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.cli import main
from runner.cli.session import Command

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
Run = Callable[..., tuple[int, str, str]]

FILES = {
    "project.yml": """
        name: shop
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "packages.yml": "packages: [{local: ../tools}, {local: ../more}]",
    "models/totals.sql": "select 1 as id",
    "macros/all.sql": """
        {% macro greet(name, mark="!") %}
          {{ log("greeting " ~ name, info=true) }}{{ log("not told") }}
          {{ print("hello " ~ name ~ mark ~ " " ~ ref("totals") ~ " " ~ flags.WHICH ~ " " ~ execute) }}
          {{ return([1]) }}
        {% endmacro %}
        {% macro anything() %}{% do print(tojson(kwargs, sort_keys=true)) %}{% endmacro %}
        {% macro refuse() %}
          {{ log("first", info=true) }}
          {{ exceptions.raise_compiler_error("no rows to work on") }}
        {% endmacro %}
        {% test positive(model, column_name) %}select 1{% endtest %}
        """,
}
TOOLS = "{% macro tidy() %}{{ print(_own()) }}{% endmacro %}{% macro _own() %}tools' own{% endmacro %}{% macro both() %}{% endmacro %}"


@pytest.fixture
def place(write: Write) -> Path:
    root = write({f"main/{name}": text for name, text in FILES.items()})
    for package, text in (("tools", TOOLS), ("more", "{% macro both() %}{% endmacro %}")):
        write({f"{package}/dbt_project.yml": f"name: {package}\n", f"{package}/macros/m.sql": text})
    return root / "main"


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["run-operation", *arguments, "--project-dir", str(place)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_a_macro_is_called_without_spark(run: Run) -> None:
    code, out, err = run("greet", "--args", "{name: Ada}")
    assert (code, out) == (0, "hello Ada! marts.totals run-operation True\n")
    assert err.splitlines()[0] == "greeting Ada"
    assert err.splitlines()[1].startswith("run: shop.greet done in ")
    assert run("shop.greet", "--args", "name: Ada\nmark: '?'")[1] == "hello Ada? marts.totals run-operation True\n"
    assert run("anything", "--args", "{b: 2, a: [1]}")[1] == '{"a": [1], "b": 2}\n'


def test_a_macro_of_a_package_is_called_by_either_name(run: Run) -> None:
    assert run("tidy")[:2] == run("tools.tidy")[:2] == (0, "tools' own\n")
    assert run("both")[::2] == (2, 'run: 2 packages have a macro "both". Name one: tools.both, more.both.\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gret"], 'run: no macro is named "gret". Did you mean "greet"?\n'),
        (["tools.tidi"], 'run: no macro is named "tools.tidi". Did you mean "tools.tidy"?\n'),
        (["test_positive"], 'run: no macro is named "test_positive".\n'),
        (
            ["greet", "--args", "{name: Ada, mrk: x}"],
            'run: macros/all.sql:1: the macro "greet" takes no argument "mrk". Did you mean "mark"?\n',
        ),
        (
            ["refuse", "--args", "{zzz: 1}"],
            'run: macros/all.sql:7: the macro "refuse" takes no argument "zzz". It takes none.\n',
        ),
        (
            ["greet"],
            'run: macros/all.sql:1: the macro "greet" needs an argument: name. Give it with --args "{name: …}".\n',
        ),
        (
            ["greet", "--args", "Ada"],
            "run: Invalid value for '--args': give names with values, e.g. --args \"{days: 30}\", not Ada. "
            "See `run run-operation --help`.\n",
        ),
    ],
)
def test_what_is_asked_wrongly_ends_with_2(run: Run, arguments: list[str], message: str) -> None:
    assert run(*arguments) == (2, "", message)


def test_a_macro_that_fails_ends_with_1_after_what_it_said(run: Run) -> None:
    assert run("refuse") == (1, "", "first\nrun: macros/all.sql:9: no rows to work on\n")


CHANGING = """
    {% macro keep(word) %}
      {% do run_query("create schema if not exists kept") %}
      {% do run_query("create table kept.words using delta location '" ~ var("folder") ~ "' as select '" ~ word ~ "' as word") %}
      {% call statement("more") %}insert into kept.words values ('more'){% endcall %}
      {% call statement("all", fetch_result=true) %}select word from kept.words order by word{% endcall %}
      {% for row in load_result("all").table %}{{ print(row.word) }}{% endfor %}
      {{ print(load_result("all")["data"] | length ~ " " ~ run_query("select count(*) as n from kept.words").columns[0].values()[0]) }}
    {% endmacro %}
    {% macro wrong() %}{% do run_query("select nothing") %}{% endmacro %}
    {% macro drop_totals() %}{% do run_query("drop table if exists marts.totals") %}{% endmacro %}
    """


def test_queries_of_an_operation_read_and_change(
    run: Run, place: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def session(*_: Any, **__: Any) -> Iterator[SparkSession]:
        yield spark

    monkeypatch.setattr(Command, "spark", session)
    (place / "macros/changing.sql").write_text(CHANGING)
    assert run("keep", "--args", "{word: hello}", "--vars", f"{{folder: '{tmp_path / 'words'}'}}")[:2] == (
        0,
        "hello\nmore\n2 2\n",
    )
    spark.sql("drop schema kept cascade")
    code, _, err = run("wrong")
    assert code == 1
    assert err.startswith("run: macros/changing.sql:10: the template's query fails: [UNRESOLVED_COLUMN")
    from deltalake import write_deltalake
    from pyarrow import table

    (place / "warehouse/marts").mkdir(parents=True)
    write_deltalake(str(place / "warehouse/marts/totals"), table({"id": [1]}))
    assert run("drop_totals") == (
        1,
        "",
        "run: macros/changing.sql:11: marts.totals is not dropped: with its folder in the warehouse all of its versions "
        "would go. `run clean` lists what no model refers to, and removes it when told to.\n",
    )
