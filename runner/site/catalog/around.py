"""The pages of what is no table: macros, exposures, groups, analyses, singular tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runner.compile import compile_model
from runner.errors import ProjectError
from runner.model import DataTest, Exposure, Group, Macro, Model
from runner.site.catalog.library import Library, is_documented
from runner.site.catalog.markup import rendered
from runner.site.catalog.table import SCRIPTS, STYLES
from runner.site.catalog.verdicts import Check
from runner.site.page import Entry, Page


def pages(library: Library) -> Iterator[Page]:
    """Yields a page for each macro, exposure, group, analysis and singular test."""
    project = library.facts.project
    for macro in library.macros.values():
        yield _macro(library, macro)
    for exposure in project.exposures.values():
        yield _exposure(library, exposure)
    for group in project.groups.values():
        yield _group(library, group)
    for analysis in project.analyses.values():
        yield _analysis(library, analysis)
    for test in library.singular:
        yield _singular(library, test)


def _page(library: Library, node: Any, kind: str, title: str, *, searched: str = "", **values: Any) -> Page:
    path = library.address(node)
    given = {
        "kind": kind,
        "description": rendered(node.description),
        "facts": [],
        "text": "",
        "compiled": "",
        "note": "",
        "reads": [],
        "users": [],
        "users_words": "Used by",
        "checks": [],
        "drawn": "",
        "is_documented": is_documented(node),
    }
    return Page(
        path=path,
        title=title,
        section="catalog",
        template="catalog/around.html.jinja",
        styles=STYLES,
        scripts=SCRIPTS,
        values={**given, **values},
        entries=()
        if not is_documented(node)
        else (
            Entry(
                kind=kind,
                name=title,
                address=path,
                detail=" ".join(node.description.split()),
                text=" ".join(searched.split()),
            ),
        ),
    )


def _macro(library: Library, macro: Macro) -> Page:
    own = macro.package == library.facts.project.files.name
    words = {"macro": "macro", "test": "test macro", "materialization": "materialization"}
    return _page(
        library,
        macro,
        words[macro.kind],
        macro.name if own else f"{macro.package}.{macro.name}",
        searched=macro.source,
        facts=[("file", f"{macro.path}:{macro.line}"), *([] if own else [("package", macro.package)])],
        text=library.template(macro.source, library.address(macro), macro.package, anchor="code"),
        users=library.users_of_macros.get(macro.unique_id, []),
        users_words="Called by, directly or through other macros",
    )


def _exposure(library: Library, exposure: Exposure) -> Page:
    owner = " ".join(str(exposure.owner[key]) for key in ("name", "email") if exposure.owner.get(key))
    facts = [("type", exposure.type), ("owner", owner), ("maturity", exposure.maturity or "")]
    facts += [("tags", ", ".join(exposure.config.tags)), ("address", exposure.url), ("file", exposure.place)]
    page = _page(
        library,
        exposure,
        "exposure",
        exposure.label or exposure.name,
        searched=exposure.name,
        facts=[(name, value) for name, value in facts if value],
        reads=library.reads(exposure.unique_id),
    )
    dashboard = library.facts.project.files.dashboards.get(exposure.name)
    if dashboard is None or dashboard.path != exposure.path:
        return page
    # A search finds the dashboard itself.
    return replace(page, values={**page.values, "drawn": f"dashboards/{dashboard.name}.html"}, entries=())


def _group(library: Library, group: Group) -> Page:
    owner = " ".join(str(group.owner[key]) for key in ("name", "email") if group.owner.get(key))
    members = [node for node in library.tables if isinstance(node, Model) and node.group == group.name]
    facts = [("owner", owner), ("file", group.place)]
    return _page(
        library,
        group,
        "group",
        group.name,
        facts=[one for one in facts if one[1]],
        users=members,
        users_words="Its models",
    )


def _analysis(library: Library, analysis: Model) -> Page:
    path = library.address(analysis)
    compiled, note = _compiled(library, analysis, path)
    return _page(
        library,
        analysis,
        "analysis",
        analysis.label,
        searched=analysis.raw_sql,
        facts=[("file", str(analysis.path))],
        text=library.template(analysis.raw_sql.strip("\n"), path, analysis.package, anchor="code"),
        compiled=compiled,
        note=note,
        reads=[library.nodes[name] for name in analysis.parents if name in library.nodes],
    )


def _compiled(library: Library, analysis: Model, path: str) -> tuple[Any, str]:
    try:
        return library.query(compile_model(library.facts.project, analysis).sql, path, anchor="compiled"), ""
    except ProjectError as error:
        return "", str(error)


def _singular(library: Library, test: DataTest) -> Page:
    path = library.address(test)
    checks = [check for of in library.checks.values() for check in of if _is(check, test)]
    return _page(
        library,
        test,
        "test",
        test.name,
        searched=test.raw_sql,
        facts=[("severity", test.severity), ("file", str(test.path))],
        text=library.template(test.raw_sql.strip("\n"), path, test.package, anchor="code"),
        reads=[library.nodes[name] for name in test.parents if name in library.nodes],
        checks=checks[:1],
    )


def _is(check: Check, test: DataTest) -> bool:
    return check.test_id == test.unique_id
