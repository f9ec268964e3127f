"""The report for machines and for pull requests: JSON by its schema, JUnit XML, Markdown."""

from __future__ import annotations

import dataclasses
import datetime
import json
from xml.etree import ElementTree

import pytest

from expectations.causes import CLUSTERED, EXPECTATION
from expectations.reports.document import SCHEMA, VERSION, as_document, plain
from expectations.reports.junit import as_junit
from expectations.reports.markdown import LONGEST, as_markdown
from expectations.reports.values import Report, RunInfo
from expectations.result import SuiteResult
from tests.expectations.reports.report_values import HOSTILE, a_report, bad, good, result


def test_report_json_is_json_and_whole() -> None:
    text = json.dumps(as_document(a_report()), allow_nan=False)
    found = json.loads(text)
    assert (found["schema_version"], found["status"], found["run"]["run_id"]) == (VERSION, "fail", "5f3a9c1e-0000")
    assert found["counts"] == {"tables": 3, "failed": 1, "warned": 1, "passed": 1, "checks": 4}
    first = found["tables"][0]
    assert (first["withheld"], first["owner"]["name"], first["readers"][2]["name"]) == (True, "Web", "board deck")
    assert (first["verdict"]["cause"], first["verdict"]["cause_id"]) == (CLUSTERED, "packed")
    assert first["verdict"]["slice"]["value"] == HOSTILE
    check = first["results"][0]
    assert check["check_id"] == "expect_column_dispersion_above_floor.session_duration_seconds"
    assert check["figure"] == {"name": "failing rows", "value": 400.0}
    assert check["numbers"] == {"n": 10_000, "qcd": 0.01, "tail_ratio": "inf"}
    assert check["failing_rows"][0]["total"] == "12.50"
    assert check["plot"]["baseline"]["rows"] == 20_000
    assert found["tables"][1]["verdict"] is None
    assert [one["name"] for one in found["unbuilt"]] == ["user_activity", "broken"]


@pytest.mark.parametrize("report", [a_report(), Report(run=RunInfo(run_id="r"))], ids=["full", "empty"])
def test_report_json_is_as_its_schema_says(report: Report) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    found = sorted(Draft202012Validator(schema).iter_errors(as_document(report)), key=str)
    assert [f"{error.json_path}: {error.message}" for error in found] == []


def test_plain_values() -> None:
    assert plain({"a": (1, float("nan")), "b": b"\x01", "c": datetime.date(2024, 1, 2)}) == {
        "a": [1, "nan"],
        "b": "01",
        "c": "2024-01-02",
    }


def test_junit_has_a_suite_for_each_table_and_a_case_for_each_check() -> None:
    root = ElementTree.fromstring(as_junit(a_report()))
    assert {name: root.get(name) for name in ("name", "tests", "failures", "errors", "skipped", "time")} == {
        "name": "shop checks",
        "tests": "8",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
        "time": "12.300",
    }
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("session_durations", "2", "1"),
        ("clv", "1", "0"),
        ("reported", "1", "0"),
        ("user_activity", "1", "0"),
        ("broken", "1", "0"),
        ("unit tests of clv", "2", "1"),
    ]
    assert root[0].get("timestamp") == "2024-03-31T12:00:00"
    case = root[0][0]
    assert (case.get("file"), case.get("line")) == ("expectations/suites/x.yml", "4")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == CLUSTERED
    assert failure.get("message") == f"it is clustered. {CLUSTERED}"
    assert failure.text == (
        f"it is clustered.\nCause: {CLUSTERED}.\nQCD = 0.01.\n"
        f"Where: device_type = {HOSTILE}, 2024-02-01 to 2024-02-03.\n"
        "What to do: Look at the grain.\nexpectations/suites/x.yml:4"
    )


