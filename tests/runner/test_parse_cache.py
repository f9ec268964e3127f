"""The kept project: the same as one parsed anew after any change, and never trusted where it is damaged."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ProjectError
from runner.project import cache as parse_cache
from runner.project import parse
from runner.project.cache import open_listing, open_project
from runner.project.parse import Project, load_project

Write = Callable[[Mapping[str, str]], Path]
SHOP = {
    "macros/cents.sql": "{% macro cents(column) %}({{ column }} / 100){% endmacro %}",
    "models/daily.sql": """
        {{ config(materialized='incremental', unique_key='day') }}
        select day, {{ cents('total') }} as total, '{{ var('least') }}' as least
        from {{ ref('totals') }}
        {% if is_incremental() %}where day > (select max(day) from {{ this }}){% endif %}
        """,
    "models/where.sql": "select '{{ env_var('CITY', 'Ulm') }}' as city {% if true %}from {{ ref('daily') }}{% endif %}",
    "models/_models.yml": """
        models:
          - name: totals
            description: One row in all.
            columns: [{name: revenue, data_tests: [not_null]}]
        exposures:
          - {name: deck, type: dashboard, owner: {name: Ann}, depends_on: [ref('totals')]}
        """,
    "seeds/rates.csv": "currency,rate\neur,1\n",
    "tests/none_lost.sql": "select * from {{ ref('totals') }} where revenue is null",
    "selectors.yml": "selectors: [{name: heavy, definition: totals+}]\n",
}
LONG_AGO = time.time() - 3600


@pytest.fixture
def root(write: Write, tiny: dict[str, str]) -> Path:
    folder = write({**tiny, **SHOP})
    age(folder)
    return folder


def age(folder: Path) -> None:
    """Makes all files look as if they were written an hour ago."""
    for path in folder.rglob("*"):
        if path.is_file() and "target" not in path.parts:
            os.utime(path, (LONG_AGO, LONG_AGO))


def values(project: Project) -> dict[str, Any]:
    """Returns what is equal in two projects that are."""
    found = {
        name: getattr(project, name)
        for name in (
            "models",
            "buildable",
            "disabled",
            "sources",
            "tests",
            "unit_tests",
            "exposures",
            "analyses",
            "groups",
        )
    }
    return {
        **found,
        "files": project.files,
        "order": project.graph.order,
        "listing": project.listing(),
        "sql": {
            name: project.renderer.find_macro(name)
            for name in ("cents", "is_short")
            if project.renderer.has_macro(name)
        },
    }


def check_same(root: Path, **options: Any) -> None:
    """The kept project, and the kept listing, are those of a project parsed anew."""
    fresh = values(load_project(root, **options))
    assert values(open_project(root, **options)) == fresh
    parse_cache._latest.clear()  # what another process would meet
    assert values(open_project(root, **options)) == fresh
    assert open_listing(root, **options) == fresh["listing"]


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were parsed since."""
    seen: list[Path] = []
    really = parse.load_project

    def counted(root: Path, **options: Any) -> Project:
        seen.append(root)
        return really(root, **options)

    monkeypatch.setattr(parse, "load_project", counted)
    return seen


def test_nothing_is_parsed_twice(root: Path, parses: list[Path]) -> None:
    first = open_project(root)
    parse_cache._latest.clear()
    again = open_project(root)
    assert len(parses) == 1
    assert values(again) == values(first)
    assert open_listing(root) == first.listing()
    assert len(parses) == 1
    assert again.renderer.render("{{ var('x', 1) }}", _scope(again))[0] == "1"


def _scope(project: Project) -> Any:
    from runner.jinja.render import Scope

    return Scope(place="here", ref=str, source=lambda a, b: "", variables={}, target={}, project=project.files.name)


