"""The rules for templates: what they find, where, what silences them, what is mended; and the form of the SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from runner.cli.tidy import format_command, lint_command
from runner.errors import NotFoundError
from runner.lint.check import lint, mend
from runner.lint.mask import mask
from runner.project.parse import load_project

Write = Callable[[Mapping[str, str]], Path]
KEYED = """
version: 2
models:
  - name: totals
    description: All orders. One row.
    columns: [{name: order_count, data_tests: [unique]}]
  - name: stg_orders
    description: Orders. One row per order.
"""


def findings(root: Path, **options: object) -> list[str]:
    project = load_project(root)
    return [str(one) for one in lint(project, project.models.values(), **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("select 1 {# {{ no }} #} as x", "select 1                as x"),
        ("select {{ 1 }} as x", "select _x0     as x"),
        ("select * from {{ ref('a') }} o", "select * from _r0            o"),
        ("{{ config(x=1) }}\nselect 1", " " * 17 + "\nselect 1"),
        ("select 1{% if a %} + 2{% else %} + 3{% endif %} + 4", "select 1           + 2" + " " * 25 + " + 4"),
        ("{% set a %}\nselect 2\n{% endset %}", " " * 11 + "\nselect 2\n" + " " * 12),
    ],
)
def test_every_character_stays_at_its_place(template: str, text: str) -> None:
    masked = mask(template)
    assert masked.text == text
    assert len(masked.text) == len(template)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("with orders as (select * from {{ ref('stg_orders') }})\nselect count(*) as order_count from orders", []),
        ("select o.order_id from {{ ref('stg_orders') }} as o", []),
        (
            "with\n    spare as (select 1 as a),\n    one as (select 2 as b)\nselect b from one",
            ['2:5: unread-cte: nothing reads "spare". Remove it.'],
        ),
        (
            "with spare as (select 1 as a)\nselect 2 as b {% if is_incremental() %} from spare {% endif %}",
            [],
        ),
        (
            "select order_id\nfrom marts_staging.stg_orders",
            ['2:6: table-by-hand: "marts_staging.stg_orders" is named by hand. Write {{ ref("stg_orders") }}.'],
        ),
        (
            "select o.order_id from shop.orders o",
            ['1:24: table-by-hand: "shop.orders" is named by hand. Write {{ source("shop", "orders") }}.'],
        ),
        (
            "select order_id from stg_order",
            ['1:22: table-by-hand: "stg_order" is named by hand. Read it by ref() or source(). Did you mean "stg_orders"?'],
        ),
        (
            "select orders.*, 1 as a from {{ ref('stg_orders') }} as orders",
            ["1:15: star: all columns of a table are taken, new ones too. Name those that are meant."],
        ),
        (
            "select *\nfrom {{ ref('stg_orders') }}",
            ["1:8: star: all columns of a table are taken, new ones too. Name those that are meant."],
        ),
        ("with a as (select 1 as x), b as (select *, 2 as y from a)\nselect * from b", []),
        (
            "select total, count(*) as n\nfrom {{ ref('stg_orders') }}\ngroup by 1",
            ["3:10: group-number: grouped by a number. Name the column."],
        ),
        ("select total -- noqa\nfrom shop.orders -- noqa: table-by-hand", []),
        (
            "select total\nfrom shop.orders -- noqa: star",
            ['2:6: table-by-hand: "shop.orders" is named by hand. Write {{ source("shop", "orders") }}.'],
        ),
        ("select {% for a in [1, 2] %} {{ a }} as c{{ a }}{{ ',' if not loop.last }} {% endfor %}", []),
    ],
)  # fmt: skip
def test_what_the_rules_find(write: Write, tiny: dict[str, str], sql: str, expected: list[str]) -> None:
    root = write(tiny | {"models/totals.sql": sql, "models/models.yml": KEYED})
    assert findings(root) == [f"models/totals.sql:{one}" for one in expected]


def test_what_properties_lack(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    said = [
        'models/staging/stg_orders.sql:1:1: no-description: "stg_orders" has no description. Give it one in a property file.',
        'models/totals.sql:1:1: no-description: "totals" has no description. Give it one in a property file.',
        'models/totals.sql:1:1: no-key: no check of "totals" says what its rows are one of. Add a unique test to its key.',
    ]
    assert findings(root) == said
    assert findings(root, keyed=["model.tiny.totals"]) == said[:2]
    assert findings(root, rules=["no-key"]) == said[2:]
    with pytest.raises(NotFoundError, match=r'^no rule is named "no-keys"\. Did you mean "no-key"\?$'):
        findings(root, rules=["no-keys"])


def test_what_can_be_mended_is(write: Write, tiny: dict[str, str]) -> None:
    sql = "select a.order_id, b.total\nfrom marts_staging.stg_orders as a\njoin shop.orders as b on a.order_id = b.order_id\n"
    root = write(tiny | {"models/totals.sql": sql, "models/models.yml": KEYED})
    project = load_project(root)
    assert mend(root, lint(project, project.models.values())) == 2
    assert (root / "models/totals.sql").read_text() == (
        'select a.order_id, b.total\nfrom {{ ref("stg_orders") }} as a\n'
        'join {{ source("shop", "orders") }} as b on a.order_id = b.order_id\n'
    )
    assert findings(root) == []


def test_the_command_prints_findings_on_stdout_and_exits_1(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny | {"models/models.yml": KEYED, "models/totals.sql": "select order_id from shop.orders"})
    result = CliRunner().invoke(lint_command, ["--project-dir", str(root)], standalone_mode=False)
    assert (result.return_value, result.stdout, result.stderr) == (
        1,
        'models/totals.sql:1:22: table-by-hand: "shop.orders" is named by hand. Write {{ source("shop", "orders") }}.\n',
        "run: 2 models read, 1 findings.\n",
    )
    result = CliRunner().invoke(lint_command, ["--fix", "--project-dir", str(root)], standalone_mode=False)
    assert (result.return_value, result.stdout, result.stderr) == (
        0,
        "",
        "run: 1 mended.\nrun: 2 models read, all well.\n",
    )


def test_format_puts_sql_into_its_form(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny | {"models/totals.sql": "SELECT   1 AS a, {{ var( 'least' ) }} AS b"})
    call = ["totals", "--project-dir", str(root)]
    result = CliRunner().invoke(format_command, ["--check", *call], standalone_mode=False)
    assert (result.return_value, result.stdout, result.stderr) == (
        1,
        "models/totals.sql:1:1: format: this file is not in its form. Put it there: run format\n",
        "run: 1 files read, 1 would change.\n",
    )
    result = CliRunner().invoke(format_command, call, standalone_mode=False)
    assert (result.return_value, result.stderr) == (0, "run: 1 files read, 1 changed.\n")
    assert (root / "models/totals.sql").read_text() == 'select 1 as a, {{ var("least") }} as b\n'
    (root / "models/totals.sql").write_text("select 1)")
    result = CliRunner().invoke(format_command, call, standalone_mode=False)
    assert result.return_value == 2
    assert result.stdout.startswith("models/totals.sql:1:1: format: ")


def test_our_own_models_keep_the_rules(root: Path) -> None:
    project = load_project(root)
    rules = ["unread-cte", "table-by-hand", "star", "group-number", "source-in-mart", "no-description"]
    assert [str(one) for one in lint(project, project.models.values(), rules=rules)] == []
