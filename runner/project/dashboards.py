"""Dashboards as their files say: `dashboards/<name>.yml`, each a list of panels, a panel a text or a query with a chart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

from runner.documents import Section, parse_yaml
from runner.errors import FormatError, NotFoundError, ProjectError, did_you_mean
from runner.jinja.settings import SettingsRenderer
from runner.names import check_identifier
from runner.recall import note_text, piece

Mark = Literal[
    "line", "area", "point", "bar", "ranking", "histogram", "boxplot", "heatmap", "funnel", "number", "table"
]
Width = Literal["full", "half", "third"]
Format = Literal["number", "percent"]
MARKS: tuple[Mark, ...] = (
    "line", "area", "point", "bar", "ranking", "histogram", "boxplot", "heatmap", "funnel", "number", "table",
)  # fmt: skip
_WIDTHS: tuple[Width, ...] = ("full", "half", "third")
_FORMATS: tuple[Format, ...] = ("number", "percent")
_LATER = ("query", "description")  # what is rendered with more names than a setting has
_KEYS = {"title", "description", "owner", "tags", "meta", "period", "panels"}
_PANEL_KEYS = {"title", "text", "width", "query", "chart", "n", "period"}
_N_KEYS = {"sum", "value", "query", "of"}
_PERIOD_KEYS = {"first", "last", "query"}
_FIELD_KEYS = {"field", "title", "unit", "format"}
_BOX = ("low", "q1", "median", "q3", "high")
_NOISE_KEYS = {"count", "of", "effect", "deviation", "error", "low", "high", "p", "below", "expected"}
_NOISE_ROLES = {"share": {"of"}, "mean": {"of", "deviation"}, "error": {"error"}, "interval": {"low", "high"}}
_NOISE_FURTHER = {"share": {"effect"}, "interval": {"p"}}
# What each mark draws: the channels that it needs, and those and the settings that it may have.
_NEEDS: Mapping[Mark, tuple[str, ...]] = {
    "line": ("x", "y"),
    "area": ("x", "y"),
    "point": ("x", "y"),
    "bar": ("x", "y"),
    "ranking": ("x", "y", "noise"),
    "histogram": ("x",),
    "boxplot": ("x",),
    "heatmap": ("x", "y", "color"),
    "funnel": ("x", "y"),
    "number": ("values",),
    "table": (),
}
_MAY: Mapping[Mark, tuple[str, ...]] = {
    "line": ("color", "rule"),
    "area": ("color", "rule"),
    "point": ("color", "rule"),
    "bar": ("color", "stack", "rule"),
    "ranking": ("limit", "rule"),
    "histogram": ("y", "step", "rule"),
    "boxplot": ("y", "box"),
    "heatmap": (),
    "funnel": (),
    "number": (),
    "table": ("columns",),
}
_SEVERAL = ("values", "columns")  # channels of any number of fields; of lines and points, y is one, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query of a dashboard.

    Attributes:
        text: SQL with Jinja, after as many empty lines as stand before it in its file: its lines are the file's.
        path: the dashboard's file, relative to the project.
        place: `file:line` of it.
    """

    text: str
    path: PurePosixPath
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column of a query as a chart shows it.

    Attributes:
        name: the column.
        title: what it is, in words; the column's name with spaces where nothing is said.
        unit: of its values, as it stands on axes; empty where they have none.
        format: `percent` where the values are shares of 1, shown in %.
        place: `file:line`.
    """

    name: str
    title: str
    unit: str = ""
    format: Format = "number"
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What tells the differences of a ranking from chance; see `runner.dashboards.rankings`.

    Attributes:
        kind: `exact`: no chance is in the values; `count`: they are counts of independent things; `share`: counts of
            `of`, drawn as shares, with their design effect where there is an `effect`; `mean`: means of `of` things with their `deviation`; `error`: each has a standard
            error; `interval`: each has its 95 % interval, and a p-value where it has `p`.
        columns: by role (`of`, `effect`, `deviation`, `error`, `low`, `high`, `p`) the column that holds it.
        below: of p-values, those below are beyond chance.
        expected: of an interval, the value that chance gives.
    """

    kind: Literal["exact", "count", "share", "mean", "error", "interval"]
    columns: Mapping[str, str] = field(default_factory=dict)
    below: float = 0.01
    expected: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """How the rows of a query are shown.

    Attributes:
        channels: by name (`x`, `y`, `color`, `values`, `columns`) the fields drawn on it.
        box: of a box plot over quantiles, the column of each: low, q1, median, q3, high.
        noise: of a ranking.
        limit: of a ranking, how many are shown.
        step: of a histogram whose bins the query makes, their width.
        stack: of bars by colour, upon each other and not side by side.
        rule: a value with its words, drawn as a line.
        place: `file:line`.
    """

    mark: Mark
    channels: Mapping[str, tuple[Field, ...]]
    place: str
    box: Mapping[str, str] = field(default_factory=dict)
    noise: Noise | None = None
    limit: int = 10
    step: float | None = None
    stack: bool = True
    rule: tuple[float, str] | None = None

    def fields(self, channel: str) -> tuple[Field, ...]:
        """Returns the fields of a channel; none where it is not used."""
        return self.channels.get(channel, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """How many things a panel is drawn from.

    Attributes:
        of: what they are: `orders`.
        sum: the column whose sum it is; empty for none.
        value: the column that holds it, the same in each row; empty for none.
        query: what gives it; without any of the three it is the rows of the panel's own query.
    """

    of: str = "rows"
    sum: str = ""
    value: str = ""
    query: Query | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time that a panel tells of: from the least value of a column to the greatest of one, or what a query gives."""

    first: str = ""
    last: str = ""
    query: Query | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of a dashboard.

    Attributes:
        number: its place on the dashboard, from 1.
        text: Markdown; of a panel with a query, what stands below its title.
        n: what is counted; period: the time it is of; None where the panel has no query, or says `none`.
        place: `file:line`.
    """

    number: int
    title: str
    place: str
    text: str = ""
    width: Width = "full"
    query: Query | None = None
    chart: Chart | None = None
    n: Number | None = None
    period: Period | None = None

    @property
    def queries(self) -> tuple[Query, ...]:
        """All queries that it needs: its own first."""
        found = [self.query, self.n.query if self.n else None, self.period.query if self.period else None]
        return tuple(query for query in found if query is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page of panels.

    Attributes:
        name: its file's, without the ending.
        folders: those between `dashboards` and the file.
        owner: `name` and `email`, as far as they are said.
        meta: further values, for people and tools.
    """

    name: str
    title: str
    path: PurePosixPath
    place: str
    panels: tuple[Panel, ...]
    folders: tuple[str, ...] = ()
    description: str = ""
    owner: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


def read_dashboards(
    files: Iterable[tuple[Path, PurePosixPath, tuple[str, ...]]], *, settings: SettingsRenderer, strict: bool
) -> tuple[Dashboard, ...]:
    """Returns the dashboards of a project by its files.

    Args:
        files: each file's path, its name in messages, the folders above it.
        settings: renders the templates in titles, texts and settings.
        strict: False leaves out files without `panels`: in a project of dbt's they are another tool's.

    Raises:
        ProjectError: a file is broken, a key unknown, a name taken twice.
    """
    found: dict[str, Dashboard] = {}
    for path, name, folders in files:
        lines, document = _read(path, str(name))
        if not strict and "panels" not in document:
            continue
        if document.templated:
            document = settings.render(document, later=_LATER)
        dashboard = _dashboard(document, lines, name, folders)
        if dashboard.name in found:
            raise ProjectError(
                f'{name}: the dashboard "{dashboard.name}" exists already, in {found[dashboard.name].path}. '
                "Rename one of the two files."
            )
        found[dashboard.name] = dashboard
    return tuple(found.values())


def _read(path: Path, name: str) -> tuple[Sequence[str], Section]:
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise FormatError(f"{name}: cannot be read as text: {error}.") from error
    note_text(path, text)
    return text.splitlines(), piece(("yaml", name, text), lambda: parse_yaml(text, name))


class _Reader:
    """Reads the queries of one file.

    Args:
        lines: the file's.
        path: the file, relative to the project.
    """

    def __init__(self, lines: Sequence[str], path: PurePosixPath) -> None:
        self._lines = lines
        self._path = path

    def query(self, section: Section, what: str) -> Query:
        text = section.text("query", what)
        if not text.strip():
            raise FormatError(f"{section.place('query')}: the query of {what} is empty.")
        line = section.lines["query"]
        written = self._lines[line - 1].partition("query")[2].split("#")[0].rstrip() if line <= len(self._lines) else ""
        is_block = written.lstrip(": ").startswith(("|", ">", "&")) and not written.endswith(tuple("'\")}"))
        return Query(text="\n" * (line if is_block else line - 1) + text, path=self._path, place=section.place("query"))


def _dashboard(document: Section, lines: Sequence[str], path: PurePosixPath, folders: tuple[str, ...]) -> Dashboard:
    name = check_identifier(path.stem, place=str(path))
    if name == "index":
        raise ProjectError(f'{path}: "index" is the page that lists all dashboards. Rename the file.')
    what = "this dashboard"
    document.check_keys(_KEYS, what)
    reader = _Reader(lines, path)
    period = _period(document, what, reader)
    panels = document.sections("panels", what)
    if not panels:
        raise FormatError(
            f'{document.place("panels")}: {what} needs "panels": a list of texts, and of queries with charts.'
        )
    return Dashboard(
        name=name,
        title=document.text("title", what),
        path=path,
        place=document.place("title"),
        panels=tuple(_panel(section, number, reader, period) for number, section in enumerate(panels, 1)),
        folders=folders,
        description=document.text("description", what, "").strip(),
        owner=_owner(document, what),
        tags=document.texts("tags", what),
        meta=dict(document.section("meta", what)),
    )


def _owner(document: Section, what: str) -> dict[str, str]:
    if isinstance(document.get("owner"), str):
        return {"name": document.text("owner", what)}
    owner = document.section("owner", what)
    owner.check_keys({"name", "email"}, f"the owner of {what}")
    return {key: owner.text(key, f"the owner of {what}") for key in owner}


def _panel(section: Section, number: int, reader: _Reader, period: Period | None) -> Panel:
    title = section.text("title", f"panel {number}", "")
    what = f'panel "{title}"' if title else f"panel {number}"
    section.check_keys(_PANEL_KEYS, what)
    width = _word(section, "width", what, _WIDTHS, "full")
    text = section.text("text", what, "").strip()
    if "query" not in section:
        if not text:
            raise FormatError(f'{section.place()}: {what} needs a "text", or a "query" with a "chart".')
        for key in ("chart", "n", "period"):
            if key in section:
                raise FormatError(
                    f'{section.place(key)}: {what} has a "{key}" and no "query". Write the query that it shows.'
                )
        return Panel(number=number, title=title, place=section.place(), text=text, width=width)
    if not title:
        raise FormatError(f'{section.place()}: {what} needs a "title": what its chart shows.')
    if "chart" not in section:
        raise FormatError(
            f'{section.place("query")}: {what} has a query and no "chart". A table is one: chart: {{mark: table}}'
        )
    return Panel(
        number=number,
        title=title,
        place=section.place(),
        text=text,
        width=width,
        query=reader.query(section, what),
        chart=_chart(section, what),
        n=_number(section, what, reader),
        period=_period(section, what, reader) if "period" in section else period,
    )


def _word(section: Section, key: str, what: str, known: Sequence[Any], default: str) -> Any:
    """Returns one of the known words; raises NotFoundError for another one."""
    word = section.text(key, what, default)
    if word not in known:
        raise NotFoundError(
            f'{section.place(key)}: "{key}" of {what} is one of {", ".join(known)}, not "{word}".',
            name=word,
            known=known,
        )
    return word


def _number(section: Section, what: str, reader: _Reader) -> Number | None:
    """Returns what is counted: `n: products` counts rows; a mapping names a sum, a value or a query."""
    said = section.get("n")
    if said is None or isinstance(said, str):
        return None if said == "none" else Number(of=said or "rows", place=section.place("n"))
    inner, named = section.section("n", what), f"n of {what}"
    inner.check_keys(_N_KEYS, named)
    ways = [key for key in ("sum", "value", "query") if key in inner]
    if len(ways) != 1:
        raise FormatError(f"{inner.place()}: {named} is a sum, a value or a query: one of the three.")
    return Number(
        of=inner.text("of", named),
        sum=inner.text("sum", named, ""),
        value=inner.text("value", named, ""),
        query=reader.query(inner, named) if "query" in inner else None,
        place=section.place("n"),
    )


def _period(section: Section, what: str, reader: _Reader) -> Period | None:
    """Returns the period: `period: order_date` goes from its least value to its greatest."""
    said = section.get("period")
    if said is None or said == "none":
        return None
    if isinstance(said, str):
        return Period(first=said, last=said, place=section.place("period"))
    inner, named = section.section("period", what), f"the period of {what}"
    inner.check_keys(_PERIOD_KEYS, named)
    if ("query" in inner) == ("first" in inner):
        raise FormatError(f'{inner.place()}: {named} is a "query", or two columns: "first" and "last".')
    if "query" in inner:
        return Period(query=reader.query(inner, named), place=section.place("period"))
    return Period(first=inner.text("first", named), last=inner.text("last", named), place=section.place("period"))


def _chart(panel: Section, of: str) -> Chart:
    what = f"the chart of {of}"
    section = panel.section("chart", of)
    if isinstance(section.get("mark"), str) and section["mark"] in ("kpi", "big number"):
        raise FormatError(
            f'{section.place("mark")}: "mark" of {what} is "{section["mark"]}". Single numbers are "mark: number".'
        )
    if "mark" not in section:
        raise FormatError(f'{section.place()}: {what} needs a "mark": one of {", ".join(MARKS)}.')
    mark = cast(Mark, _word(section, "mark", what, MARKS, ""))
    channels = (*_NEEDS[mark], *_MAY[mark])
    for key in section:
        if key not in channels and key != "mark":
            hint = did_you_mean(key, channels) or f" It takes: {', '.join(channels)}."
            raise FormatError(f'{section.place(key)}: {what} has a "{key}", which a {mark} does not take.{hint}')
    for key in _NEEDS[mark]:
        if key not in section:
            further = ' What tells its order from chance; "noise: exact" where there is none.' if key == "noise" else ""
            raise FormatError(
                f'{section.place()}: {what} needs "{key}": a {mark} is drawn on {" and ".join(_NEEDS[mark])}.{further}'
            )
    drawn = {
        key: tuple(
            _fields(section, key, what, several=key in _SEVERAL or (key == "y" and mark in ("line", "area", "point")))
        )
        for key in ("x", "y", "color", "values", "columns")
        if key in section
    }
    if len(drawn.get("y", ())) > 1 and "color" in drawn:
        raise FormatError(
            f'{section.place("color")}: {what} has several columns on y, which have colours of their own. Take "color" out, or all but one.'
        )
    units = dict.fromkeys("%" if one.format == "percent" else one.unit or "none" for one in drawn.get("y", ()))
    if len(units) > 1:
        raise FormatError(
            f'{section.place("y")}: "y" of {what} mixes units: {", ".join(units)}. Draw a panel for each.'
        )
    rule = section.section("rule", what)
    rule.check_keys({"value", "title"}, f"the rule of {what}")
    return Chart(
        mark=mark,
        channels=drawn,
        place=section.place(),
        box=_box(section, what),
        noise=_noise(section, what) if "noise" in section else None,
        limit=int(_positive(section, "limit", what, 10)),
        step=_positive(section, "step", what, 0) or None,
        stack=section.get("stack", True) is not False,
        rule=(_given(rule, "value", f"the rule of {what}"), rule.text("title", f"the rule of {what}", ""))
        if rule
        else None,
    )


def _fields(section: Section, key: str, what: str, *, several: bool) -> Iterator[Field]:
    said = section[key]
    items = said if isinstance(said, list) else [said]
    if (len(items) != 1 and not several) or not items:
        raise FormatError(f'{section.place(key)}: "{key}" of {what} is one column.')
    for item in items:
        named = f'"{key}" of {what}'
        if isinstance(item, str):
            yield Field(name=item, title=item.replace("_", " "), place=section.place(key))
        elif isinstance(item, Section):
            item.check_keys(_FIELD_KEYS, named)
            name = item.text("field", named)
            yield Field(
                name=name,
                title=item.text("title", named, name.replace("_", " ")),
                unit=item.text("unit", named, ""),
                format=_word(item, "format", named, _FORMATS, "number"),
                place=item.place("field"),
            )
        else:
            raise FormatError(f'{section.place(key)}: {named} is a column\'s name, or a mapping with "field".')


def _box(section: Section, what: str) -> dict[str, str]:
    said = section.section("box", what)
    if not said:
        return {}
    said.check_keys(_BOX, f"the box of {what}")
    return {key: said.text(key, f"the box of {what}") for key in _BOX}


def _noise(section: Section, what: str) -> Noise:
    said = section["noise"]
    if said in ("exact", "count"):
        return Noise(kind=said)
    named = f"the noise of {what}"
    if not isinstance(said, Section):
        raise FormatError(
            f'{section.place("noise")}: {named} is "exact", "count", or a mapping: of, deviation and of, error, or low and high.'
        )
    said.check_keys(_NOISE_KEYS, named)
    columns = {
        key: said.text(key, named) for key in ("of", "effect", "deviation", "error", "low", "high", "p") if key in said
    }
    kinds = [kind for kind, roles in _NOISE_ROLES.items() if columns.keys() - _NOISE_FURTHER.get(kind, ()) == roles]
    if not kinds:
        raise FormatError(
            f"{section.place('noise')}: {named} names one of: of, deviation and of, error, or low and high."
        )
    return Noise(
        kind=cast(Any, kinds[0]),
        columns=columns,
        below=float(_positive(said, "below", named, 0.01)),
        expected=_given(said, "expected", named) if "expected" in said else None,
    )


def _positive(section: Section, key: str, what: str, default: float) -> float:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (value <= 0 and key in section):
        raise FormatError(f'{section.place(key)}: "{key}" of {what} is a number above 0, not {value}.')
    return value


def _given(section: Section, key: str, what: str) -> float:
    value = section.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f'{section.place(key)}: "{key}" of {what} is a number.')
    return float(value)
