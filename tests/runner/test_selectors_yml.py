"""selectors.yml: what is refused, with its line, and what goes beyond dbt's form. Its meaning is compared in tests/dbt."""

from __future__ import annotations

import pytest

from runner.documents import parse_yaml
from runner.errors import ProjectError
from runner.selection import NamedSelectors, Selectable, read_selectors, select

NODES = [
    Selectable(
        id=name, label=name, name=name, resource_type="model", fqn=("shop", name), path=f"models/{name}.sql",
        parents=parents, tags=tags,
    )
    for name, parents, tags in [
        ("users", (), ("daily",)), ("orders", (), ("daily", "heavy")), ("clv", ("users", "orders"), ("daily",)), ("tiers", ("clv",), ()),
    ]
]  # fmt: skip


def read(text: str) -> NamedSelectors:
    return read_selectors(
        parse_yaml(text, "selectors.yml"), lambda jinja: jinja.strip("{} ").replace("is_prod", "true")
    )


def ids(text: str, name: str | None = None, **options: object) -> set[str]:
    return select(NODES, selector=name, named=read(text), **options)  # type: ignore[arg-type]


TWO = """
selectors:
  - name: heavy
    definition: tag:heavy
  - name: usual
    default: "{{ is_prod }}"
    definition: {tag: daily}
"""


def test_the_default_is_taken_where_nothing_else_is_said() -> None:
    assert ids(TWO) == {"users", "orders", "clv"}
    assert ids(TWO, "heavy") == {"orders"}
    assert ids(TWO, include=["clv"]) == {"clv"}
    assert ids(TWO, exclude=["clv"]) == {"users", "orders", "tiers"}
    assert ids(TWO, include=["selector:heavy+"]) == {"orders", "clv", "tiers"}
    assert ids(TWO, include=["selector:usual,selector:heavy"]) == {"orders"}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("'(users orders)+1,tag:daily'", {"users", "orders", "clv"}),
        ("{method: selector, value: heavy, children: true, children_depth: 1}", {"orders", "clv"}),
        ("{union: ['selector:heavy', users]}", {"orders", "users"}),
        ("{method: selector, value: heavy, parents: true, exclude: [orders]}", None),
        ("{union: [users, 'tag:nosuch']}", {"users"}),
        ("{method: tag, value: daily, exclude: ['tag:nosuch', 'selector:heavy']}", {"users", "clv"}),
    ],
)
def test_beyond_dbts_form(definition: str, expected: set[str] | None) -> None:
    text = f"selectors:\n  - name: heavy\n    definition: tag:heavy\n  - name: mine\n    definition: {definition}\n"
    if expected is None:
        with pytest.raises(ProjectError, match=r'^the selector "mine" of selectors.yml chooses nothing\.$'):
            ids(text, "mine")
    else:
        assert ids(text, "mine") == expected


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            "{union: [users], exclude: [orders]}",
            'selectors.yml:5: "exclude" stands beside "union". Put it into a definition of its own.',
        ),
        ("{method: tag}", 'selectors.yml:5: a definition needs a "value" beside its "method".'),
        ("{union: []}", "selectors.yml:5: this union holds nothing."),
        (
            "{method: tag, value: daily, childs: true}",
            'selectors.yml:5: a definition has an unknown key "childs". Did you mean "children"?',
        ),
        (
            "{method: tag, value: daily, indirect_selection: carefull}",
            'selectors.yml:5: indirect_selection is "carefull". It is one of: eager, cautious, buildable, empty.',
        ),
        (
            "{method: fqn, value: clv, children: true, childrens_parents: true}",
            'selectors.yml:5: "childrens_parents" takes the children already. Leave "children" out.',
        ),
        (
            "{method: fqn, value: clv, parents: true, parents_depth: many}",
            'selectors.yml:5: "parents_depth" is a whole number from 0.',
        ),
        (
            "{union: [users, {exclude: [clv]}, {exclude: [orders]}]}",
            'selectors.yml:5: a union has one "exclude". Put both lists into one.',
        ),
        ("{tag: [a, b]}", 'selectors.yml:5: the value of "tag" is one word or number.'),
        ("{selector: heavi}", 'selectors.yml:5: no selector is named "heavi". Did you mean "heavy"?'),
        ("selector:mine", "selectors.yml:5: selectors build on each other in a circle: mine -> mine."),
        (
            "'(users'",
            'selectors.yml:5: the selector "(users" has "(" without ")". Examples: clv+, 2+clv, @clv, tag:daily, '
            "path:models/marts, (clv funnel),tag:daily.",
        ),
        ("[users]", "selectors.yml:5: a definition is a text, a mapping of method and value, or a union or an intersection."),
        ("", 'selectors.yml:5: selector "mine" needs a "definition".'),
    ],
)  # fmt: skip
def test_what_is_refused(definition: str, message: str) -> None:
    text = f"selectors:\n  - name: heavy\n    definition: tag:heavy\n  - name: mine\n    definition: {definition}\n"
    with pytest.raises(ProjectError) as caught:
        read(text)
    assert str(caught.value) == message


def test_names_are_taken_once_and_one_is_the_default() -> None:
    with pytest.raises(ProjectError) as caught:
        read("selectors:\n- {name: a, definition: x}\n- {name: a, definition: y}\n")
    assert str(caught.value) == 'selectors.yml:3: selector "a" is defined already, at selectors.yml:2. Rename it.'
    with pytest.raises(ProjectError) as caught:
        read("selectors:\n- {name: a, default: true, definition: x}\n- {name: b, default: true, definition: y}\n")
    assert str(caught.value) == 'selectors.yml:3: "a" and "b" are both the default. Keep one of them.'


def test_an_unknown_name_and_a_mix_of_options() -> None:
    with pytest.raises(ProjectError) as caught:
        ids(TWO, "usuall")
    assert str(caught.value) == 'no selector is named "usuall". Did you mean "usual"?'
    with pytest.raises(ProjectError) as caught:
        ids(TWO, "usual", include=["clv"])
    assert str(caught.value) == (
        "--selector goes neither with --select nor with --exclude. Write it as selector:NAME, or leave the others out."
    )


def test_what_chooses_nothing_names_the_line() -> None:
    with pytest.raises(ProjectError) as caught:
        ids("selectors:\n- name: a\n  definition:\n    method: tag\n    value: dayly\n", "a")
    assert str(caught.value) == 'selectors.yml:5: the selector "tag:dayly" matches nothing. Did you mean "daily"?'
