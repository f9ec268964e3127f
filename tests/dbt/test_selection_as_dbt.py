"""Selection against dbt Core itself: what `dbt ls` lists for each case is what ours has to choose."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.documents import read_yaml
from runner.errors import ProjectError
from runner.project.parse import load_project
from runner.selection import NamedSelectors, Selectable, parse_selector, read_selectors, select

HERE = Path(__file__).resolve().parent
SHOP = HERE / "shop"

ALONE = """
    orders customers stg_users int_order_items days segments rates customers_history users_history no_orphans
    revenue_is_positive old_revenue nosuch ORDERS orders_have_one_row unique_customers_id board_deck customers_are_counted
    top_customers order orders.sql stg_users.sql segments.csv _marts.yml Orders.SQL
    shop shop.marts marts marts.finance shop.marts.finance finance marts.orders shop.marts.orders staging.app staging.app.stg_users
    extra extra.calendar extra.calendar.days calendar calendar.days money money.rates app web shop.staging.*
    stg_* *orders* *_history c* ?rders [os]* [!os]* revenue* marts.* marts.fin* shop.*.* *.finance.* staging.*.stg_users
    shop.marts.rev* shop.m* *day* rev?nue unique* *.unique*
    fqn:orders fqn:* fqn:shop.marts.* fqn:no* fqn:extra.*
    tag:staging tag:mart tag:nightly tag:finance tag:web tag:report tag:pii tag:landed tag:key tag:loose tag:extra tag:calendar
    tag:reference tag:small tag:history tag:money tag:board tag:n* tag:*r* tag:nosuch tag:hourly
    group:finance group:growth group:g* group:nosuch
    access:public access:protected access:private access:nosuch
    source:* source:app source:web source:app.users source:app.* source:*.users source:shop.app.users source:shop.*.* source:nosuch
    source:*pp source:web.sess*
    exposure:* exposure:board_deck exposure:shop.churn_app exposure:churn* exposure:nosuch
    path:models path:models/ path:models/marts path:models/marts/finance path:models/marts/orders.sql path:models/marts/_marts.yml
    path:models/*/app path:models/**/stg_users.sql path:models/**/finance path:models/*.yml path:models/sources.yml path:seeds
    path:seeds/money path:snapshots path:tests path:tests/generic path:analyses path:models/marts/*.sql path:models/nosuch path:models/**
    path:models/m* path:./models/staging path:*/money path:models/[ms]* path:models/marts/finance/_finance.yml path:snapshots/*.yml
    models/marts models/staging/app/stg_orders.sql models/**/*users*
    file:stg_users file:stg_users.sql file:*.csv file:_marts.yml file:_marts file:orders file:o*.sql file:customers_history.yml
    package:shop package:extra package:this package:* package:nosuch package:ex*
    config.materialized:table config.materialized:view config.materialized:incremental config.materialized:ephemeral
    config.materialized:seed config.materialized:snapshot config.materialized:test config.enabled:true config.enabled:false
    config.severity:warn config.severity:WARN config.severity:error config.meta.owner:ann config.meta.team:core config.meta.levels:one
    config.meta.levels:three config.meta.contact.channel:web config.meta.priority:high config.on_schema_change:append_new_columns
    config.on_schema_change:ignore config.tags:web config.tags:nightly config.contract.enforced:false config.contract.enforced:true
    config.unique_key:id config.strategy:check config.strategy:timestamp config.updated_at:updated_at config.nosuch:1
    config.group:finance config.quote_columns:false config.docs.show:true config.check_cols:all
    test_name:unique test_name:not_null test_name:is_short test_name:positive test_name:* test_name:customers_are_counted
    test_name:relationships test_name:no_orphans test_name:accepted*
    test_type:generic test_type:singular test_type:unit test_type:data test_type:schema
    resource_type:model resource_type:seed resource_type:snapshot resource_type:source resource_type:test resource_type:unit_test
    resource_type:exposure resource_type:analysis resource_type:metric
    unit_test:* unit_test:customers_are_counted unit_test:shop.rev* unit_test:extra.*
    version:none version:latest version:old
