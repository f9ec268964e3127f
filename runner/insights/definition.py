"""`report.yml`: which questions a project asks of its tables, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.documents import Section, read_yaml
from runner.errors import FormatError, NotFoundError
from runner.model import Model, SourceTable
from runner.project.parse import Project

FILE = "report.yml"
_TOP = ("version", "title", "confidence", "period", "insights")
_EVERY = ("name", "kind", "title", "model", "where", "called", "things", "each", "unit", "dashboard", "note")
_RATIO = ("called", "top", "bottom")
_AMOUNT = ("column", "where")
# Of each kind: the keys it needs, and those it may have.
KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "trend": (("date", "value"), ()),
    "weekdays": (("date", "value"), ()),
    "ratio": (("top", "bottom"), ()),
    "compare": (("first", "second"), ()),
    "shares": (("group", "of", "reached"), ("cluster", "members")),
    "means": (("group", "value"), ("count", "deviation")),
    "even": (("label", "count"), ("by",)),
    "ranking": (("label", "count"), ("first", "apart")),
    "concentration": (("value",), ("part",)),
    "distribution": (("value",), ("below", "above")),
    "pairs": (("first", "second", "count", "expected"), ("lift", "low", "high", "probability", "adjusted")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One question.

    Attributes:
        model: the unique id of the table it is asked of.
        where: the rows that count: column → value, or a list of values.
        called: what is measured, as a sentence calls it: "revenue".
        things: what the rows or counts are: "sessions".
        each: what the groups or holders are, one of them: "device".
        unit: of the measured values; empty for a bare number.
        dashboard: the name of a dashboard that shows it; empty for none.
        note: what a reader must know besides, in the project's own words.
        settings: the keys of its kind.
    """

    name: str
    kind: str
    title: str
    model: str
    place: str
    where: Mapping[str, Any] = field(default_factory=dict)
    called: str = ""
    things: str = "rows"
    each: str = ""
    unit: str = ""
    dashboard: str = ""
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def shown(self) -> tuple[str, ...]:
        """Returns the columns whose values, or figures made of them, the answer shows."""
        found = [*self.where]
        for key, value in self.settings.items():
            if key in ("of", "reached"):
                found += [value["column"], *value["where"]]
            elif key in ("first", "second") and self.kind == "compare":
                found += [value["top"], value["bottom"]]
            elif isinstance(value, str) and key not in ("cluster", "members"):
                found.append(value)
        return tuple(one for one in found if one)

    def column(self, key: str) -> str:
        """Returns a column that the kind needs."""
        return str(self.settings[key])


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a project's `report.yml` asks.

    Attributes:
        title: of the report.
        confidence: of intervals; 1 less it is how often a report may call chance a finding.
        period: the table (unique id) and its two columns that say from when to when data were observed; None where
            nothing says so.
    """

    title: str = "Analytics integration report"
    confidence: float = 0.95
    period: tuple[str, str, str] | None = None
    insights: tuple[Definition, ...] = ()


def read_questions(project: Project) -> Questions:
    """Returns what the project asks; nothing where it has no `report.yml`.

    Raises:
        FormatError: the file is not what it should be.
        NotFoundError: it names a table that the project lacks.
    """
    path = project.root / FILE
    return _questions(path, project) if path.is_file() else Questions()


def _questions(path: Path, project: Project) -> Questions:
    document = read_yaml(path, name=FILE)
    document.check_keys(_TOP, "the report")
    confidence = document.get("confidence", 0.95)
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0.5 <= confidence < 1:
        raise FormatError(f'{document.place("confidence")}: "confidence" is a share from 0.5 to below 1, such as 0.95.')
    found: dict[str, Definition] = {}
    for one in document.sections("insights", "the report"):
        definition = _definition(one, project)
        if definition.name in found:
            first = found[definition.name].place
            raise FormatError(f'{definition.place}: an insight named "{definition.name}" stands in {first} already.')
        found[definition.name] = definition
    return Questions(
        title=document.text("title", "the report", Questions().title),
        confidence=float(confidence),
        period=_period(document, project),
        insights=tuple(found.values()),
    )


def _period(document: Section, project: Project) -> tuple[str, str, str] | None:
    if not document.get("period"):
        return None
    period, what = document.section("period", "the report"), "the period"
    period.check_keys(("model", "from", "to"), what)
    return _model(period, project, what), period.text("from", what), period.text("to", what)


def _definition(section: Section, project: Project) -> Definition:
    name = section.text("name", "an insight")
    what = f'insight "{name}"'
    kind = section.text("kind", what)
    if kind not in KINDS:
        raise NotFoundError(f'{section.place("kind")}: "{kind}" is no kind of insight.', name=kind, known=KINDS)
    needed, further = KINDS[kind]
    section.check_keys((*_EVERY, *needed, *further), what)
    settings: dict[str, Any] = {}
    for key in (*needed, *further):
        if key in needed and section.get(key) is None:
            raise FormatError(f'{section.place()}: {what} is of kind "{kind}" and needs a "{key}".')
        if section.get(key) is not None:
            settings[key] = _apart(section, project, what) if key == "apart" else _setting(section, key, kind, what)
    if kind == "means" and ("count" in settings) != ("deviation" in settings):
        raise FormatError(
            f'{section.place()}: {what} names one of "count" and "deviation". A group is told by both: how many it has, '
            "and their standard deviation."
        )
    column = next((str(settings[key]) for key in ("value", "label", "count") if isinstance(settings.get(key), str)), "")
    return Definition(
        name=name,
        kind=kind,
        title=section.text("title", what, name.replace("_", " ").capitalize()),
        model=_model(section, project, what),
        place=section.place(),
        where=_where(section, what),
        called=section.text("called", what, column.replace("_", " ")),
        things=section.text("things", what, "rows"),
        each=section.text("each", what, str(settings.get("group", settings.get("label", ""))).replace("_", " ")),
        unit=section.text("unit", what, ""),
        dashboard=_dashboard(section, project, what),
        note=section.text("note", what, ""),
        settings=settings,
    )


def _dashboard(section: Section, project: Project, what: str) -> str:
    name, known = section.text("dashboard", what, ""), project.files.dashboards
    if name and name not in known:
        raise NotFoundError(
            f'{section.place("dashboard")}: {what} names the dashboard "{name}", which is not there.',
            name=name,
            known=known,
        )
    return name


def _setting(section: Section, key: str, kind: str, what: str) -> Any:
    if kind == "compare":
        part = section.section(key, what)
        part.check_keys(_RATIO, f'"{key}" of {what}')
        return {name: part.text(name, f'"{key}" of {what}') for name in _RATIO}
    if kind == "shares" and key in ("of", "reached"):
        part = section.section(key, what)
        part.check_keys(_AMOUNT, f'"{key}" of {what}')
        column = part.text("column", what, "") if part.get("column") is not None else ""
        return {"column": column, "where": _where(part, what)}
    if key in ("first", "part", "below", "above") and kind != "pairs":
        value = section[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or (key in ("first", "part") and value <= 0):
            raise FormatError(f'{section.place(key)}: "{key}" of {what} is a number.')
        if key == "part" and value >= 1:
            raise FormatError(f'{section.place(key)}: "part" of {what} is a share below 1, such as 0.1.')
        return value
    return section.text(key, what)


def _apart(section: Section, project: Project, what: str) -> dict[str, Any]:
    """Returns which holders are also looked at apart: those that another table names."""
    part, name = section.section("apart", what), f'"apart" of {what}'
    part.check_keys(("model", "key", "where", "called"), name)
    return {
        "model": _model(part, project, name),
        "key": part.text("key", name),
        "where": _where(part, name),
        "called": part.text("called", name),
    }


def _where(section: Section, what: str) -> Mapping[str, Any]:
    where = section.section("where", what)
    for column, value in where.items():
        if isinstance(value, dict) or value is None:
            raise FormatError(f'{where.place(column)}: "where" of {what} gives each column a value or a list of them.')
    return dict(where)


def _model(section: Section, project: Project, what: str) -> str:
    name = section.text("model", what)
    known: dict[str, Model | SourceTable] = {node.label: node for node in project.nodes()}
    if name not in known:
        raise NotFoundError(
            f'{section.place("model")}: {what} asks "{name}", which no table is named.', name=name, known=known
        )
    return known[name].unique_id
