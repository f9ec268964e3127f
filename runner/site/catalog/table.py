"""The page of a source, model, seed or snapshot: what it is, how it stands, what is in it, where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import yaml
from deltalake.exceptions import DeltaError

from expectations.reports.document import plain
from expectations.reports.tables import DUMPER, cell
from runner import delta
from runner.compile import compile_model, compiled_path
from runner.errors import ProjectError
from runner.explain import first_words
from runner.jinja.database import NeedsSparkError
from runner.model import Column, Model, Rows, SourceTable, UnitTest
from runner.site.address import column_anchor
from runner.site.catalog.library import Library, folder_of, is_documented, kind_of
from runner.site.catalog.markup import first_sentence, rendered, rendered_line
from runner.site.catalog.stored import Figures, Stored, read_stored
from runner.site.catalog.verdicts import Check
from runner.site.catalog.views import Counted
from runner.site.facts import Standing
from runner.site.graph.columns import origins_of
from runner.site.page import Entry, Page
from runner.site.runs.drawn import over_time
from runner.state.commits import Commit
from runner.warehouse import exists, is_view

if TYPE_CHECKING:
    from markupsafe import Markup

STYLES = ("assets/catalog.css",)
SCRIPTS = ("assets/catalog.js",)
SAMPLE = 10  # rows
_LONG_TYPE = 40  # characters from which a type is folded
_FEW = 3  # columns of a check that is shown at each of them
_GRAIN = re.compile(r"\b(one row (?:per|for|a|an)\b[^.\n]*)", re.IGNORECASE)
# Settings that stand elsewhere on the page.
_TOLD = {"tags", "meta", "description", "group", "enabled", "materialized", "docs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A table in a line of the catalog.

    Attributes:
        folder: where it stands in the tree.
        rows: as its log says, or of a view as they were counted last; None where nobody knows.
        counted_at: when a view's rows were counted; None of what has a log.
        size: in bytes, as its log says; None for a view, and where nothing is stored.
        changed_at: of its newest version, or None.
    """

    node: Model | SourceTable
    kind: str
    folder: tuple[str, ...]
    detail: str
    standing: Standing
    rows: int | None
    counted_at: datetime | None
    size: int | None
    changed_at: datetime | None
    failed: int
    warned: int
    checks: int
    owner: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRow:
    """A column, or a field within one, as its table's page shows it.

    Attributes:
        depth: 0 for a column, more for what lies in it.
        outline: the type over several lines, where it is long; else empty.
        taken_from: the column whose description it is, where it has none of its own.
        nulls: the share of rows without a value, 0 to 1; None where nobody knows.
        least, greatest: the ends of its values in words.
        distinct: what is known of the number of its values, in words.
        note: why there are no figures, in words.
        remark: what is odd about it: it is not in the table, its type is not the promised one.
    """

    name: str
    depth: int
    type: str
    outline: str
    description: Markup | str
    taken_from: str
    tags: tuple[str, ...]
    rules: tuple[str, ...]
    checks: tuple[Check, ...]
    nulls: float | None
    least: str
    greatest: str
    distinct: str
    is_hidden: bool
    is_key: bool
    note: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The first rows of a table; a hidden cell is None in `shown`."""

    columns: tuple[str, ...]
    hidden: frozenset[str]
    rows: tuple[tuple[str, ...], ...]


def table_page(library: Library, node: Model | SourceTable) -> tuple[Page, Row]:
    """Returns the page of a table, and its line in the catalog."""
    facts = library.facts
    place = node.table.path(facts.project.warehouse)
    stored = read_stored(place)
    counted = library.counted(node)
    path = library.address(node)
    kind = kind_of(node)
    checks = library.checks[node.unique_id]
    columns = list(_columns(library, node, stored or counted, checks))
    rows, counted_at = (stored.rows, None) if stored else counted_rows(counted, checks if is_view(place) else ())
    standing = library.standing(node)
    sample, sample_note = _sample(library, node, stored)
    row = Row(
        node=node,
        kind=kind,
        folder=folder_of(node, facts.project.files.name),
        detail=first_sentence(node.description),
        standing=standing,
        rows=rows,
        counted_at=counted_at,
        size=stored.size if stored else None,
        changed_at=_changed_at(library, node, stored),
        failed=sum(check.status == "fail" for check in checks),
        warned=sum(check.status == "warn" for check in checks),
        checks=len(checks),
        owner=_owner(library, node).get("name", ""),
        tags=node.tags if isinstance(node, SourceTable) else node.config.tags,
    )
    code, language, compiled, note = _code(library, node, path)
    page = Page(
        path=path,
        title=node.label,
        section="catalog",
        template="catalog/table.html.jinja",
        styles=STYLES,
        scripts=SCRIPTS,
        values={
            "node": node,
            "kind": kind,
            "row": row,
            "is_view": is_view(place),
            "stored": stored,
            "counted": counted,
            "description": rendered(node.description),
            "source_description": rendered(node.source_description) if isinstance(node, SourceTable) else "",
            "grain": grain_of(node, checks),
            "owner": _owner(library, node),
            "group": next((one for one in facts.project.groups.values() if one.name == _group(node)), None),
            "why": _why(library, node, standing),
            "freshness": facts.freshness.get(node.unique_id),
            "materialized": node.config.materialized if isinstance(node, Model) else "",
            "settings": _settings(node),
            "columns": columns,
            "origins": origins_of(facts.lineage, node),
            "checks": checks,
            "unit_tests": list(_unit_tests(library, node)),
            "reads": library.marked(library.reads(node.unique_id)),
            "readers": library.marked(library.readers(node.unique_id)),
            "runs": library.runs.get(node.unique_id, ()),
            "over_time": over_time(library.facts.series.get(node.unique_id, ())),
            "sample": sample,
            "sample_note": sample_note,
            "is_documented": is_documented(node),
            "hidden_whole": library.facts.hidden.is_whole(node),
            "template": code,
            "language": language,
            "compiled": compiled,
            "compiled_note": note,
            "happened": happened,
            "neighbours": _neighbours(library, node),
            "macros": [library.macros[name] for name in getattr(node, "macros", ()) if name in library.macros],
        },
        entries=tuple(_entries(library, node, kind, path, columns, checks)) if is_documented(node) else (),
    )
    return page, row


def counted_rows(counted: Counted | None, checks: Sequence[Check]) -> tuple[int | None, datetime | None]:
    """Returns how many rows a view has and when they were counted: by what still holds, else by who counted last."""
    if counted is not None and counted.is_current:
        return counted.rows, counted.at
    known = [(one.last.at, one.last.rows) for one in checks if one.last is not None and one.last.rows is not None]
    known += [(counted.at, counted.rows)] if counted is not None else []
    at, rows = max(known, default=(None, None))
    return rows, at


def grain_of(node: Model | SourceTable, checks: Sequence[Check]) -> str:
    """Returns what one row stands for: as its description says, else by its key, else by its check of uniqueness."""
    if match := _GRAIN.search(node.description):
        return f"{match[1].strip()}."
    key = node.key if isinstance(node, SourceTable) else node.config.unique_key
    if key:
        return f"One row per {', '.join(key)}, its key."
    unique = next(
        (check for check in checks if check.short == "unique" and len(check.columns) == 1 and not check.where), None
    )
    return f"One row per {unique.columns[0]}, as a check asks." if unique else ""


def _group(node: Model | SourceTable) -> str | None:
    return node.group if isinstance(node, Model) else node.config.get("group")


def _owner(library: Library, node: Model | SourceTable) -> Mapping[str, str]:
    """Returns who owns a table: its group's owner, else what its `meta` names."""
    for group in library.facts.project.groups.values():
        if group.name == _group(node):
            return {key: str(value) for key, value in group.owner.items() if value} | {"group": group.name}
    named = node.meta.get("owner")
    if isinstance(named, Mapping):
        return {str(key): str(value) for key, value in named.items() if value}
    return {"name": str(named)} if named else {}