"""
GRAPH = """
    orders+ +orders 1+orders orders+1 2+orders orders+2 1+orders+1 +orders+ @orders @stg_users @source:app.users 0+orders+0
    source:app.users+ source:app+1 +exposure:board_deck 1+exposure:churn_app +exposure:* +tag:finance tag:web+ +config.materialized:incremental
    2+revenue_by_country+ +customers_history customers+ seeds/money+ segments+ rates+1 days+ extra+ @days +no_orphans 1+no_orphans
    +unique_customers_id 1+test_type:singular +customers_are_counted @customers+1 @no_orphans +path:models/marts+1 3+forecast
    @+orders 10+orders+10 tag:nightly+1 1+resource_type:exposure package:extra+ +test_name:relationships stg_*+1 +file:revenue.sql
    +access:private group:finance+ @group:growth @exposure:board_deck @segments
"""
COMBINED = [
    "orders customers",
    "tag:mart,tag:finance",
    "tag:nightly,config.materialized:table",
    "+orders,+revenue",
    "+revenue,stg_*",
    "tag:mart,path:models/marts/finance tag:web",
    "orders+,tag:finance customers",
    "resource_type:test,tag:loose",
    "test_type:generic,orders",
    "orders,test_type:generic",
    "stg_users,test_name:unique",
    "source:app,test_name:unique",
    "tag:nightly,resource_type:model,+exposure:board_deck",
    "orders nosuch",
    "nosuch tag:nosuch",
    "tag:staging,tag:finance",
    "+customers_history,resource_type:model",
    "@stg_users,tag:finance",
    "1+orders 1+customers",
    "stg_users+1,stg_orders+1",
    "customers orders,customers",
    "customers,unique_customers_id",
    "tag:finance,group:finance,config.materialized:table",
    "source:*,tag:pii",
]
EXCLUDED = [
    ("tag:mart", "tag:finance"),
    ("", "tag:mart"),
    ("", "resource_type:test resource_type:unit_test"),
    ("+orders", "stg_orders"),
    ("orders customers", "test_name:relationships"),
    ("orders", "customers"),
    ("orders", "test_type:generic"),
    ("customers", "no_orphans"),
    ("tag:nightly", "revenue+"),
    ("tag:nightly", "+revenue,tag:nightly"),
    ("path:models", "models/marts,tag:finance source:*"),
    ("orders", "orders"),
    ("@stg_users", "@days"),
    ("", "package:extra tag:pii"),
    ("customers orders", "nosuch"),
    ("test_type:data", "severity:warn"),
    ("test_type:data", "config.severity:warn"),
]
INDIRECT = [
    "orders", "customers", "orders customers", "+orders", "tag:mart", "revenue", "stg_users", "stg_orders", "source:app",
    "source:app.users", "customers+", "+customers", "tag:finance", "orders,tag:mart", "no_orphans", "1+no_orphans", "path:models/marts",
]  # fmt: skip
NAMED = [
    "nightly", "nightly_without_finance", "above_revenue", "around_orders", "at_stg_users", "short", "tables_at_night", "nested",
    "inherited", "cautious_orders", "cautious_both", "no_tests", "buildable_customers", "excluding_itself",
]  # fmt: skip


def options(
    include: str = "", exclude: str = "", indirect: str = "eager", selector: str | None = None
) -> Mapping[str, Any]:
    return {"include": include, "exclude": exclude, "indirect": indirect, "selector": selector}


CASES: list[Mapping[str, Any]] = [
    options(),
    *[options(word) for word in f"{ALONE} {GRAPH}".split()],
    *[options(text) for text in COMBINED],
    *[options(include, exclude) for include, exclude in EXCLUDED],
    *[options(text, "", mode) for text in INDIRECT for mode in ("cautious", "buildable", "empty")],
    *[options("tag:mart", "customers", mode) for mode in ("cautious", "buildable", "empty")],
    *[options("", "customers tag:finance", mode) for mode in ("cautious", "buildable", "empty")],
    *[options(selector=name) for name in NAMED],
    *[options(selector=name, indirect=mode) for name in ("nested", "short") for mode in ("cautious", "empty")],
]


def arguments(case: Mapping[str, Any]) -> list[str]:
    """Returns a case as `dbt ls` takes it."""
    found = ["--indirect-selection", case["indirect"], "--resource-type", "all"]
    for name in ("include", "exclude"):
        if case[name]:
            found += [f"--{'select' if name == 'include' else name}", case[name]]
    return [*found, "--selector", case["selector"]] if case["selector"] else found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as dbt knows it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("dbt") / "shop"
    shutil.copytree(SHOP, folder)
    return folder


@pytest.fixture(scope="module")
def listed(dbt: Path, shop: Path) -> Sequence[set[str] | None]:
    """What dbt lists for each case, None where it refuses; one process for all."""
    done = subprocess.run(
        [dbt.parent / "python", HERE / "ls_with_dbt.py", shop],
        input=json.dumps([arguments(case) for case in CASES]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [None if found is None else set(found) for found in json.loads(done.stdout)]


@pytest.fixture(scope="module", params=["ours", "dbt's"])
def nodes(request: pytest.FixtureRequest, listed: object, shop: Path) -> Sequence[Selectable]:
    """The nodes as ours parses them, and those of dbt's manifest, so that selection alone is compared as well."""
    if request.param == "ours":
        return load_project(shop).listing().nodes
    manifest = json.loads((shop / "target" / "manifest.json").read_text(encoding="utf-8"))
    found = [
        node
        for part in ("nodes", "sources", "exposures", "unit_tests")
        for node in manifest[part].values()
        if node.get("config", {}).get("enabled", True)
    ]
    return [
        Selectable(
            id=node["unique_id"],
            label=node["name"],
            name=node["name"],
            resource_type=node["resource_type"],
            fqn=tuple(node["fqn"]),
            path=node["original_file_path"],
            patch_path=(node.get("patch_path") or "").partition("://")[2] or None,
            parents=tuple((node.get("depends_on") or {}).get("nodes", ())),
            tags=tuple(node.get("tags") or (node.get("config") or {}).get("tags") or ()),
            config=node.get("config") or {},
            package=node["package_name"],
            group=(node.get("config") or {}).get("group"),
            access=node.get("access"),
            test_name=(node.get("test_metadata") or {}).get("name"),
            test_type=_test_type(node),
            version=node.get("version"),
            latest_version=node.get("latest_version"),
        )
        for node in found
    ]


