"""The dashboards of the project: a page of each, and one that lists them."""

from __future__ import annotations

from collections.abc import Iterator

from runner.dashboards.panel import Made
from runner.project.dashboards import Dashboard, Panel
from runner.site.catalog.markup import rendered, rendered_line
from runner.site.dashboards.origins import origins_of_panels
from runner.site.dashboards.standing import notes_of, tables_of
from runner.site.facts import Facts
from runner.site.page import Entry, Page

_STYLES = ("assets/dashboards.css",)
_WORDS = {"markdown": rendered, "line": rendered_line}  # of descriptions and texts


def pages(facts: Facts) -> Iterator[Page]:
    """Yields the pages; none where the project has no dashboard."""
    dashboards = sorted(facts.project.files.dashboards.values(), key=lambda one: one.title.lower())
    if not dashboards:
        return
    yield Page(
        path="dashboards/index.html",
        title="Dashboards",
        section="dashboards",
        template="dashboards/index.html.jinja",
        values={**_WORDS, "dashboards": [(one, address(one), _troubles(facts.panels[one.name])) for one in dashboards]},
        styles=_STYLES,
    )
    for dashboard in dashboards:
        yield _page(facts, dashboard, facts.panels[dashboard.name])


def address(dashboard: Dashboard) -> str:
    """Returns the page of a dashboard, from the site's root."""
    return f"dashboards/{dashboard.name}.html"


def panel_address(dashboard: Dashboard, panel: Panel) -> str:
    """Returns where a panel stands on the page of its dashboard."""
    return f"{address(dashboard)}#panel-{panel.number}"


def _troubles(panels: list[Made]) -> int:
    return sum(bool(one.trouble) for one in panels)


def _page(facts: Facts, dashboard: Dashboard, panels: list[Made]) -> Page:
    place = address(dashboard)
    tables = tables_of(facts, panels)
    return Page(
        path=place,
        title=dashboard.title,
        section="dashboards",
        template="dashboards/dashboard.html.jinja",
        values={
            **_WORDS,
            "dashboard": dashboard,
            "panels": panels,
            "tables": tables,
            "origins": origins_of_panels(facts.lineage, dashboard),
            "notes": {number: notes_of(facts, of) for number, of in tables.items()},
            "exposure": facts.project.exposures.get(f"exposure.{facts.project.files.name}.{dashboard.name}"),
        },
        styles=_STYLES,
        scripts=("assets/dashboards.js",),
        entries=(_entry(dashboard), *_entries(dashboard)),
    )


def _entry(dashboard: Dashboard) -> Entry:
    return Entry(kind="dashboard", name=dashboard.title, address=address(dashboard), detail=dashboard.description)


def _entries(dashboard: Dashboard) -> Iterator[Entry]:
    for panel in dashboard.panels:
        if panel.title:
            text = panel.query.text.strip() if panel.query else ""
            place = panel_address(dashboard, panel)
            yield Entry(kind="panel", name=panel.title, address=place, detail=dashboard.title, text=text)
