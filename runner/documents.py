"""YAML files as values that know their place: every mapping keeps its file and the line of each key."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from pathlib import Path
from typing import Any

from runner.errors import FormatError, did_you_mean
from runner.recall import note_text, piece


class Section(dict[str, Any]):
    """A mapping read from YAML.

    Attributes:
        file: the file's path, as messages name it.
        line: the line on which the mapping starts, from 1.
        lines: the line of each key, from 1.
        templated: of a whole file, True where its text holds a template.
    """

    __slots__ = ("file", "line", "lines", "templated")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}
        self.templated = False

    def place(self, key: str | None = None) -> str:
        """Returns `file:line` of the key, or of the mapping itself."""
        return f"{self.file}:{self.lines.get(key, self.line) if key is not None else self.line}"

    def check_keys(self, known: Collection[str], what: str) -> None:
        """Raises FormatError for the first key that `known` lacks; `what` names the thing, e.g. 'table "mongodb.users"'."""
        for key in self:
            if key not in known:
                raise FormatError(
                    f'{self.place(key)}: {what} has an unknown key "{key}".'
                    + (did_you_mean(key, known) or f" Known keys: {', '.join(sorted(known))}.")
                )

    def text(self, key: str, what: str, default: str | None = None) -> str:
        """Returns a string value; raises FormatError where it is missing (and there is no default) or of another type."""
        value = self.get(key, default)
        if value is None:
            raise FormatError(f'{self.place()}: {what} needs a "{key}".')
        if not isinstance(value, str):
            raise FormatError(f'{self.place(key)}: "{key}" of {what} is a text, not {_kind(value)}.')
        return value

    def section(self, key: str, what: str) -> Section:
        """Returns a nested mapping, empty where the key is missing or null."""
        value = self.get(key)
        if value is None:
            return Section(self.file, self.lines.get(key, self.line))
        if not isinstance(value, Section):
            raise FormatError(f'{self.place(key)}: "{key}" of {what} is a mapping, not {_kind(value)}.')
        return value

    def sections(self, key: str, what: str) -> list[Section]:
        """Returns a list of mappings, empty where the key is missing or null."""
        items = self.items_of(key, what)
        for item in items:
            if not isinstance(item, Section):
                raise FormatError(
                    f'{self.place(key)}: "{key}" of {what} is a list of mappings; one item is {_kind(item)}.'
                )
        return items

    def items_of(self, key: str, what: str) -> list[Any]:
        """Returns a list, empty where the key is missing or null."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise FormatError(f'{self.place(key)}: "{key}" of {what} is a list, not {_kind(value)}.')
        return value

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        """Returns a list of strings; one string alone counts as a list of one."""
        value = self.get(key)
        if isinstance(value, str):
            return (value,)
        items = self.items_of(key, what)
        for item in items:
            if not isinstance(item, str):
                raise FormatError(
                    f'{self.place(key)}: "{key}" of {what} is a list of texts; one item is {_kind(item)}.'
                )
        return tuple(items)


def read_yaml(path: Path, *, name: str | None = None) -> Section:
    """Reads a YAML file whose top level is a mapping.

    Args:
        path: the file.
        name: how messages name it; the path by default.

    Raises:
        FormatError: the file is missing, is no YAML, has a key twice, or is no mapping.
    """
    file = name or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FormatError(f"{file}: there is no such file.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise FormatError(f"{file}: cannot be read as text: {error}.") from error
    note_text(path, text)
    return piece(("yaml", file, text), lambda: parse_yaml(text, file))


def parse_yaml(text: str, file: str) -> Section:
    """Parses YAML text whose top level is a mapping; see `read_yaml`."""
    import yaml  # slow to import, and needed only where something is read

    kind: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loader = kind(text)
        try:
            node = loader.get_single_node()
            value = Section(file, 1) if node is None else _value(node, loader, file)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FormatError(f"{file}:{line}: this is no YAML: {error.problem}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise FormatError(f"{file}:1: this is no YAML: {error}.") from error
    if not isinstance(value, Section):
        raise FormatError(f"{file}:1: the file is a mapping of keys, not {_kind(value)}.")
    value.templated = "{{" in text or "{%" in text
    return value


def _value(node: Any, loader: Any, file: str) -> Any:
    if node.id == "mapping":
        own = {id(key_node) for key_node, _ in node.value}
        loader.flatten_mapping(node)  # `<<: *anchor`: merged keys come first, and one's own win
        section = Section(file, node.start_mark.line + 1)
        written: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable) or isinstance(key, (list, dict)):
                raise FormatError(f"{file}:{line}: a key must be a text.")
            key = str(key) if not isinstance(key, bool) else str(key).lower()
            if key in written:
                raise FormatError(f'{file}:{line}: "{key}" stands twice, first in line {written[key]}.')
            if id(key_node) in own:
                written[key] = line
            section[key] = _value(value_node, loader, file)
            section.lines[key] = line
        return section
    if node.id == "sequence":
        return [_value(item, loader, file) for item in node.value]
    return loader.construct_object(node, deep=True)


def _kind(value: object) -> str:
    names = {
        dict: "a mapping",
        Section: "a mapping",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else f"a {type(value).__name__}")
