"""The selector grammar, as one table over one small graph."""

from __future__ import annotations

import re

import pytest

from runner.errors import NothingSelected, ProjectError
from runner.selection import Indirect, Selectable, StateView, select

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
        path=f"models/{folder}/{name}.sql",
        patch_path=f"models/{folder}/_models.yml",
        parents=tuple(PARENTS[name]),
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
        path="sources.yml",
    )


EXAMPLES = "Examples: clv+, 2+clv, @clv, tag:daily, path:models/marts, (clv funnel),tag:daily."
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


CHOSEN: list[tuple[str, set[str]]] = [
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
    ("config.enabled:true", MODELS | {"users", "orders"}),
    ("resource_type:source", {"users", "orders"}),
    ("package:shop", MODELS | {"users", "orders"}),
    ("clv daily", {"clv", "daily"}),
    ("tag:weekly,tag:report", {"clv_tiers"}),
    ("+clv,+daily", {"stg_orders", "orders"}),
    ("+clv,+daily tag:daily", {"stg_orders", "orders", "daily"}),
]


@pytest.mark.parametrize(("include", "expected"), CHOSEN)
def test_select(include: str, expected: set[str]) -> None:
    assert select(NODES, include=[include] if include else []) == expected


EXCLUDED: list[tuple[list[str], list[str], set[str]]] = [
    (["clv+"], ["clv_tiers"], {"clv"}),
    ([], ["staging resource_type:source"], {"clv", "clv_tiers", "daily"}),
    (["+clv", "daily"], ["source:*"], {"clv", "daily", *STAGING}),
    (["+clv"], ["+daily,staging"], {"clv", "stg_users", "users", "orders"}),
]


@pytest.mark.parametrize(("include", "exclude", "expected"), EXCLUDED)
def test_exclude(include: list[str], exclude: list[str], expected: set[str]) -> None:
    assert select(NODES, include=include, exclude=exclude) == expected


REFUSED: list[tuple[str, str, str]] = [
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
        "Methods: access, changed, config, exposure, failed, file, fqn, group, metric, package, path, resource_type, "
        "result, saved_query, selector, semantic_model, source, source_status, stale, state, tag, test_name, "
        'test_type, unit_test, version. Did you mean "tag"?',
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
    ("(clv", "", f'the selector "(clv" has "(" without ")". {EXAMPLES}'),
    ("clv)", "", f'the selector "clv)" has ")" without "(". {EXAMPLES}'),
    ("()", "", f'the selector "()" has nothing between the parentheses. {EXAMPLES}'),
    ("clv,,daily", "", f'the selector "clv,,daily" has nothing beside a ",". {EXAMPLES}'),
    ("tag:(daily)", "", f'the selector "tag:(daily)" has "(" after a name. {EXAMPLES}'),
    ("(clv)daily", "", f'the selector "(clv)daily" has neither a blank, "," nor "+" after ")". {EXAMPLES}'),
    (
        "@(clv)+",
        "",
        'the selector "@(clv)+" has "@" beside "+". "@" already takes descendants and their ancestors.',
    ),
    (
        "resource_type:modell",
        "",
        'the selector "resource_type:modell" has an unknown value "modell". It is one of: model, seed, snapshot, source, '
        'test, unit_test, analysis, exposure, metric, semantic_model, saved_query, function. Did you mean "model"?',
    ),
    ("stale:clv", "", 'the selector "stale:clv" takes no value. Write stale: and narrow it by a ",".'),
    (
        "source:a.b.c.d",
        "",
        'the selector "source:a.b.c.d" has too many dots. A source is source, source.table or package.source.table.',
    ),
    ("clv", "dayly", 'no model is named "dayly". Did you mean "daily"?'),
]


