"""What a template with literal calls asks for is the same whether it is read off its text or rendered."""

from __future__ import annotations

import random
from typing import Any

import pytest

from runner.errors import ProjectError
from runner.jinja.literal import literal_calls
from runner.jinja.render import Captured, Renderer, Scope

RENDERER = Renderer([], root="shop")


def scope() -> Scope:
    return Scope(
        place="models/a.sql", ref=lambda ref: "t", source=lambda a, b: "t", variables={}, target={}, project="shop", execute=False
    )  # fmt: skip


def rendered(text: str) -> Captured | str:
    try:
        return RENDERER.render(text, scope())[1]
    except ProjectError as error:
        return str(error)


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "select * from {{ ref('a') }}",
        'select * from {{ref("a")}} join {{- ref( "pkg" , \'b\' ) -}}',
        "{{ config(materialized='table', tags=['a', 'b'], meta={'owner': 'ann', 'level': -2.5, 'on': true, 'no': none}) }}",
        "{{ config(\n    enabled=True,\n    partition_by=('day',),\n) }}select 1",
        "{# {{ ref('no') }} #}select * from {{ source('s', 't') }} -- {{ ref('c') }}",
        "select '}}' as a, '%}' as b from {{ ref('a', v=2) }}",
        "{{ config({'materialized': 'view'}) }}",
        "{{ ref('größe') }}",
    ],
)
def test_read_off(text: str) -> None:
    calls = literal_calls(text)
    assert calls is not None
    assert RENDERER.asked(text, scope(), calls) == rendered(text)


@pytest.mark.parametrize(
    "text",
    [
        "{% if true %}{{ ref('a') }}{% endif %}",
        "{% raw %}{{ ref('a') }}{% endraw %}",
        "{{ ref(var('x')) }}",
        "{{ ref('a') | upper }}",
        "{{ ref('a').schema }}",
        "{{ this }}",
        "{{ 'a' }}",
        "{{ ref('a\\'b') }}",
        "{{ ref('a') # why \n }}",
        "{{ ref('a' 'b') }}",
        "{{ ref(r'a') }}",
        "{{ ref(f'a') }}",
        "{{ ref('''a''') }}",
        "{{ ref(*['a']) }}",
        "{{ config(**{'a': 1}) }}",
        "{{ config(a={**{'b': 1}}) }}",
        "{{ config(a='{{ x }}') }}",
        "{{ ref('a'), ref('b') }}",
        "{{ ref('a')) + (1 }}",
        "{{ ref('a') ",
        "{{ }}",
        "{% set ref = 1 %}{{ ref('a') }}",
        "{# open {{ ref('a') }}",
        "{{ config(a=1j) }}",
        "{{ config(a=...) }}",
        "{{ config(a={'b', 'c'}) }}",
        "{{ config(a=b'x') }}",
        "{{ config(a=not true) }}",
        "{{ ref('a') if true }}",
        "{{ (ref)('a', x := 1) }}",
        "{{ lambda: ref('a') }}",
    ],
)
def test_left_to_jinja(text: str) -> None:
    assert literal_calls(text) is None


def test_a_mistake_is_told_as_jinja_tells_it() -> None:
    def ref(wanted: object) -> str:
        raise ProjectError("there is none.")

    text = "select 1\nfrom {{ ref('a') }}"
    calls = literal_calls(text)
    assert calls is not None
    failing = Scope(place="models/a.sql", ref=ref, source=lambda a, b: "", variables={}, target={}, project="shop")
    with pytest.raises(ProjectError) as caught:
        RENDERER.asked(text, failing, calls)
    assert str(caught.value) == "models/a.sql:2: there is none."


WORDS = ["a", "größe", "with space", "it''s", "", "a#b", "\\n", "{{", "}}", "%}", '"', "'", "true", "{# x #}"]
ATOMS = [
    "1",
    "-1",
    "2.5",
    "1_000",
    "0x1F",
    "True",
    "true",
    "False",
    "false",
    "None",
    "none",
    "TRUE",
    "x",
    "1j",
    "--1",
    "not true",
]
AROUND = [("{{ ", " }}"), ("{{", "}}"), ("{{- ", " -}}"), ("{{+ ", " +}}"), ("{{\n  ", "\n}}"), ("{{ (", ") }}"), ("{% do ", " %}"), ("{# ", " #}")]  # fmt: skip


def random_value(source: random.Random, depth: int = 0) -> str:
    kind = source.randrange(6 if depth < 2 else 2)
    if kind == 0:
        quote = source.choice("'\"")
        return f"{source.choice(['', '', '', '', 'r', 'f', 'u', 'b'])}{quote}{source.choice(WORDS)}{quote}"
    if kind == 1:
        return source.choice(ATOMS)
    parts = [random_value(source, depth + 1) for _ in range(source.randrange(3))]
    comma = source.choice(["", "", ","]) if parts else ""
    if kind == 2:
        return f"[{', '.join(parts)}{comma}]"
    if kind == 3:
        return f"({', '.join(parts)},)" if parts else "()"
    if kind == 4:
        return "{" + ", ".join(f"'k{at}': {part}" for at, part in enumerate(parts)) + comma + "}"
    return source.choice(["'a' 'b'", "'a' ~ 'b'", "1 + 1", "['x'][0]", "'''z'''", "dict(a=1)"])


def random_call(source: random.Random) -> str:
    name = source.choice(["ref", "ref", "source", "config", "config", "var", "ref "])
    args = [random_value(source, 1) for _ in range(source.randrange(3))]
    args += [f"k{source.randrange(3)}={random_value(source)}" for _ in range(source.randrange(3))]
    before, after = source.choice(AROUND)
    trailing = source.choice(["", "", "", ",", " | string", ".x", " # c"]) if source.random() < 0.3 else ""
    return (
        f"{before}{name}({', '.join(args)}{',' if trailing == ',' else ''}){'' if trailing == ',' else trailing}{after}"
    )


def test_at_random_the_two_ways_agree() -> None:
    source = random.Random(5)
    read_off = 0
    for _ in range(6000):
        text = " select ".join(random_call(source) for _ in range(source.randrange(1, 4)))
        calls = literal_calls(text)
        if calls is None:
            continue
        read_off += 1
        expected = rendered(text)
        found: Any
        try:
            found = RENDERER.asked(text, scope(), calls)
        except ProjectError as error:
            found = str(error)
        assert found == expected, text
    assert read_off > 300