def edit(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return change


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


CHANGES: dict[str, Callable[[Path], None]] = {
    "a model's SQL": replaced("models/totals.sql", "sum(total)", "max(total)"),
    "a ref": replaced("models/where.sql", "ref('daily')", "ref('totals')"),
    "a setting in SQL": replaced("models/daily.sql", "unique_key='day'", "unique_key='d', tags=['x']"),
    "a comment": replaced("models/totals.sql", "select", "-- why\nselect"),
    "a new model": edit("models/fresh.sql", "select 1 as one from {{ ref('where') }}"),
    "a deleted model": lambda root: (root / "models/where.sql").unlink(),
    "a renamed model": lambda root: (root / "models/where.sql").rename(root / "models/there.sql") and None,
    "a moved model": lambda root: (root / "models/where.sql").rename(root / "models/staging/where.sql") and None,
    "a macro": replaced("macros/cents.sql", "/ 100", "/ 1000"),
    "a macro that refers": edit("macros/cents.sql", "{% macro cents(column) %}{{ ref('rates') }}{% endmacro %}"),
    "a new macro": edit("macros/is_short.sql", "{% macro is_short(x) %}length({{ x }}){% endmacro %}"),
    "a description": replaced("models/_models.yml", "One row in all.", "All in one row."),
    "a test": replaced("models/_models.yml", "[not_null]", "[not_null, unique]"),
    "a new property file": edit("models/_more.yml", "models: [{name: daily, config: {tags: [nightly]}}]\n"),
    "an exposure": replaced("models/_models.yml", "ref('totals')]", "ref('totals'), ref('daily')]"),
    "a singular test": edit("tests/two_lost.sql", "select 1 from {{ ref('daily') }}"),
    "a source": replaced("sources.yml", "total, data_type", "totals, data_type"),
    "a folder's settings": replaced("project.yml", "+schema: staging", "+schema: other"),
    "a variable": replaced("project.yml", "{least: 2}", "{least: 3}"),
    "a new seed": edit("seeds/more.csv", "a\n1\n"),
    "a selector": replaced("selectors.yml", "totals+", "daily+"),
    "no selectors": lambda root: (root / "selectors.yml").unlink(),
    "a suite": edit("expectations/suites/totals.yml", "model: totals\nexpectations: []\n"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_after_a_change_it_is_as_if_parsed_anew(root: Path, what: str, parses: list[Path]) -> None:
    open_project(root)
    CHANGES[what](root)
    check_same(root)
    assert len(parses) == 2, "the change was seen, once"
    check_same(root)


def test_a_series_of_changes(root: Path) -> None:
    for what, change in CHANGES.items():
        if what.startswith(("a deleted", "a renamed", "a moved", "no ")) or what == "a macro that refers":
            continue
        change(root)
        check_same(root)
        age(root)
        check_same(root)


def test_a_change_that_keeps_size_and_time_is_seen(root: Path, parses: list[Path]) -> None:
    path = root / "models/totals.sql"
    open_project(root)
    at = path.stat()
    path.write_text(path.read_text().replace("sum", "max"))
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    check_same(root)
    assert len(parses) == 2


def test_a_file_that_is_only_touched_is_not_parsed_again(root: Path, parses: list[Path]) -> None:
    open_project(root)
    for path in root.glob("models/*"):
        path.touch()
    check_same(root)
    assert len(parses) == 1


def test_a_change_within_the_clock_s_grain_is_seen(root: Path, parses: list[Path]) -> None:
    path = root / "models/totals.sql"
    for total in ("sum", "min", "max", "avg"):
        path.write_text(f"select {total}(total) as revenue from {{{{ ref('stg_orders') }}}}")
        assert open_project(root).models["totals"].raw_sql == path.read_text()
    assert len(parses) == 4


def test_environment_variables_that_templates_ask_for_count(
    root: Path, parses: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced("models/where.sql", "{% if true %}", "{% if env_var('DEEP', '') %}from {{ ref('totals') }}{% else %}")(
        root
    )
    replaced("models/where.sql", "{% endif %}", "{% endif %}")(root)
    assert open_project(root).models["where"].parents == ("model.tiny.daily",)
    monkeypatch.setenv("OTHER", "1")
    open_project(root)
    assert len(parses) == 1
    monkeypatch.setenv("DEEP", "1")
    assert open_project(root).models["where"].parents == ("model.tiny.totals",)
    monkeypatch.delenv("DEEP")
    assert open_project(root).models["where"].parents == ("model.tiny.daily",)


def test_the_value_of_an_environment_variable_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY", "a-secret-city")
    open_project(root)
    kept = b"".join(path.read_bytes() for path in (root / "target/parse").iterdir())
    assert b"a-secret-city" not in kept and b"CITY" in kept


def test_a_project_with_a_secret_in_its_settings_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "hunter22")
    monkeypatch.setenv("CITY", "Ulm")
    open_project(root)
    assert len(list((root / "target/parse").iterdir())) == 1
    edit("models/_more.yml", "models: [{name: daily, config: {meta: {key: \"{{ env_var('STORE_PASSWORD') }}\"}}}]\n")(
        root
    )
    project = open_project(root)
    assert project.models["daily"].meta["key"] == "hunter22"
    assert all(b"hunter22" not in path.read_bytes() for path in (root / "target/parse").iterdir())
    check_same(root)


def test_what_is_kept_is_read_by_its_owner_alone(root: Path) -> None:
    open_project(root)
    assert kept_file(root).stat().st_mode & 0o077 == 0


def test_listing_and_opening_parse_once_and_read_nothing_back(root: Path, parses: list[Path]) -> None:
    replaced("models/totals.sql", "sum(total)", "max(total)")(root)
    listing = open_listing(root)
    project = open_project(root)
    assert len(parses) == 1
    assert project.listing() == listing
    assert open_project(root) is project


def test_targets_and_variables_are_kept_apart(root: Path, parses: list[Path]) -> None:
    replaced(
        "project.yml", "dev: {warehouse: warehouse, schema: marts}", "{dev: {schema: marts}, prod: {schema: live}}"
    )(root)
    for options in ({}, {"target": "prod"}, {"variables": {"least": 9}}):
        check_same(root, **options)
    assert len(parses) == 3
    for options in ({}, {"target": "prod"}, {"variables": {"least": 9}}):
        check_same(root, **options)
    assert len(parses) == 3
    assert str(open_project(root, target="prod").models["totals"].table) == "live.totals"


def test_what_asks_for_the_time_is_kept_for_a_day(
    root: Path, monkeypatch: pytest.MonkeyPatch, parses: list[Path]
) -> None:
    edit("models/totals.sql", "{{ config(tags=[run_started_at.strftime('%A')]) }}select 1 as revenue")(root)
    open_project(root)
    open_project(root)
    assert len(parses) == 1
    monkeypatch.setattr("runner.project.cache._today", lambda: "2001-01-01")
    open_project(root)
    assert len(parses) == 2


def test_mistakes_are_told_each_time_and_the_same(root: Path) -> None:
    open_project(root)
    replaced("models/where.sql", "ref('daily')", "ref('dayly')")(root)
    for _ in range(2):
        with pytest.raises(ProjectError) as caught:
            open_project(root)
        assert str(caught.value) == 'models/where.sql:1: ref("dayly") names no model. Did you mean "daily"?'
    replaced("models/where.sql", "ref('dayly')", "ref('daily')")(root)
    check_same(root)


@pytest.mark.parametrize("name", ["totals", "daily"])
def test_a_name_that_is_gone_is_told_with_its_line(root: Path, name: str) -> None:
    """Whether the template that refers to it was read off or rendered, now or before."""
    open_project(root)
    (root / f"models/{name}.sql").unlink()
    (root / "models/_models.yml").unlink()
    (root / "tests/none_lost.sql").unlink()
    with pytest.raises(ProjectError) as fresh:
        load_project(root)
    with pytest.raises(ProjectError) as kept:
        open_project(root)
    assert str(kept.value) == str(fresh.value)
    assert f'ref("{name}") names no model.' in str(kept.value)


def kept_file(root: Path) -> Path:
    (path,) = (root / "target/parse").glob("*.bin")
    return path


@pytest.mark.parametrize("part", [0, 5, 40, 100, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_file_counts_as_none(root: Path, part: float, how: str) -> None:
    open_project(root)
    path = kept_file(root)
    content = bytearray(path.read_bytes())
    at = int(part * len(content)) if isinstance(part, float) else part
    if how == "cut":
        del content[at:]
    else:
        content[at] ^= 255
    path.write_bytes(content)
    check_same(root)
    check_same(root)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (f"{os.environ['EVIL']}/was_here",)


def test_a_file_from_elsewhere_runs_no_code(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zlib

    from runner.project.cache import _HEAD, _MAGIC

    monkeypatch.setenv("EVIL", str(tmp_path))
    open_project(root)
    part = pickle.dumps(Evil())
    head = _HEAD.pack(*[len(part), zlib.crc32(part)] * 4)
    kept_file(root).write_bytes(_MAGIC + head + part * 4)
    check_same(root)
    assert not (tmp_path / "was_here").exists()


def test_without_a_place_to_keep_it(root: Path, parses: list[Path]) -> None:
    (root / "target").mkdir(exist_ok=True)
    (root / "target/parse").write_text("in the way")
    check_same(root)
    assert len(parses) == 3, "anew each time"


def test_only_the_latest_files_stay(root: Path) -> None:
    for number in range(12):
        open_listing(root, variables={"least": number})
    assert len(list((root / "target/parse").iterdir())) == 8


def test_processes_at_once(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runner.project.cache import open_project\n"
        "for n in range(6):\n"
        "    Path('models', f'own_{sys.argv[1]}.sql').write_text(f'select {n} as n from {{{{ ref(\"totals\") }}}}')\n"
        "    project = open_project(Path.cwd())\n"
        "    assert f'select {n} ' in project.models['own_' + sys.argv[1]].raw_sql\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=root, stderr=subprocess.PIPE) for n in range(3)
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    check_same(root)
    assert not list((root / "target/parse").glob("*.bin.*"))
