"""Suites: what is read, and every refusal with its whole message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from expectations.suite import Expectation, from_generic_test, load_suite, load_suites
from runner.errors import NotFoundError, ProjectError

GOOD = """\
model: session_durations
description: Durations per session. One row per session.
expectations:
  - expect: expect_column_values_to_be_between
    column: duration_seconds
    min_value: 1
    max_value: 86400
    where: "device_type = 'mobile'"
    severity: warn
    name: mobile durations
  - expect: expect_metric_grain_to_be
    grain: session
    sessions: stg_hbase__sessions
    column: duration_seconds
  - expect: expect_column_to_agree_with_source
    column: duration_seconds
    source: hbase.sessions
  - expect: expect_column_values_to_exist_in
    column: user_id
    to: session_durations
"""


def write(folder: Path, text: str, name: str = "suite.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_suite_is_read_with_places(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    suite = load_suite(path)
    assert (suite.model, suite.path, len(suite.expectations)) == ("session_durations", path, 4)
    assert suite.expectations[0] == Expectation(
        type="expect_column_values_to_be_between",
        arguments={"column": "duration_seconds", "min_value": 1, "max_value": 86400},
        severity="warn",
        where="device_type = 'mobile'",
        name="mobile durations",
        place=f"{path}:4",
    )
    assert suite.expectations[1].place == f"{path}:11"
    assert suite.expectations[1].severity == "error"


def test_references_name_other_tables_once_and_never_itself(tmp_path: Path) -> None:
    assert load_suite(write(tmp_path, GOOD)).references == ("stg_hbase__sessions", "hbase.sessions")


REFUSED = [
    ("", ':1: the file is empty. A suite begins with "model: <name>".'),
    ("- a\n", ":1: a suite is a mapping of keys to values."),
    ("model: [a\n", ":2: this is no YAML: did not find expected ',' or ']'."),
    ("description: x\n", ':1: the suite names no model. Add "model: <name>".'),
    ("model: a\nmodle: b\n", ':2: a suite has no key "modle". Did you mean "model"?'),
    ("model: a\nmodel: b\n", ':2: "model" stands twice, first in line 1.'),
    ("model: a\nexpectations: 3\n", ':2: "expectations" is a list; begin each with "- expect: …".'),
    (
        "model: a\nexpectations:\n  - column: x\n",
        ':3: this item of "expectations" names none. Begin it with "expect: <name>".',
    ),
    ("model: a\nexpectations:\n  - nonsense\n", ":3: an expectation is a mapping of keys to values."),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_be_betwen\n",
        ':3: "expect_column_values_to_be_betwen" is no expectation. Did you mean "expect_column_values_to_be_between"?',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_be_between\n    column: x\n    min_valu: 1\n",
        ':5: expect_column_values_to_be_between has no argument "min_valu". Did you mean "min_value"?',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_not_be_null\n    column: x\n    zzz: 1\n",
        ':5: expect_column_values_to_not_be_null has no argument "zzz". It takes column, mostly.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_not_be_null\n",
        ':3: expect_column_values_to_not_be_null needs the argument "column".',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_not_be_null\n    column: 5\n",
        ':4: "column" of expect_column_values_to_not_be_null is a text, not 5.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_not_be_null\n    column: x\n    mostly: 95\n",
        ':5: "mostly" of expect_column_values_to_not_be_null is a share from 0 to 1, not 95.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_values_to_be_in_set\n    column: x\n    value_set: a\n",
        ':5: "value_set" of expect_column_values_to_be_in_set is a list, not "a".',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_compound_columns_to_be_unique\n    column_list: []\n",
        ':4: "column_list" of expect_compound_columns_to_be_unique is a list of texts, not an empty list.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_table_row_count_to_equal\n    value: many\n",
        ':4: "value" of expect_table_row_count_to_equal is a whole number, not "many".',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_table_row_count_to_be_between\n    min_value: true\n",
        ':4: "min_value" of expect_table_row_count_to_be_between is a number or a date, not true.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_metric_grain_to_be\n    grain: sesion\n    sessions: s\n",
        ':4: "grain" of expect_metric_grain_to_be is one of session, user, not "sesion".',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_to_exist\n    column: x\n    severity: eror\n",
        ':5: "eror" is no severity. Did you mean "error"?',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_to_exist\n    column: x\n    severity: fatal\n",
        ':5: "fatal" is no severity. It is error or warn.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_column_to_exist\n    column: x\n    where: y > 1\n",
        ':5: expect_column_to_exist takes no "where": it asks of the whole table.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_share_between\n    condition: x\n    min_share: 0.5\n    max_share: 0.1\n",
        ':3: expect_share_between: "min_share" is greater than "max_share".',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_funnel_to_descend\n    stages: [view]\n",
        ':3: expect_funnel_to_descend: "stages" names two stages or more.',
    ),
    (
        "model: a\nexpectations:\n  - expect: expect_slices_not_to_be_clustered\n    column: x\n",
        ':3: expect_slices_not_to_be_clustered: give "slices", "date" or both.',
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:48] for _, message in REFUSED])
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ProjectError) as error:
        load_suite(path)
    assert str(error.value) == f"{path}{message}"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        load_suite(tmp_path / "no.yml")
    assert str(error.value) == f"{tmp_path / 'no.yml'}: there is no such file."


def test_two_suites_for_one_model_are_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path, "model: a\n", "a.yml"), write(tmp_path, "model: a\n", "b.yaml")
    with pytest.raises(ProjectError) as error:
        load_suites(tmp_path)
    assert str(error.value) == f'{second}: "a" has a suite already, in {first}. Put the expectations into one file.'


def test_suites_of_a_folder_come_by_file_name(tmp_path: Path) -> None:
    write(tmp_path, "model: z\n", "1.yml")
    write(tmp_path, "model: a\n", "2.yml")
    assert [suite.model for suite in load_suites(tmp_path)] == ["z", "a"]


def test_a_column_that_the_model_lacks(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    suite = load_suite(path)
    suite.check_columns(["duration_seconds", "user_id"])
    with pytest.raises(NotFoundError) as error:
        suite.check_columns(["duration_second", "user_id"])
    assert str(error.value) == (
        f'{path}:4: session_durations has no column "duration_seconds". Did you mean "duration_second"?'
    )


GENERIC = [
    ("not_null", {}, "expect_column_values_to_not_be_null", {"column": "c"}),
    ("unique", {}, "expect_column_values_to_be_unique", {"column": "c"}),
    (
        "accepted_values",
        {"values": ["a", "b"]},
        "expect_column_values_to_be_in_set",
        {"column": "c", "value_set": ["a", "b"]},
    ),
    (
        "relationships",
        {"to": "stg_mongodb__users", "field": "user_id"},
        "expect_column_values_to_exist_in",
        {"column": "c", "to": "stg_mongodb__users", "field": "user_id"},
    ),
    ("expect_rows_to_satisfy", {"condition": "c > 0"}, "expect_rows_to_satisfy", {"condition": "c > 0"}),
]


@pytest.mark.parametrize(("name", "given", "kind", "arguments"), GENERIC, ids=[row[0] for row in GENERIC])
def test_generic_tests(name: str, given: dict[str, object], kind: str, arguments: dict[str, object]) -> None:
    made = from_generic_test(name, given, column="c", severity="warn", place="m.yml:3", where="c > 1")
    assert made == Expectation(type=kind, arguments=arguments, severity="warn", place="m.yml:3", where="c > 1")


REFUSED_GENERIC = [
    ("not_nul", {}, 'm.yml:3: "not_nul" is no test that this project knows. Did you mean "not_null"?'),
    ("accepted_values", {"valuez": []}, 'm.yml:3: accepted_values needs a list "values".'),
    (
        "relationships",
        {"too": "x"},
        'm.yml:3: expect_column_values_to_exist_in has no argument "too". Did you mean "to"?',
    ),
]


@pytest.mark.parametrize(("name", "given", "message"), REFUSED_GENERIC, ids=[row[0] for row in REFUSED_GENERIC])
def test_generic_tests_refused(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(ProjectError) as error:
        from_generic_test(name, given, column="c", place="m.yml:3")
    assert str(error.value) == message


def test_reading_suites_imports_neither_great_expectations_nor_spark() -> None:
    code = (
        "import sys, expectations.suite, expectations.reports.write, expectations.diagnosis.verdict; "
        "from expectations.catalogue import definitions; definitions(); "
        "print([name for name in ('great_expectations', 'pyspark', 'pandas', 'altair') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_every_expectation_of_the_guide_loads(tmp_path: Path, root: Path) -> None:
    text = (root / "expectations" / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    examples = "".join(f"  {line}\n" for block in blocks[1:] for line in block.splitlines())
    suite = load_suite(write(tmp_path, f"model: a\nexpectations:\n{examples}"))
    from expectations.catalogue import CUSTOM

    assert {one.type for one in CUSTOM} <= {one.type for one in suite.expectations}
    assert load_suite(write(tmp_path, blocks[0])).expectations[0].where == "device_type = 'mobile'"


def test_the_guides_defaults_are_the_definitions(tmp_path: Path, root: Path) -> None:
    from expectations.catalogue import CUSTOM

    text = (root / "expectations" / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[2:]]
    thresholds = ("fail_", "warn_")
    for definition in CUSTOM:
        block = next(block for block in blocks if block.startswith(f"- expect: {definition.type}\n"))
        shown = load_suite(
            write(tmp_path, "model: a\nexpectations:\n" + "".join(f"  {line}\n" for line in block.splitlines()))
        )
        for name, value in shown.expectations[0].arguments.items():
            if name.startswith(thresholds) or name in ("min_rows", "tolerance"):
                argument = definition.argument(name)
                assert argument is not None and argument.default == value, (definition.type, name)
