"""The rules: what a model's file and its properties should keep to. Each yields what breaks it.

unread-cte       a CTE that nothing reads
table-by-hand    a table named without ref() or source(): no edge in the graph, and another target would read this one's
star             `select *` of a table or a join that is no import: a new column upstream changes this model
group-number     `group by 1`: a reordered select list groups by something else
source-in-mart   a mart that reads a landed table and not its staging model
no-description   a model without a description
no-key           a table without a check that says what its rows are one of
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runner.errors import did_you_mean
from runner.lint.mask import Masked
from runner.lint.sql import Place, Query
from runner.model import Model

KEY_TESTS = ("unique", "unique_combination", "compound_columns_to_be_unique", "to_be_unique")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A change of a file: the text from `start` to `end` is replaced."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that a rule does not like.

    Attributes:
        path: the file, relative to the project.
        edit: how it is mended without a person; None where one must look.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str
    edit: Edit | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A model and what is known of it.

    Attributes:
        query: its SQL; None where Jinja makes it unreadable, or it is no SQL.
        tables: how every known table is named in SQL → what a template calls it, `ref("clv")`.
        is_keyed: a check says what its rows are one of.
    """

    model: Model
    masked: Masked
    query: Query | None
    tables: Mapping[str, str]
    is_keyed: bool

    def found(self, rule: str, place: Place, message: str, edit: Edit | None = None) -> Finding:
        """Returns a finding in the model's file."""
        return Finding(str(self.model.path), place.line, place.column, rule, message, edit)


Rule = Callable[[Page], Iterator[Finding]]
_TOP = Place(1, 1, 0)


def unread_cte(page: Page) -> Iterator[Finding]:
    for cte in page.query.ctes if page.query else ():
        words = re.findall(rf"\b{re.escape(cte.name)}\b", page.model.raw_sql, re.IGNORECASE)
        if page.query and cte.name.lower() not in page.query.used and len(words) == 1:  # not in an `else` either
            yield page.found("unread-cte", cte.place, f'nothing reads "{cte.name}". Remove it.')


def table_by_hand(page: Page) -> Iterator[Finding]:
    if page.query is None:
        return
    own = {cte.name.lower() for cte in page.query.ctes}
    for table in page.query.tables:
        if (
            table.name in page.masked.refs
            or table.name.startswith("_x")
            or (not table.schema and table.name.lower() in own)
        ):
            continue
        written = f"{table.schema}.{table.name}" if table.schema else table.name
        known = page.tables.get(written.lower())
        if known is None:
            names = {key.rsplit(".", 1)[-1]: call for key, call in page.tables.items()}
            hint = did_you_mean(written if table.schema else table.name, [*page.tables, *names])
            yield page.found(
                "table-by-hand", table.place, f'"{written}" is named by hand. Read it by ref() or source().{hint}'
            )
            continue
        edit = Edit(table.place.offset, table.place.offset + table.length, f"{{{{ {known} }}}}")
        yield page.found("table-by-hand", table.place, f'"{written}" is named by hand. Write {{{{ {known} }}}}.', edit)


def star(page: Page) -> Iterator[Finding]:
    own = {cte.name.lower() for cte in page.query.ctes} if page.query else set()
    for one in page.query.stars if page.query else ():
        is_import = bool(one.cte) and one.is_alone and len(one.of) == 1 and _is_jinja(one.of[0], page)
        is_known = len(one.of) == 1 and _names_its_columns(one.of[0], own, page)
        if is_import or is_known or _is_staging(page.model):
            continue
        of = " and ".join(name for name in one.of if name and not _is_jinja(name, page)) or "a table"
        yield page.found("star", one.place, f"all columns of {of} are taken, new ones too. Name those that are meant.")


def group_number(page: Page) -> Iterator[Finding]:
    for place in page.query.numbered if page.query else ():
        yield page.found("group-number", place, "grouped by a number. Name the column.")


def source_in_mart(page: Page) -> Iterator[Finding]:
    if "marts" not in page.model.fqn:
        return
    for source, table in page.model.sources:
        yield page.found(
            "source-in-mart", _TOP, f'a mart reads the landed table "{source}.{table}". Read its staging model.'
        )


def no_description(page: Page) -> Iterator[Finding]:
    if not page.model.description.strip():
        where = page.model.patch_path or "a property file"
        yield page.found("no-description", _TOP, f'"{page.model.name}" has no description. Give it one in {where}.')


def no_key(page: Page) -> Iterator[Finding]:
    if page.model.config.materialized in ("table", "incremental") and not page.is_keyed:
        yield page.found(
            "no-key",
            _TOP,
            f'no check of "{page.model.name}" says what its rows are one of. Add a unique test to its key.',
        )


def _names_its_columns(table: str, ctes: set[str], page: Page) -> bool:
    """True for what this file gives its columns: a CTE, a subquery, an expression that chooses between CTEs."""
    return not table or table.lower() in ctes or (table not in page.masked.refs and _is_jinja(table, page))


def _is_jinja(name: str, page: Page) -> bool:
    return name in page.masked.refs or re.fullmatch(r"_x\d+", name) is not None


def _is_staging(model: Model) -> bool:
    return "staging" in model.fqn


RULES: Mapping[str, Rule] = {
    "unread-cte": unread_cte,
    "table-by-hand": table_by_hand,
    "star": star,
    "group-number": group_number,
    "source-in-mart": source_in_mart,
    "no-description": no_description,
    "no-key": no_key,
}