@pytest.mark.parametrize(("include", "exclude", "message"), REFUSED)
def test_what_matches_nothing_is_an_error(include: str, exclude: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        select(NODES, include=[include], exclude=[exclude] if exclude else [])
    assert str(caught.value) == message


def ids(*include: str, **options: object) -> set[str]:
    return select(NODES, include=include, **options)  # type: ignore[arg-type]


PARENTHESES: list[tuple[str, str]] = [
    ("(clv)", "clv"),
    ("((clv))", "clv"),
    ("(clv daily)", "clv daily"),
    ("(clv daily)+", "clv+ daily+"),
    ("1+(clv daily)", "1+clv 1+daily"),
    ("2+(clv)+1", "2+clv+1"),
    ("@(stg_users)", "@stg_users"),
    ("(clv daily),tag:weekly", "clv,tag:weekly"),
    ("tag:weekly,(clv daily)", "clv"),
    ("(clv,tag:weekly daily)", "clv daily"),
    ("((clv daily),(clv clv_tiers))+", "clv+"),
    ("(  clv   daily )", "clv daily"),
]


@pytest.mark.parametrize(("grouped", "plain"), PARENTHESES)
def test_parentheses_say_what_can_be_said_at_length(grouped: str, plain: str) -> None:
    assert ids(grouped) == ids(plain)


def test_parentheses_may_come_in_several_words() -> None:
    assert ids("(clv", "daily),tag:daily") == {"daily"}


STATE = StateView(
    statuses=lambda: {"clv": "error", "daily": "success", "gone": "error"},
    stale=lambda: {"stg_users", "gone"},
    fresher=lambda: {"users"},
)


EARLIER: list[tuple[str, set[str]]] = [
    ("failed:", {"clv"}),
    ("failed:+", {"clv", "clv_tiers"}),
    ("result:success", {"daily"}),
    ("result:success result:error", {"daily", "clv"}),
    ("stale:", {"stg_users"}),
    ("1+(stale: failed:)", {"users", "stg_users", "stg_orders", "clv"}),
    ("source_status:fresher+1", {"users", "stg_users"}),
    ("result:skipped daily", {"daily"}),
]


@pytest.mark.parametrize(("include", "expected"), EARLIER)
def test_what_earlier_runs_left(include: str, expected: set[str]) -> None:
    assert ids(include, state=STATE) == expected


@pytest.mark.parametrize("include", ["result:skipped", "failed:,tag:daily", "stale:,failed:", "(result:warn)+"])
def test_nothing_failed_is_no_mistake(include: str) -> None:
    with pytest.raises(NothingSelected):
        ids(include, state=STATE)


def test_without_earlier_runs() -> None:
    with pytest.raises(ProjectError, match=re.escape("Give the folder of earlier artifacts: --state DIR.")):
        ids("state:modified")


def test(name: str, *parents: str, kind: str = "test") -> Selectable:
    return Selectable(
        id=name,
        label=name,
        name=name,
        resource_type=kind,
        fqn=("shop", "marts", name),
        path="models/marts/_models.yml",
        parents=parents,
        test_name="unique" if kind == "test" else None,
        test_type="generic" if kind == "test" else "unit",
    )


test.__test__ = False  # type: ignore[attr-defined]
TESTED = [*NODES, test("t_clv", "clv"), test("t_two", "clv", "stg_orders"), test("u_clv", "clv", kind="unit_test")]


WITH_TESTS: list[tuple[str, Indirect, set[str]]] = [
    ("clv", "eager", {"clv", "t_clv", "t_two", "u_clv"}),
    ("clv", "cautious", {"clv", "t_clv", "u_clv"}),
    ("clv", "buildable", {"clv", "t_clv", "t_two", "u_clv"}),
    ("clv", "empty", {"clv"}),
    ("stg_orders", "buildable", {"stg_orders"}),
    ("stg_orders clv", "cautious", {"stg_orders", "clv", "t_clv", "t_two", "u_clv"}),
    ("t_two", "cautious", {"t_two"}),
    ("clv,test_type:unit", "eager", {"u_clv"}),
    ("test_name:unique", "empty", {"t_clv", "t_two"}),
    ("1+t_two", "empty", {"t_two", "clv", "stg_orders"}),
]


@pytest.mark.parametrize(("include", "indirect", "expected"), WITH_TESTS)
def test_tests_come_along(include: str, indirect: Indirect, expected: set[str]) -> None:
    assert select(TESTED, include=[include], indirect=indirect) == expected


def test_excluding_a_model_excludes_its_tests() -> None:
    assert select(TESTED, include=["clv stg_orders"], exclude=["clv"]) == {"stg_orders"}
    assert select(TESTED, include=["clv stg_orders"], exclude=["clv"], indirect="cautious") == {"stg_orders", "t_two"}


FINER: list[tuple[str, set[str]]] = [
    ("path:models/*", MODELS),
    ("path:models/**/clv.sql", {"clv"}),
    ("path:./models/marts/daily", {"daily"}),
    ("path:models/marts/", {"clv", "clv_tiers", "daily"}),
    ("path:models/[ms]arts/c*", {"clv", "clv_tiers"}),
    ("path:models/marts/?aily", {"daily"}),
    ("path:models/[!s]*", {"clv", "clv_tiers", "daily"}),
    ("CLV.SQL clv.sql", {"clv"}),
    ("fqn:marts.*.clv_tiers", {"clv_tiers"}),
    ("@+clv", {"clv", "clv_tiers", "users", "orders", *STAGING}),
    ("0+clv", {"clv"}),
]


@pytest.mark.parametrize(("include", "expected"), FINER)
def test_finer_points(include: str, expected: set[str]) -> None:
    assert select(NODES, include=[include], strict=False) == expected