def _test_type(node: Mapping[str, Any]) -> str | None:
    if node["resource_type"] == "unit_test":
        return "unit"
    if node["resource_type"] != "test":
        return None
    return "generic" if node.get("test_metadata") else "singular"


@pytest.fixture(scope="module")
def named(shop: Path) -> NamedSelectors:
    return read_selectors(read_yaml(shop / "selectors.yml", name="selectors.yml"))


def chosen(nodes: Sequence[Selectable], named: NamedSelectors, case: Mapping[str, Any], shop: Path) -> set[str] | None:
    """Returns what ours chooses, an empty set where nothing matches, None where the selector is refused."""
    words = {"include": [case["include"]], "exclude": [case["exclude"]]}
    if not case["selector"]:
        try:
            for texts in words.values():
                parse_selector(texts)
        except ProjectError:
            return None
    try:
        return select(
            nodes,
            **words,
            selector=case["selector"],
            indirect=case["indirect"],
            named=named,
            project="shop",
            root=shop,
            strict=False,
        )
    except ProjectError as error:
        if "unknown method" in str(error):
            return None
        return set()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 250
    assert len({json.dumps(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[" ".join(arguments(case)[4:]) or "all" for case in CASES])
def test_ours_chooses_what_dbt_lists(
    number: int, listed: Sequence[set[str] | None], nodes: Sequence[Selectable], named: NamedSelectors, shop: Path
) -> None:
    assert chosen(nodes, named, CASES[number], shop) == listed[number]


def test_the_cases_tell_selectors_apart(listed: Sequence[set[str] | None]) -> None:
    assert len({frozenset(found or ()) for found in listed}) > 100
