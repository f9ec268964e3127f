"""A small project with everything that the site can show, built without Spark: Delta tables that deltalake writes.

    write_small_shop(folder)     writes the files and publishes the tables as runs would have

`daily` is fresh, `spenders` is stale (its source has newer rows), `refunds` was withheld in the newest run, `forecast` was
never built, `store.orders` is older than it may be. `store.people.email` is sensitive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from runner import delta
from runner.compile import compile_model, inputs_of
from runner.model import Model
from runner.project.parse import Project, load_project
from runner.quality import Quality, load_quality
from runner.warehouse import publish_view

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
RUNS = ("11111111-aaaa", "22222222-bbbb", "33333333-cccc")  # the oldest first

FILES: Mapping[str, str] = {
    "project.yml": """
        name: small
        vars: {least: 2}
        models:
          small:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        seeds: {small: {+schema: seeds}}
        targets:
          dev: {warehouse: warehouse, schema: marts}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: store
            description: The shop's till.
            tables:
              - name: orders
                description: What was sold. One row per order.
                key: [order_id]
                loaded_at_field: ordered_at
                freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 40, period: day}}
                columns:
                  - {name: order_id, data_type: int, description: The order., data_tests: [unique, not_null]}
                  - {name: person_id, data_type: int, description: Who bought.}
                  - {name: total, data_type: "decimal(12,2)", description: "What was paid, in euros."}
                  - {name: ordered_at, data_type: timestamp, description: "When, UTC."}
                  - name: place
                    data_type: "struct<city:string,zip:string>"
                    description: Where it went.
              - name: people
                description: Who buys. One row per person.
                key: [person_id]
                columns:
                  - {name: person_id, data_type: int}
                  - {name: email, data_type: string, description: How to write to them., meta: {sensitive: true}}
        """,
    "models/staging/stg_orders.sql": """
        select order_id, person_id, total, cast(ordered_at as date) as order_date, place.city as city
        from {{ source("store", "orders") }}
        where total >= {{ var("least") }}
        """,
    "models/staging/stg_people.sql": "select person_id, email from {{ source('store', 'people') }}",
    "models/marts/daily.sql": """
        -- days without an order are not there
        select order_date, city, count(*) as order_count, {{ euros("sum(total)") }} as revenue
        from {{ ref("stg_orders") }}
        group by order_date, city
        """,
    "models/marts/spenders.sql": """
        {{ config(tags=["people", "weekly"]) }}
        select people.person_id, people.email, lower(people.email) as written_to, sum(orders.total) as spend
        from {{ ref("stg_people") }} as people
        inner join {{ ref("stg_orders") }} as orders on people.person_id = orders.person_id
        group by all
        """,
    "models/marts/refunds.sql": "select order_id, total from {{ ref('stg_orders') }} where total < 0",
    "models/marts/forecast.sql": "select order_date, revenue * 1.1 as expected from {{ ref('daily') }}",
    "models/marts/_marts.yml": """
        models:
          - name: daily
            description: |
              Sales by day and city. **Revenue** is what was paid; see [the till](https://till.example/).
              One row per day and city.

              - `order_count` counts all orders
              - <script>alert("never")</script> stays text
            config: {group: sellers}
            columns:
              - {name: order_date, data_type: date, description: The day., data_tests: [not_null]}
              - {name: city, data_type: string, description: Where the orders went.}
              - {name: order_count, data_type: bigint, description: Orders of the day.}
              - {name: revenue, data_type: "decimal(12,2)", description: "What they came to, in euros."}
          - name: spenders
            description: What each person has spent. One row per person.
            columns: [{name: person_id, data_tests: [unique]}]
          - name: refunds
            description: Money that went back. One row per order.
        groups: [{name: sellers, owner: {name: Ann Till, email: ann@till.example}}]
        exposures:
          - name: board
            label: The board's figures
            type: dashboard
            url: https://board.example/
            owner: {name: Ann Till, email: ann@till.example}
            description: What the board looks at each Monday.
            depends_on: [ref('daily'), ref('spenders')]
        unit_tests:
          - name: a_day_adds_up
            description: Two orders of one day are one row.
            model: daily
            given:
              - input: ref('stg_orders')
                rows: [{order_date: 2026-01-01, city: Graz, total: 2}, {order_date: 2026-01-01, city: Graz, total: 3}]
            expect: {rows: [{order_date: 2026-01-01, city: Graz, order_count: 2, revenue: 5}]}
        """,
    "macros/euros.sql": "{% macro euros(amount) %}cast({{ amount }} as decimal(12, 2)){% endmacro %}",
    "seeds/cities.csv": "city,country\nGraz,AT\nBrno,CZ\n",
    "analyses/best_city.sql": "select city from {{ ref('daily') }} order by revenue desc limit 1",
    "tests/no_day_is_empty.sql": "select * from {{ ref('daily') }} where order_count = 0",
    "expectations/suites/daily.yml": """
        model: daily
        expectations:
          - expect: expect_column_values_to_be_between
            column: revenue
            min_value: 0
            name: revenue is not negative
          - expect: expect_column_values_to_be_in_set
            column: city
            value_set: [Graz, Brno]
            severity: warn
            name: cities that we know
        """,
    "expectations/suites/refunds.yml": """
        model: refunds
        expectations:
          - expect: expect_column_values_to_be_between
            column: total
            max_value: 0
            name: refunds are negative
        """,
}


def write_small_shop(root: Path) -> Project:
    """Writes the project into `root`, and what three runs would have left there; returns it."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    project = load_project(root)
    quality = load_quality(project)
    _land(project, "store.orders", _orders(6), run=RUNS[0])
    _land(project, "store.people", _people(), run=RUNS[0])
    for number, run in enumerate(RUNS[:2]):
        if number:
            _land(project, "store.orders", _orders(8), run=run)
        for name in ("stg_orders", "stg_people"):
            _publish_view(project, quality, project.models[name], run=run)
        _publish(project, quality, project.models["daily"], _daily(2 + number), run=run)
        if not number:
            _publish(project, quality, project.models["spenders"], _spenders(), run=run)
            _publish(project, quality, project.models["refunds"], _refunds(), run=run)
            _publish(project, quality, _seed(project), _cities(), run=run)
    _say_what_checks_said(project, quality)
    _write_records(project)
    return project


def _seed(project: Project) -> Model:
    return next(node for node in project.buildable.values() if node.name == "cities")


def _orders(number: int) -> pa.Table:
    started = datetime(2026, 1, 1, 9, tzinfo=UTC)
    return pa.table(
        {
            "order_id": pa.array(range(1, number + 1), pa.int32()),
            "person_id": pa.array([one % 3 + 1 for one in range(number)], pa.int32()),
            "total": pa.array([Decimal(f"{one * 7 + 5}.50") for one in range(number)], pa.decimal128(12, 2)),
            "ordered_at": pa.array([started + timedelta(hours=9 * one) for one in range(number)], pa.timestamp("us", "UTC")),
            "place": pa.array([{"city": ("Graz", "Brno")[one % 2], "zip": None} for one in range(number)],
                              pa.struct([("city", pa.string()), ("zip", pa.string())])),
        }
    )  # fmt: skip


def _people() -> pa.Table:
    emails = ["ann@secret.example", "bob@secret.example", None]
    return pa.table({"person_id": pa.array([1, 2, 3], pa.int32()), "email": pa.array(emails, pa.string())})


def _daily(days: int) -> pa.Table:
    rows = [
        (date(2026, 1, 1) + timedelta(days=day), city, day + 1, Decimal(f"{20 + day}.25"))
        for day in range(days)
        for city in ("Graz", "Brno")
    ]
    columns = list(zip(*rows, strict=True))
    types = (pa.date32(), pa.string(), pa.int64(), pa.decimal128(12, 2))
    names = ("order_date", "city", "order_count", "revenue")
    return pa.table({name: pa.array(of, kind) for name, of, kind in zip(names, columns, types, strict=True)})


def _spenders() -> pa.Table:
    emails = pa.array(["ann@secret.example", "bob@secret.example"], pa.string())
    spend = pa.array([Decimal("31.00"), Decimal("45.00")], pa.decimal128(22, 2))
    return pa.table({"person_id": pa.array([1, 2], pa.int32()), "email": emails, "written_to": emails, "spend": spend})


def _refunds() -> pa.Table:
    return pa.table({"order_id": pa.array([], pa.int32()), "total": pa.array([], pa.decimal128(12, 2))})


def _cities() -> pa.Table:
    return pa.table({"city": ["Graz", "Brno"], "country": ["AT", "CZ"]})


def _commit(
    project: Project, table: Any, rows: pa.Table, said: Mapping[str, Any], partition_by: list[str] | None
) -> None:
    path = table.path(project.warehouse)
    path.mkdir(parents=True, exist_ok=True)
    candidate = delta.new_candidate(path)
    write_deltalake(str(candidate), rows, partition_by=partition_by)
    delta.publish(path, candidate, user_metadata=said, read_version=delta.version(path), partition_by=partition_by)


def _land(project: Project, label: str, rows: pa.Table, *, run: str) -> None:
    said = {"kind": "landing", "run_id": run, "taken_at": "2026-02-01T03:00:00+00:00", "read": rows.num_rows,
            "landed": rows.num_rows, "quarantined": 0, "rescued": 0}  # fmt: skip
    _commit(project, project.sources[label].table, rows, said, None)


def _said(project: Project, quality: Quality, node: Model, *, run: str, rows: int | None) -> dict[str, Any]:
    from runner.state.decide import State

    state = State(project, quality, now=NOW)
    state.decide(node.unique_id)
    return {
        "sluice": 1,
        "run_id": run,
        "model": node.unique_id,
        **state.metadata(node.unique_id, seconds=1.5, rows=rows),
    }


def _publish(project: Project, quality: Quality, node: Model, rows: pa.Table, *, run: str) -> None:
    parts = ["city"] if node.name == "daily" else None
    _commit(project, node.table, rows, _said(project, quality, node, run=run, rows=rows.num_rows), parts)


def _publish_view(project: Project, quality: Quality, node: Model, *, run: str) -> None:
    publish_view(
        node.table.path(project.warehouse),
        sql=compile_model(project, node).sql,
        inputs=inputs_of(project, node),
        metadata=_said(project, quality, node, run=run, rows=None),
    )


def _say_what_checks_said(project: Project, quality: Quality) -> None:
    from expectations.history.results import Run, append, rows_of
    from expectations.result import CheckResult, SuiteResult
    from runner.quality.history import results_path

    for number, run in enumerate(RUNS):
        kept = Run(run_id=run, run_at=NOW - timedelta(days=3 - number), command="models", target="dev")
        for label in ("store.orders", "daily", "spenders", "refunds"):
            node = project.sources.get(label) or project.models[label]
            suite = quality.asked(project, node.unique_id)
            assert suite is not None
            results = []
            for one in suite.expectations:
                found = CheckResult(
                    expectation=one, status="pass", level="pass", observed="none unexpected", numbers={"rows": 4.0}
                )
                if one.name == "refunds are negative" and number == 2:
                    found = replace(found, status="fail", level="fail", observed="2 unexpected", failing_count=2,
                                    message="2 of 2 values of total are above 0.", cause="a changed sign")  # fmt: skip
                if one.name == "cities that we know" and number:
                    found = replace(
                        found,
                        status="warn",
                        level="warn",
                        observed="1 unexpected",
                        message="Wien is no city that we know.",
                    )
                results.append(found)
            withheld = label == "refunds" and number == 2
            result = SuiteResult(model=label, results=tuple(results), rows=4)
            append(
                results_path(project),
                rows_of(kept, result, version=None if withheld else number, is_published=not withheld),
            )


def _write_records(project: Project) -> None:
    """Writes what three runs would have said: all built, some built, one withheld and what reads it skipped."""
    folder = project.files.target_folder / "runs"
    folder.mkdir(parents=True)
    built = [f"model.small.{name}" for name in ("stg_orders", "stg_people", "daily", "spenders", "refunds")]
    became = {
        RUNS[0]: dict.fromkeys(built, "success"),
        RUNS[1]: {**dict.fromkeys(built, "reused"), "model.small.daily": "warn"},
        RUNS[2]: {**dict.fromkeys(built, "reused"), "model.small.refunds": "withheld"},
    }
    for number, (run, nodes) in enumerate(became.items()):
        started = NOW - timedelta(days=3 - number)
        entries = [
            {
                "unique_id": name,
                "status": status,
                "why": "never built" if number == 0 else "stg_orders has new data" if status in ("warn", "withheld") else "nothing changed",
                "message": "2 of 2 values of total are above 0." if status == "withheld" else "",
                "started_at": (started + timedelta(seconds=2 * at)).isoformat(),
                "seconds": 0.0 if status == "reused" else 1.5 + at / 4,
                "rows": 4 if status in ("success", "warn") else None,
                "version": number if status in ("success", "warn") else None,
                "parents": {},
                "compiled_path": None,
            }
            for at, (name, status) in enumerate(nodes.items())
        ]  # fmt: skip
        record = {"run_id": run, "command": "models", "arguments": {}, "target": "dev", "started_at": started.isoformat(),
                  "seconds": 12.5 - number, "nodes": entries}  # fmt: skip
        (folder / f"{run}.json").write_text(json.dumps(record), encoding="utf-8")
