"""Suites of expectations as people write them in YAML, checked against the catalogue word by word."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from expectations.catalogue import definitions
from expectations.definition import Argument, Definition
from expectations.setting_aside import BY_ROWS, ON_FAILURE, QUARANTINE, refusal
from runner.errors import FormatError, NotFoundError, ProjectError, did_you_mean

Severity = Literal["error", "warn"]
_SEVERITIES: tuple[Severity, ...] = ("error", "warn")
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times as fast
_SUITE_KEYS = ("model", "description", "on_failure", "max_quarantine_share", "expectations")
_OWN_KEYS = (
    "expect",
    "severity",
    "where",
    "name",
    "description",
    "store_failures",
    "failing_rows",
    "on_failure",
    "keep",
)
FAILING_ROWS = 100
MAX_QUARANTINE_SHARE = 0.1
_MOST_FAILING_ROWS = 10_000
GENERIC = {
    "not_null": "expect_column_values_to_not_be_null",
    "unique": "expect_column_values_to_be_unique",
    "accepted_values": "expect_column_values_to_be_in_set",
    "relationships": "expect_column_values_to_exist_in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One thing that must be true of a table.

    Attributes:
        type: the expectation's name in the catalogue.
        arguments: as given, defaults left out.
        severity: `error` keeps the table from being published; `warn` only says so.
        where: a row condition in Spark SQL; empty for all rows.
        place: `file:line`.
        test_id: the unique id of the data test that it stands for; empty for one of a suite.
        keeps_failures: whether its failing rows are kept in a table of its own.
        on_failure: `quarantine` puts the rows that fail aside and publishes the others.
        keep: of several rows with one key the first by this order stays (Spark SQL); empty puts all of them aside.
        failing_rows: how many failing rows of a run are kept beside the model; 0 keeps none.
    """

    type: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = "error"
    where: str = ""
    name: str = ""
    description: str = ""
    place: str = ""
    test_id: str = ""
    keeps_failures: bool = False
    failing_rows: int = FAILING_ROWS
    on_failure: str = "stop"
    keep: str = ""

    @property
    def definition(self) -> Definition:
        return definitions()[self.type]

    @property
    def column(self) -> str:
        """The column it is about; empty where it is about none or several."""
        value = self.arguments.get("column", "")
        return value if isinstance(value, str) else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the model that its arguments name as such (not those inside SQL)."""
        named: list[str] = []
        for argument in self.definition.arguments:
            value = self.arguments.get(argument.name)
            if value is None:
                continue
            if argument.kind == "column":
                named.append(value)
            elif argument.kind == "columns":
                named.extend([value] if isinstance(value, str) else value)
        return tuple(named)

    @property
    def references(self) -> tuple[str, ...]:
        """The models and landed tables that its arguments name."""
        tables = (self.arguments.get(a.name) for a in self.definition.arguments if a.kind == "table")
        return tuple(dict.fromkeys(table for table in tables if table))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What must be true of one model or landed table.

    Attributes:
        model: the model's name, or `source.table`.
        path: the file it was read from; None where it was put together otherwise.
        max_quarantine_share: of its rows that may go into quarantine, 0 to 1; above it nothing is published.
    """

    model: str
    description: str = ""
    expectations: tuple[Expectation, ...] = ()
    path: Path | None = None
    max_quarantine_share: float = MAX_QUARANTINE_SHARE

    @property
    def quarantines(self) -> bool:
        """Whether rows that fail a check of it are put aside."""
        return any(one.on_failure == QUARANTINE for one in self.expectations)

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the other models and landed tables whose rows the suite needs, in the order of their first use."""
        return tuple(dict.fromkeys(name for one in self.expectations for name in one.references if name != self.model))

    def check_columns(self, columns: Collection[str]) -> None:
        """Raises NotFoundError for the first column that the suite names and `columns` lacks."""
        known = set(columns)
        for expectation in self.expectations:
            if expectation.type in ("expect_column_to_exist", "expect_table_columns_to_match_set"):
                continue  # whether the column is there is the question itself
            for column in expectation.columns:
                if column not in known and column.split(".")[0] not in known:
                    raise NotFoundError(
                        f'{expectation.place}: {self.model} has no column "{column}".', name=column, known=columns
                    )


def load_suites(folder: Path) -> tuple[Suite, ...]:
    """Reads every suite of a folder (and the folders in it), by file name.

    Raises:
        ProjectError: a suite is wrong (see `load_suite`), or two files hold a suite for one model.
    """
    suites: dict[str, Suite] = {}
    for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        suite = load_suite(path)
        if other := suites.get(suite.model):
            raise ProjectError(
                f'{path}: "{suite.model}" has a suite already, in {other.path}. Put the expectations into one file.'
            )
        suites[suite.model] = suite
    return tuple(suites.values())


def load_suite(path: Path) -> Suite:
    """Reads one suite.

    Raises:
        ProjectError: the file is no YAML, or names a key, an expectation, an argument or a severity that is not known,
            or an argument is missing or of the wrong kind; with file and line.
    """
    file = str(path)
    node = _root(path)
    entries = _entries(node, file, "a suite")
    for key in entries:
        if key not in _SUITE_KEYS:
            raise FormatError(
                f'{file}:{_line(entries[key][0])}: a suite has no key "{key}".{did_you_mean(key, _SUITE_KEYS)}'
            )
    if "model" not in entries:
        raise FormatError(f'{file}:1: the suite names no model. Add "model: <name>".')
    model = _text(entries, "model", file)
    listed = entries.get("expectations")
    items: Sequence[yaml.Node] = ()
    if listed is not None and not _is_null(listed[1]):
        if not isinstance(listed[1], yaml.SequenceNode):
            raise FormatError(f'{file}:{_line(listed[0])}: "expectations" is a list; begin each with "- expect: …".')
        items = listed[1].value
    on_failure = _text(entries, "on_failure", file)
    if on_failure and on_failure not in ON_FAILURE:
        place = f"{file}:{_line(entries['on_failure'][0])}"
        raise FormatError(f'{place}: "on_failure" is stop or quarantine, not "{on_failure}".')
    return Suite(
        model=model,
        description=_text(entries, "description", file),
        expectations=tuple(_expectation(item, file, on_failure=on_failure) for item in items),
        path=path,
        max_quarantine_share=_share(entries, "max_quarantine_share", file),
    )


def from_generic_test(
    name: str,
    arguments: Mapping[str, Any],
    *,
    column: str = "",
    severity: Severity = "error",
    place: str = "",
    where: str = "",
) -> Expectation:
    """Returns the expectation that one of dbt's generic tests stands for.

    Args:
        name: not_null, unique, accepted_values, relationships, or the name of an expectation.
        arguments: as in the property file; of `relationships`, `to` is the model's or table's bare name.
        column: the column that the test stands under; empty for a test of the model.

    Raises:
        ProjectError: the name or an argument is not known.
    """
    given = dict(arguments)
    if name not in GENERIC and name not in definitions():
        raise NotFoundError(
            f'{place}: "{name}" is no test that this project knows.', name=name, known=[*GENERIC, *definitions()]
        )
    kind = GENERIC.get(name, name)
    if name == "accepted_values":
        values = given.pop("values", None)
        if not isinstance(values, list):
            raise FormatError(f'{place}: accepted_values needs a list "values".')
        if given.pop("quote", True) is False:
            values = [float(value) if isinstance(value, str) else value for value in values]
        given["value_set"] = values
    elif name == "unique" and isinstance(given.get("columns"), list):
        kind, given = "expect_compound_columns_to_be_unique", {"column_list": given["columns"]}
    if column and definitions()[kind].argument("column") is not None:
        given.setdefault("column", column)
    expectation = Expectation(type=kind, arguments=given, severity=severity, where=where, place=place)
    _check(expectation.definition, given, {}, place, where)
    return expectation


def _expectation(node: yaml.Node, file: str, *, on_failure: str = "") -> Expectation:
    """Reads an expectation; `on_failure` is what the suite says for all that single rows fail."""
    entries = _entries(node, file, "an expectation")
    place = f"{file}:{_line(node)}"
    if "expect" not in entries:
        raise FormatError(f'{place}: this item of "expectations" names none. Begin it with "expect: <name>".')
    kind = _text(entries, "expect", file)
    if kind not in definitions():
        raise NotFoundError(
            f'{file}:{_line(entries["expect"][0])}: "{kind}" is no expectation.', name=kind, known=definitions()
        )
    severity = _text(entries, "severity", file) or "error"
    if severity not in _SEVERITIES:
        raise FormatError(
            f'{file}:{_line(entries["severity"][0])}: "{severity}" is no severity.'
            + (did_you_mean(severity, _SEVERITIES) or " It is error or warn.")
        )
    arguments = {key: _value(value, file) for key, (_, value) in entries.items() if key not in _OWN_KEYS}
    lines = {key: f"{file}:{_line(value[0])}" for key, value in entries.items()}
    where = _text(entries, "where", file)
    _check(definitions()[kind], arguments, lines, place, where)
    own = _text(entries, "on_failure", file) or (on_failure if kind in BY_ROWS else "stop") or "stop"
    keep = _text(entries, "keep", file)
    if wrong := refusal(kind, own, keep):
        raise FormatError(f"{place}: {wrong}")
    return Expectation(
        type=kind,
        arguments=arguments,
        on_failure=own,
        keep=keep,
        severity="warn" if severity == "warn" else "error",
        where=where,
        name=_text(entries, "name", file),
        description=_text(entries, "description", file),
        place=place,
        keeps_failures=_flag(entries, "store_failures", file),
        failing_rows=_count(entries, "failing_rows", file),
    )


def _check(
    definition: Definition, arguments: Mapping[str, Any], lines: Mapping[str, str], place: str, where: str
) -> None:
    """Raises ProjectError where the arguments are not what the expectation takes."""
    known = [argument.name for argument in definition.arguments]
    for key, value in arguments.items():
        argument = definition.argument(key)
        if argument is None:
            raise FormatError(
                f'{lines.get(key, place)}: {definition.type} has no argument "{key}".'
                + (did_you_mean(key, [*known, *_OWN_KEYS]) or f" It takes {', '.join(known) or 'none'}.")
            )
        if wrong := _refusal(argument, value):
            raise FormatError(f'{lines.get(key, place)}: "{key}" of {definition.type} {wrong}.')
    for argument in definition.arguments:
        if argument.required and arguments.get(argument.name) is None:
            raise FormatError(f'{place}: {definition.type} needs the argument "{argument.name}".')
    if where and not definition.filters:
        raise FormatError(
            f'{lines.get("where", place)}: {definition.type} takes no "where": it asks of the whole table.'
        )
    if definition.refuse and (wrong := definition.refuse(definition.complete(arguments))):
        raise FormatError(f"{place}: {definition.type}: {wrong}")


def _refusal(argument: Argument, value: Any) -> str:
    """Returns what is wrong with an argument's value, or an empty string."""
    if value is None:
        return "has no value" if argument.required else ""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    texts = isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    match argument.kind:
        case "boolean":
            return "" if isinstance(value, bool) else f"is true or false, not {_shown(value)}"
        case "integer":
            return "" if isinstance(value, int) and number else f"is a whole number, not {_shown(value)}"
        case "number":
            return "" if number else f"is a number, not {_shown(value)}"
        case "share":
            return "" if number and 0 <= value <= 1 else f"is a share from 0 to 1, not {_shown(value)}"
        case "bound":
            fits = number or isinstance(value, (str, datetime.date))
            return "" if fits else f"is a number or a date, not {_shown(value)}"
        case "column" | "sql" | "text" | "table":
            return "" if isinstance(value, str) and value.strip() else f"is a text, not {_shown(value)}"
        case "columns" | "sqls" | "texts":
            return "" if texts else f"is a list of texts, not {_shown(value)}"
        case "list":
            return "" if isinstance(value, list) else f"is a list, not {_shown(value)}"
        case "mapping":
            return "" if isinstance(value, dict) else f"is a mapping, not {_shown(value)}"
        case "choice":
            if isinstance(value, str) and value in argument.choices:
                return ""
            return f"is one of {', '.join(argument.choices)}, not {_shown(value)}"
        case _:
            return ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return str(value)