def _why(library: Library, node: Model | SourceTable, standing: Standing) -> list[str]:
    """Returns why a table stands as it does, a reason each."""
    facts = library.facts
    _, said = facts.last_seen.get(node.unique_id, (None, {}))
    if standing in ("failed", "skipped"):
        texts = [text for text in (str(said.get("message") or ""), str(said.get("why") or "")) if text][:1]
        kept = said.get("status") == "withheld" and exists(node.table.path(facts.project.warehouse))
        return [*texts, "It was withheld: readers keep what was published before."] if kept else texts
    if isinstance(node, SourceTable):
        if standing == "missing":
            return [f"It has not been landed. Land it: run ingest {node.label}"]
        found = facts.freshness.get(node.unique_id)
        return [found.message] if found is not None and found.message else []
    planned = facts.plan.get(node.unique_id)
    return [reason.text for reason in planned.reasons] if planned is not None and standing != "fresh" else []


def _changed_at(library: Library, node: Model | SourceTable, stored: Stored | None) -> datetime | None:
    """Returns when a table's rows changed last, or a view was published."""
    if stored:
        return next((one.commit.at for one in stored.versions if one.commit.changes_rows), None)
    planned = library.facts.plan.get(node.unique_id)
    return planned.decision.published_at if planned is not None else None


