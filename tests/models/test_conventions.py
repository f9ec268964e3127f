"""The conventions of the SQL project, held up by reading its files: no Spark, no runner."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = {path.stem: path for path in sorted((ROOT / "models").rglob("*.sql"))}
PYTHON = {path.stem: path for path in sorted((ROOT / "models").rglob("*.py"))}
EVERY = {**MODELS, **PYTHON}
MACROS = {path.stem: path for path in sorted((ROOT / "macros").glob("*.sql"))}
_REF = re.compile(r"""\{\{\s*ref\(["'](\w+)["']\)\s*\}\}""")
_SOURCE = re.compile(r"""\{\{\s*source\(["'](\w+)["'],\s*["'](\w+)["']\)\s*\}\}""")
_GRAIN = re.compile(r"One row per [^.]+\.$")
# Their key is a position in, or a name of, an array or map of a landed row; asking for it would explode all of them.
KEYED_BY_CONSTRUCTION = {"stg_hbase__page_views"}
LONGEST = 120


@cache
def documents(folder: str) -> tuple[tuple[Path, Any], ...]:
    """Every YAML file below a folder, with its content."""
    return tuple((path, yaml.safe_load(path.read_text())) for path in sorted((ROOT / folder).rglob("*.yml")))


@cache
def properties() -> Mapping[str, tuple[Path, Mapping[str, Any]]]:
    """What the property files say of each model, with the file."""
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path, document in documents("models"):
        for model in document.get("models", []):
            assert model["name"] not in found, f"{model['name']} is described twice"
            found[model["name"]] = (path, model)
    return found


@cache
def sources() -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Every landed table by its name in SQL, with what sources.yml says."""
    document = yaml.safe_load((ROOT / "sources.yml").read_text())
    return tuple(
        (f"{source['name']}.{table['name']}", table) for source in document["sources"] for table in source["tables"]
    )


@cache
def suites() -> Mapping[str, list[Mapping[str, Any]]]:
    """The expectations of each model and landed table."""
    return {document["model"]: document["expectations"] for _, document in documents("expectations/suites")}


def unit_tests() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path, document in documents("models"):
        for test in document.get("unit_tests", []):
            yield path, test


def sql(model: str) -> str:
    """A model's template without comments."""
    return re.sub(r"--[^\n]*", "", MODELS[model].read_text())


def checks_of(column: Mapping[str, Any]) -> set[str]:
    return {test if isinstance(test, str) else next(iter(test)) for test in column.get("data_tests", [])}


def is_staging(model: str) -> bool:
    return EVERY[model].is_relative_to(ROOT / "models" / "staging")


def is_mart(model: str) -> bool:
    return EVERY[model].is_relative_to(ROOT / "models" / "marts")


every_model = pytest.mark.parametrize("model", EVERY)
every_query = pytest.mark.parametrize("model", MODELS)


@every_model
def test_a_model_is_described_beside_its_file(model: str) -> None:
    path, _ = properties()[model]
    assert path.parent == EVERY[model].parent


def test_nothing_is_described_that_does_not_exist() -> None:
    assert set(properties()) == set(EVERY)


@every_model
def test_a_description_ends_with_the_grain(model: str) -> None:
    assert _GRAIN.search(properties()[model][1]["description"].strip())


@every_model
def test_keys_stand_in_order(model: str) -> None:
    keys = list(properties()[model][1])
    assert keys == [key for key in ("name", "description", "config", "columns") if key in keys]


@every_model
def test_a_column_has_a_type_and_a_description(model: str) -> None:
    columns = properties()[model][1]["columns"]
    assert columns
    for column in columns:
        assert list(column)[:3] == ["name", "data_type", "description"], column["name"]
        assert column["description"].endswith("."), column["name"]


@pytest.mark.parametrize(("name", "table"), sources())
def test_a_landed_table_is_described(name: str, table: Mapping[str, Any]) -> None:
    assert _GRAIN.search(table["description"])
    assert set(table["key"]) <= {column["name"] for column in table["columns"]}
    for column in table["columns"]:
        assert column["data_type"], column["name"]
        assert column["description"].endswith("."), column["name"]


@every_model
def test_a_model_has_a_checked_key(model: str) -> None:
    unique = [column["name"] for column in properties()[model][1]["columns"] if "unique" in checks_of(column)]
    not_null = [column["name"] for column in properties()[model][1]["columns"] if "not_null" in checks_of(column)]
    if unique:
        assert set(unique) <= set(not_null)
        return
    compound = [one for one in suites().get(model, []) if one["expect"] == "expect_compound_columns_to_be_unique"]
    assert compound or model in KEYED_BY_CONSTRUCTION
    assert all(set(one["column_list"]) <= set(not_null) for one in compound if is_mart(model)), "a key may be null"


@pytest.mark.parametrize("name", [name for name, _ in sources()])
def test_a_landed_table_has_a_checked_key(name: str) -> None:
    (key,) = next(table["key"] for label, table in sources() if label == name)
    asked = {one["expect"] for one in suites()[name] if one.get("column") == key}
    assert asked >= {"expect_column_values_to_not_be_null", "expect_column_values_to_be_unique"}


@every_model
def test_a_name_says_the_layer(model: str) -> None:
    if is_staging(model):
        assert re.fullmatch(rf"stg_{EVERY[model].parent.name}__\w+", model)
    elif is_mart(model):
        assert not model.startswith(("stg_", "int_"))
    else:
        assert re.fullmatch(r"int_\w+ed", model)


@every_query
def test_only_staging_reads_landed_tables_and_nothing_else(model: str) -> None:
    if is_staging(model):
        assert _SOURCE.search(sql(model))
        assert not _REF.search(sql(model))
    else:
        assert _REF.search(sql(model))
        assert not _SOURCE.search(sql(model))


def test_no_landed_table_is_unused() -> None:
    used = {".".join(found) for model in MODELS for found in _SOURCE.findall(sql(model))}
    assert used == {name for name, _ in sources()}


@every_query
def test_each_input_has_one_import(model: str) -> None:
    text = sql(model)
    inputs = [*_REF.findall(text), *(".".join(found) for found in _SOURCE.findall(text))]
    assert len(inputs) == len(set(inputs))
    imports = re.findall(r"^    \w+ as \(select \* from \{\{ (?:ref|source)\([^}]*\}\}\)", text, flags=re.MULTILINE)
    assert len(imports) == len(inputs)


@every_query
def test_nobody_names_a_table_by_hand(model: str) -> None:
    text = sql(model)
    steps = set(re.findall(r"^ +(\w+) as \(", text, flags=re.MULTILINE))
    if "funnel_by(" in text:
        steps |= set(re.findall(r"^    (\w+) as \(", MACROS["funnel_by"].read_text(), flags=re.MULTILINE))
    read = re.findall(r"\b(?:from|join)\s+(\{\{|[\w.`]+)", text)
    assert set(read) <= steps | {"{{"}


@every_query
def test_a_star_stands_in_imports_and_at_the_end(model: str) -> None:
    text = re.sub(r"\{\{ (?:ref\(.*?\)|source\(.*?\)|this) \}\}", "INPUT", sql(model))
    assert text.rstrip().splitlines()[-2].strip() == "select *"
    inner = re.sub(r"\(select \* from INPUT\)", "", text.rsplit("select *", 1)[0])
    stars = re.findall(r"select\s+\*(?!,\s+row_number\(\))|\w+\.\*", inner)  # a step that numbers rows keeps them whole
    assert not stars


@every_query
def test_groups_and_orders_go_by_names(model: str) -> None:
    assert not re.search(r"\b(?:group|order)\s+by\s+\d", sql(model))


@every_model
def test_a_model_is_short(model: str) -> None:
    assert len(EVERY[model].read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("macro", MACROS)
def test_a_file_holds_the_macro_of_its_name(macro: str) -> None:
    assert re.findall(r"\{%-?\s*macro (\w+)\(", MACROS[macro].read_text()) == [macro]
    assert MACROS[macro].read_text().startswith("{# "), "say what it gives"


@pytest.mark.parametrize("macro", sorted(set(MACROS) - {"generate_schema_name"}))
def test_a_macro_is_used(macro: str) -> None:
    texts = [sql(model) for model in MODELS] + [path.read_text() for name, path in MACROS.items() if name != macro]
    assert sum(len(re.findall(rf"\b{macro}\(", text)) for text in texts) >= 2


@pytest.mark.parametrize("model", [model for model in MODELS if not is_staging(model)])
def test_a_model_has_unit_tests_with_and_without_rows(model: str) -> None:
    own = [(path, test) for path, test in unit_tests() if test["model"] == model]
    assert all(path.parent == MODELS[model].parent for path, _ in own), "unit tests stand beside their model"
    given = [[row for one in test["given"] for row in one["rows"]] for _, test in own]
    assert any(rows for rows in given), "no test has rows"
    assert any(not test["expect"]["rows"] or not rows for (_, test), rows in zip(own, given, strict=True)), (
        "no empty case"
    )


@pytest.mark.parametrize("model", PYTHON)
def test_a_python_model_has_a_test_and_dbts_own_form(model: str) -> None:
    assert (ROOT / "tests" / "models" / f"test_{model}.py").is_file()
    assert "def model(dbt" in PYTHON[model].read_text(), "so that dbt Core reads the project, too"


def test_a_unit_test_gives_every_input() -> None:
    for _, test in unit_tests():
        given = {one["input"] for one in test["given"]} - {"this"}
        assert given == {f"ref('{name}')" for name in _REF.findall(sql(test["model"]))}, test["name"]


def test_names_of_unit_tests_begin_with_their_model() -> None:
    names = [test["name"] for _, test in unit_tests()]
    assert len(names) == len(set(names))
    for _, test in unit_tests():
        assert test["name"].startswith(test["model"] + "_")


def test_a_variable_is_declared_and_used() -> None:
    declared = set(yaml.safe_load((ROOT / "project.yml").read_text())["vars"])
    used = {
        name
        for path in [*EVERY.values(), *MACROS.values()]
        for name in re.findall(r"""var\(["'](\w+)["']\)""", path.read_text())
    }
    assert used == declared


@pytest.mark.parametrize("model", [model for model in EVERY if is_mart(model)])
def test_a_mart_has_a_suite(model: str) -> None:
    assert suites()[model]


def test_a_suite_is_named_like_its_model() -> None:
    for path, document in documents("expectations/suites"):
        assert path.stem == document["model"]
        assert document["model"] in EVERY or document["model"] in dict(sources())
        assert document["description"].strip().endswith(".")


def test_the_sql_is_in_form() -> None:
    sqlfmt = Path(sys.executable).with_name("sqlfmt")
    said = subprocess.run(
        [sqlfmt, "--check", "--no-progressbar", "models", "macros"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
