"""`run show` of a view: as it is published, or with --edited as its file has it, templates that ask the warehouse too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town


def test_a_view_is_shown_as_published_and_edited_as_its_file_has_it(town: Town) -> None:
    town.land((1, 10.0), target="dev")
    town.build("stg_orders", target="dev")
    town.file(
        "models/staging/stg_orders.sql",
        "{% set found = run_query('select max(order_id) from ' ~ source('shop', 'orders')) %}"
        "select order_id + {{ found[0][0] }} as order_id, total from {{ source('shop', 'orders') }}",
    )
    published = town.run("show", "stg_orders", "--output", "json")
    assert (published.code, json.loads(published.out)["order_id"]) == (0, 1), published.err
    edited = town.run("show", "stg_orders", "--edited", "--output", "json")
    assert (edited.code, json.loads(edited.out)["order_id"]) == (0, 2), edited.err
    queried = town.run("sql", "select {{ run_query('select 40 + 2')[0][0] }} as n", "--output", "json")
    assert queried.out == '{"n": 42}\n'
