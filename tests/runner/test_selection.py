"""The selector grammar, as one table over one small graph."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from runner.errors import ProjectError
from runner.graph import Graph
from runner.selection import Selectable, select

PARENTS = {
    "stg_users": ["users"],
    "stg_orders": ["orders"],
    "clv": ["stg_users", "stg_orders"],
    "clv_tiers": ["clv"],
    "daily": ["stg_orders"],
}


def node(name: str, folder: str, *tags: str, materialized: str = "table") -> Selectable:
    return Selectable(
        id=name,
        label=name,
        name=name,
        resource_type="model",
        fqn=("shop", *folder.split("/"), name),
        path=PurePosixPath(f"models/{folder}/{name}.sql"),
        patch_path=PurePosixPath(f"models/{folder}/_models.yml"),
        tags=tags,
        config={"materialized": materialized, "meta": {"owner": "ann"}, "enabled": True},
    )


def source(name: str) -> Selectable:
    return Selectable(
        id=name,
        label=f"mongodb.{name}",
        name=name,
        resource_type="source",
        fqn=("shop", "mongodb", name),
        path=PurePosixPath("sources.yml"),
    )


NODES = [
    source("users"),
    source("orders"),
    node("stg_users", "staging/mongodb", materialized="view"),
    node("stg_orders", "staging/mongodb", materialized="view"),
    node("clv", "marts/clv", "weekly"),
    node("clv_tiers", "marts/clv", "weekly", "report"),
    node("daily", "marts/daily", "daily"),
]
STAGING = {"stg_users", "stg_orders"}
MODELS = {"stg_users", "stg_orders", "clv", "clv_tiers", "daily"}


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("", MODELS | {"users", "orders"}),
        ("clv", {"clv"}),
        ("clv+", {"clv", "clv_tiers"}),
        ("+clv", {"clv", "stg_users", "stg_orders", "users", "orders"}),
        ("1+clv", {"clv", *STAGING}),
        ("stg_orders+1", {"stg_orders", "clv", "daily"}),
        ("1+clv+1", {"clv", "clv_tiers", *STAGING}),
        ("@clv", {"clv", "clv_tiers", "users", "orders", *STAGING}),
        ("@stg_users", {"stg_users", "stg_orders", "clv", "clv_tiers", "users", "orders"}),
        ("stg_*", STAGING),
        ("clv*", {"clv", "clv_tiers"}),
        ("c?v", {"clv"}),
        ("staging", STAGING),
        ("marts.clv", {"clv", "clv_tiers"}),
        ("shop.marts.clv", {"clv", "clv_tiers"}),
        ("shop.marts.c*", {"clv", "clv_tiers"}),
        ("tag:weekly", {"clv", "clv_tiers"}),
        ("tag:w*", {"clv", "clv_tiers"}),
        ("path:models/marts", {"clv", "clv_tiers", "daily"}),
        ("models/marts/clv/clv.sql", {"clv"}),
        ("path:models/marts/clv/_models.yml", {"clv", "clv_tiers"}),
        ("path:models/*/clv/clv.sql", {"clv"}),
        ("clv.sql", {"clv"}),
        ("file:daily", {"daily"}),
        ("source:mongodb", {"users", "orders"}),
        ("source:mongodb.users", {"users"}),
        ("source:shop.mongodb.users", {"users"}),
        ("source:mongodb.users+", {"users", "stg_users", "clv", "clv_tiers"}),
        ("config.materialized:view", STAGING),
        ("config.meta.owner:ann", MODELS),
        ("config.enabled:true", MODELS),
        ("resource_type:source", {"users", "orders"}),
        ("package:shop", MODELS | {"users", "orders"}),
        ("clv daily", {"clv", "daily"}),
        ("tag:weekly,tag:report", {"clv_tiers"}),
        ("+clv,+daily", {"stg_orders", "orders"}),
        ("+clv,+daily tag:daily", {"stg_orders", "orders", "daily"}),
    ],
)
def test_select(include: str, expected: set[str]) -> None:
    assert select(NODES, Graph(PARENTS), include=[include] if include else []) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["clv+"], ["clv_tiers"], {"clv"}),
        ([], ["staging resource_type:source"], {"clv", "clv_tiers", "daily"}),
        (["+clv", "daily"], ["source:*"], {"clv", "daily", *STAGING}),
        (["+clv"], ["+daily,staging"], {"clv", "stg_users", "users", "orders"}),
    ],
)
def test_exclude(include: list[str], exclude: list[str], expected: set[str]) -> None:
    assert select(NODES, Graph(PARENTS), include=include, exclude=exclude) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "message"),
    [
        ("clvv", "", 'no model is named "clvv". Did you mean "clv"?'),
        ("CLV", "", 'no model is named "CLV". Did you mean "clv"?'),
        ("zzz", "", 'no model is named "zzz".'),
        ("tag:weakly", "", 'the selector "tag:weakly" matches nothing. Did you mean "weekly"?'),
        (
            "source:mongodb.user",
            "",
            'the selector "source:mongodb.user" matches nothing. Did you mean "mongodb.users"?',
        ),
        ("path:models/mart", "", 'the selector "path:models/mart" matches nothing. Did you mean "models/marts"?'),
        (
            "tags:weekly",
            "",
            'the selector "tags:weekly" has an unknown method "tags". '
            'Methods: config, file, fqn, package, path, resource_type, source, tag. Did you mean "tag"?',
        ),
        (
            "tag:daily,tag:weekly",
            "",
            'the selector "tag:daily,tag:weekly" matches nothing: no node is in all of its parts.',
        ),
        ("@clv+", "", 'the selector "@clv+" has "@" beside "+". "@" already takes descendants and their ancestors.'),
        (
            "clv",
            "clv",
            "nothing is left to select: --exclude takes away all that --select chooses. Narrow one of them.",
        ),
        ("clv", "dayly", 'no model is named "dayly". Did you mean "daily"?'),
    ],
)
def test_what_matches_nothing_is_an_error(include: str, exclude: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        select(NODES, Graph(PARENTS), include=[include], exclude=[exclude] if exclude else [])
    assert str(caught.value) == message