def test_junit_tells_warnings_skips_and_errors_apart() -> None:
    root = ElementTree.fromstring(as_junit(a_report()))
    warned = root[2][0]
    assert (warned.find("failure"), (warned.findtext("system-out") or "")[:25]) == (None, "warning: it is clustered.")
    skipped, broken = root[3][0].find("skipped"), root[4][0].find("error")
    assert skipped is not None and skipped.get("message") == "session_durations was withheld"
    assert broken is not None and broken.get("message") == "models/broken.sql:3: no column x."
    assert root[4][0].get("file") == "models/broken.sql"


def test_a_check_that_cannot_be_judged_is_an_error_in_junit() -> None:
    wrong = result(engine="none", observed="could not be judged", message="it could not be judged.", cause=EXPECTATION)
    root = ElementTree.fromstring(
        as_junit(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="t", results=(wrong,)),)))
    )
    assert (root.get("failures"), root.get("errors")) == ("0", "1")


def test_junit_is_xml_whatever_the_data_hold() -> None:
    odd = result(message="a\x00b\x1b[31m\ud800 & <b> ]]>")
    text = as_junit(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="t", results=(odd,)),)))
    root = ElementTree.fromstring(text.encode())
    assert (root[0][0][0].get("message") or "").startswith("a\ufffdb\ufffd[31m\ufffd & <b> ]]>")


MARKDOWN = f"""### ❌ 1 of 3 tables was not published: session_durations

Readers still see its last good version. 2 tables passed, 1 of them with warnings. 4 checks in all. 1 table could not be judged: broken. 1 of 2 unit tests fails. 1 table below was left as it was.

| table | cause | where | owner |
|---|---|---|---|
| session_durations | {CLUSTERED} | device_type = &#60;script&#62;alert('x')&#60;/script&#62;, 2024-02-01 to 2024-02-03 | Web |

<details><summary><b>session_durations</b>: it is clustered.</summary>

- QCD = 0.01.

**What to do:** Look at the grain.

**Reads it:** user_activity, clv_tiers, board deck

**Check:** `expect_column_dispersion_above_floor (session_duration_seconds)` expectations/suites/x.yml:4

| session_duration_seconds | user_id | total | city | tags |
|---|---|---|---|---|
| 7461000 | &#60;script&#62;alert('x')&#60;/script&#62; | 12.50 | null | null |
| 7462000 | u2 | 1.00 | null | &#91;"a", 1&#93; |

</details>

**Could not be judged**

- **broken**: models/broken.sql:3: no column x.

**Unit tests that fail**

- **clv: two orders**

```
- 1
+ 2
```

<details><summary>1 table with warnings</summary>

- **reported**: it is clustered.

</details>

<sub>run models clv+, target dev, run 5f3a9c1e-0000</sub>
"""


def test_markdown() -> None:
    assert as_markdown(a_report()) == MARKDOWN


def test_markdown_of_a_clean_run_is_short() -> None:
    assert as_markdown(Report(run=RunInfo(run_id="r", target="dev", command="run checks"), tables=(good(),))) == (
        "### ✅ The one table passed\n\n1 check in all.\n\n<sub>run checks, target dev, run r</sub>\n"
    )


def test_markdown_calls_nobody_and_breaks_no_table() -> None:
    odd = result(message="@everyone | `x` *y* [z](http://x) <img> #1 _a_ a_b", cause="a | b", slice=None)
    text = as_markdown(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="t", results=(odd,)),)))
    assert (
        "&#64;everyone &#124; &#96;x&#96; &#42;y&#42; &#91;z&#93;(http://x) &#60;img&#62; &#35;1 &#95;a&#95; a_b"
        in text
    )
    assert "| t | a &#124; b | in no one slice |  |" in text


def test_markdown_fits_into_a_comment() -> None:
    long = dataclasses.replace(bad(), results=(result(evidence=tuple(f"{i} {'x' * 400}" for i in range(30))),))
    many = tuple(dataclasses.replace(long, model=f"t{i}") for i in range(40))
    text = as_markdown(Report(run=RunInfo(run_id="r"), tables=many))
    assert len(text) < LONGEST + 500
    assert "more parts are in the report's page." in text
    assert text.count("<details>") == text.count("</details>") > 0