def _root(path: Path) -> yaml.Node:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise FormatError(f"{path}: cannot be read as text: {error}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FormatError(f"{path}:{line}: this is no YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise FormatError(f"{path}:1: this is no YAML: {error}.") from error
    if node is None:
        raise FormatError(f'{path}:1: the file is empty. A suite begins with "model: <name>".')
    return node


def _entries(node: yaml.Node, file: str, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Returns key → (key's node, value's node), refusing what is no mapping and keys that stand twice."""
    if not isinstance(node, yaml.MappingNode):
        raise FormatError(f"{file}:{_line(node)}: {what} is a mapping of keys to values.")
    entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in entries:
            raise FormatError(f'{file}:{_line(key)}: "{name}" stands twice, first in line {_line(entries[name][0])}.')
        entries[name] = (key, value)
    return entries


def _text(entries: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, file: str) -> str:
    if key not in entries or _is_null(entries[key][1]):
        return ""
    value = entries[key][1]
    if not isinstance(value, yaml.ScalarNode):
        raise FormatError(f'{file}:{_line(entries[key][0])}: "{key}" is a text.')
    return str(value.value).strip()


def _flag(entries: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, file: str) -> bool:
    if key not in entries:
        return False
    value = _value(entries[key][1], file)
    if not isinstance(value, bool):
        raise FormatError(f'{file}:{_line(entries[key][0])}: "{key}" is true or false, not {_shown(value)}.')
    return value


def _count(entries: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, file: str) -> int:
    if key not in entries:
        return FAILING_ROWS
    value = _value(entries[key][1], file)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_FAILING_ROWS:
        raise FormatError(
            f'{file}:{_line(entries[key][0])}: "{key}" is a number of rows from 0 to {_MOST_FAILING_ROWS:,}, '
            f"not {_shown(value)}."
        )
    return value


def _share(entries: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, file: str) -> float:
    if key not in entries:
        return MAX_QUARANTINE_SHARE
    value = _value(entries[key][1], file)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise FormatError(f'{file}:{_line(entries[key][0])}: "{key}" is a share from 0 to 1, not {_shown(value)}.')
    return float(value)


def _value(node: yaml.Node, file: str) -> Any:
    """Returns the plain value of a node; a key that stands twice in a mapping is refused."""
    if isinstance(node, yaml.MappingNode):
        return {key: _value(value, file) for key, (_, value) in _entries(node, file, "this").items()}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, file) for item in node.value]
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise FormatError(f"{file}:{_line(node)}: {error}.") from error
    if not isinstance(value, Hashable):
        raise FormatError(f"{file}:{_line(node)}: this value cannot be used.")
    return value


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