def _written_rows(test: UnitTest) -> str:
    """Returns what a unit test gives and expects, as YAML."""

    def rows(of: Rows) -> Any:
        return list(plain(list(of.mappings))) if of.format == "dict" else of.text or of.fixture

    told = {
        "given": {name: rows(of) for name, of in test.given},
        "expect": rows(test.expect) if test.text is None else test.text,
    }
    return str(
        yaml.dump(told, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    ).strip()


def _settings(node: Model | SourceTable) -> str:
    """Returns the settings that are not told elsewhere, as YAML; empty where there are none."""
    values = node.config.values if isinstance(node, Model) else node.config
    told = {
        key: plain(value) for key, value in values.items() if key not in _TOLD and value not in (None, (), [], {}, "")
    }
    meta = {key: plain(value) for key, value in node.meta.items()}
    if meta:
        told["meta"] = meta
    return str(yaml.dump(told, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=100)).strip() if told else ""


def _columns(
    library: Library, node: Model | SourceTable, held: Stored | Counted | None, checks: Sequence[Check]
) -> Iterator[ColumnRow]:
    promised = {column.name.lower(): column for column in node.columns}
    there = dict(held.columns) if held else {}
    names = list(there)
    if not held and isinstance(node, Model):
        names = list(library.facts.lineage.columns.get(node.unique_id, {}))
    seen = {name.lower() for name in names}
    names += [column.name for column in node.columns if column.name.lower() not in seen]
    for name in names:
        column = promised.get(name.lower())
        own = tuple(check for check in checks if name in check.columns and _is_close(check))
        description, taken_from = library.described(node, name)
        is_hidden = library.facts.hidden.is_hidden(node, name)
        figures = held.figures.get(name) if held else None
        kind = there.get(name) or (column.data_type if column else None) or ""
        yield _column(
            name,
            kind,
            column,
            checks=own,
            figures=figures,
            rows=held.rows if held else None,
            is_hidden=is_hidden,
            description=description,
            taken_from=taken_from,
            is_key=name in (node.key if isinstance(node, SourceTable) else node.config.unique_key),
            remark=_remark(column, there, name) if held else "",
        )
        for field, found in held.figures.items() if held else ():
            if field.startswith(f"{name}."):
                yield _column(
                    field.removeprefix(f"{name}."),
                    found.type,
                    None,
                    checks=tuple(check for check in checks if field in check.columns),
                    figures=found,
                    rows=held.rows if held else None,
                    is_hidden=is_hidden,
                    depth=1 + field.count(".") - name.count(".") - 1,
                )


def _is_close(check: Check) -> bool:
    """Whether a check stands at its columns: of one about many, only where it found something."""
    return len(check.columns) <= _FEW or check.status in ("fail", "warn")


def _remark(column: Column | None, there: Mapping[str, str], name: str) -> str:
    if name not in there:
        return "described, but not in the table"
    told = (column.data_type or "") if column else ""
    if told and _squeezed(told) != _squeezed(there[name]):
        return f"described as {told}"
    return ""


def _squeezed(kind: str) -> str:
    words = kind.lower().replace(" ", "")
    return {"integer": "int", "long": "bigint", "varchar": "string", "text": "string"}.get(words, words)


def _column(
    name: str,
    kind: str,
    column: Column | None,
    *,
    checks: tuple[Check, ...],
    figures: Figures | None,
    rows: int | None,
    is_hidden: bool,
    description: str = "",
    taken_from: str = "",
    is_key: bool = False,
    remark: str = "",
    depth: int = 0,
) -> ColumnRow:
    least, greatest = (
        ("", "") if is_hidden or figures is None else (_end(figures, figures.least), _end(figures, figures.greatest))
    )
    nulls = figures.nulls if figures else None
    return ColumnRow(
        name=name,
        depth=depth,
        type=kind,
        outline=outline(kind) if len(kind) > _LONG_TYPE else "",
        description=rendered_line(description),
        taken_from=taken_from,
        tags=column.tags if column else (),
        rules=tuple(_rule(one) for one in column.constraints) if column else (),
        checks=checks,
        nulls=nulls / rows if nulls is not None and rows else None,
        least=least,
        greatest=greatest,
        distinct=_distinct(checks, nulls, rows),
        is_hidden=is_hidden,
        is_key=is_key,
        note=figures.why_not if figures else "",
        remark=remark,
    )


def _end(figures: Figures, value: Any) -> str:
    if value is None:
        return ""
    text = cell(value)
    if figures.type.startswith("timestamp"):
        return text.removesuffix("+00:00").removesuffix(".000000")
    return f"{text}…" if figures.is_cut and isinstance(value, str) and not text.endswith("…") else text


def _rule(constraint: Mapping[str, Any]) -> str:
    """Returns a constraint in words: `not null`, `check: price > 0`."""
    name = str(constraint.get("type", "")).replace("_", " ")
    return f"{name}: {constraint['expression']}" if constraint.get("expression") else name


def _distinct(checks: Sequence[Check], nulls: int | None, rows: int | None) -> str:
    """Returns what checks that passed say of the number of values."""
    for check in checks:
        last = check.last
        if last is None or check.where or len(check.columns) != 1:
            continue
        if "distinct" in last.numbers:
            return f"{round(last.numbers['distinct']):,} distinct"
        if check.short == "unique" and last.status == "pass":
            return f"{rows - nulls:,} distinct" if rows is not None and nulls is not None else "all distinct"
    return ""


def outline(kind: str) -> str:
    """Returns a type over several lines, each field on its own."""
    text, depth = [], 0
    inside = 0  # the parentheses of decimal(12,2)
    for letter in kind:
        if letter == "<":
            depth += 1
            text.append("<\n" + "  " * depth)
        elif letter == ">":
            depth -= 1
            text.append("\n" + "  " * depth + ">")
        elif letter == "," and not inside:
            text.append(",\n" + "  " * depth)
        else:
            inside += {"(": 1, ")": -1}.get(letter, 0)
            text.append(": " if letter == ":" else letter)
    return "".join(text)


def _sample(library: Library, node: Model | SourceTable, stored: Stored | None) -> tuple[Sample | None, str]:
    """Returns the first rows of a table, read without Spark; or None, and why where that needs a word."""
    if stored is None or library.facts.hidden.is_whole(node):
        return None, ""
    if not stored.files:
        return None, "It has no rows."
    try:
        columns, rows = delta.first_rows(node.table.path(library.facts.project.warehouse), SAMPLE)
    except (DeltaError, OSError, ValueError) as error:
        return None, f"They cannot be read without Spark ({first_words(error)}): run show {node.label}"
    hidden = frozenset(name for name in columns if library.facts.hidden.is_hidden(node, name))
    sample = Sample(
        columns=tuple(columns),
        hidden=hidden,
        rows=tuple(tuple("hidden" if name in hidden else cell(row[name]) for name in columns) for row in rows),
    )
    return sample, ""


def _code(library: Library, node: Model | SourceTable, page: str) -> tuple[Markup | str, str, Markup | str, str]:
    """Returns the file as it is written, its language, what it compiles to, and a word about that."""
    if isinstance(node, SourceTable) or node.language == "csv":
        return "", "", "", ""
    if node.language == "python":
        return library.template(node.raw_sql, page, node.package, language="python", anchor="code"), "Python", "", ""
    raw = library.template(node.raw_sql.strip("\n"), page, node.package, anchor="code")
    note = ""
    try:
        sql = compile_model(library.facts.project, node).sql
        if node.config.materialized == "incremental":
            note = "As a first build or --full-refresh runs it; later runs have is_incremental() true."
    except NeedsSparkError:
        path = compiled_path(library.facts.project, node)
        if not path.is_file():
            return (
                raw,
                "SQL",
                "",
                "Its template asks the warehouse, which needs Spark: run compile writes what it becomes.",
            )
        sql, note = path.read_text(encoding="utf-8"), "As it was compiled last: its template asks the warehouse."
    except ProjectError as error:
        return raw, "SQL", "", str(error)
    return raw, "SQL", library.query(sql.strip("\n"), page, anchor="compiled"), note


def _unit_tests(library: Library, node: Model | SourceTable) -> Iterator[tuple[UnitTest, Mapping[str, Any], str]]:
    """Yields a model's unit tests, each with what its last run said of it, and its rows."""
    for test in library.facts.project.unit_tests.values():
        if isinstance(node, Model) and not test.is_of_macro and test.model in (node.label, node.name):
            _, said = library.facts.last_seen.get(test.unique_id, (None, {}))
            yield test, said, _written_rows(test)


def happened(commit: Commit) -> str:
    """Returns what a commit did, in words."""
    said = commit.said
    if said.get("kind") == "landing":
        aside = f", {said['quarantined']:,} put into quarantine" if said.get("quarantined") else ""
        return f"landed{aside}"
    if commit.is_note:
        return "checked again, no row changed" if "checked_by" in said else "a note, no row changed"
    if "restored" in said:
        return "restored"
    if commit.is_publication:
        why = said.get("why")
        return f"published: {why}" if why else "published"
    return f"{commit.operation}, by another program" + ("" if commit.changes_rows else ", no row changed")


def _neighbours(library: Library, node: Model | SourceTable) -> list[Model | SourceTable]:
    """Returns the tables of the same folder, by name."""
    return library.by_folder.get((kind_of(node), folder_of(node, library.facts.project.files.name)), [])


def _entries(
    library: Library,
    node: Model | SourceTable,
    kind: str,
    path: str,
    columns: Sequence[ColumnRow],
    checks: Sequence[Check],
) -> Iterator[Entry]:
    text = node.raw_sql if isinstance(node, Model) else node.source_description
    yield Entry(
        kind=kind, name=node.label, address=path, detail=" ".join(node.description.split()), text=" ".join(text.split())
    )
    for column in columns:
        if not column.depth:
            detail = " ".join(library.described(node, column.name)[0].split())
            yield Entry(kind="column", name=column.name, address=f"{path}#{column_anchor(column.name)}", detail=detail)
    for check in checks:
        yield Entry(kind="check", name=check.title, address=f"{path}#{check.anchor}", detail=check.description)
