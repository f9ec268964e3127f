"""selectors.yml: selectors with a name, in dbt's form, one building on another.

selectors:
  - name: nightly
    description: What runs at night.
    default: true
    definition:
      union:
        - method: tag
          value: nightly
          children: true
        - intersection: ["path:models/marts", "config.materialized:table"]
        - exclude: ["tag:deprecated"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.documents import Section
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.selection.grammar import (
    INDIRECT,
    Around,
    Expression,
    Group,
    Indirect,
    Parenthesis,
    make_term,
    parse_selector,
    parse_term,
)

SELECTORS_FILE = "selectors.yml"
_SELECTOR_KEYS = {"name", "description", "default", "definition"}
_TERM_KEYS = {
    "method", "value", "parents", "children", "parents_depth", "children_depth", "childrens_parents", "indirect_selection",
    "exclude",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSelector:
    """One entry of selectors.yml."""

    name: str
    definition: Any
    place: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSelectors:
    """What selectors.yml says.

    Attributes:
        default: the name of the selector for commands that select nothing themselves, if any.
    """

    file: str = SELECTORS_FILE
    selectors: Mapping[str, NamedSelector] = field(default_factory=dict)
    default: str | None = None

    def expression(self, name: str, *, indirect: Indirect = "eager") -> Expression:
        """Returns the named selector; `indirect` is for terms that do not say it themselves.

        Raises:
            NotFoundError: there is none of that name.
            ProjectError: its definition is wrong, or it builds on itself.
        """
        return _Reader(self, indirect).named(name)


def read_selectors(document: Section, render: Callable[[str], str] = str) -> NamedSelectors:
    """Returns the selectors of a file.

    Args:
        document: the file as read.
        render: gives a text that holds Jinja as it is to be read.

    Raises:
        ProjectError: a key is unknown, a name is taken twice, two are the default.
    """
    document.check_keys({"selectors", "version"}, "this file")
    found: dict[str, NamedSelector] = {}
    defaults: list[str] = []
    for section in document.sections("selectors", "this file"):
        name = section.text("name", "a selector")
        what = f'selector "{name}"'
        section.check_keys(_SELECTOR_KEYS, what)
        if name in found:
            raise FormatError(f"{section.place('name')}: {what} is defined already, at {found[name].place}. Rename it.")
        if section.get("definition") in (None, "", [], {}):
            raise FormatError(f'{section.place("definition")}: {what} needs a "definition".')
        found[name] = NamedSelector(
            name=name,
            definition=_rendered(section["definition"], render),
            place=section.place("definition"),
            description=section.text("description", what, ""),
        )
        if str(_rendered(section.get("default", False), render)).strip().lower() == "true":
            defaults.append(name)
    if len(defaults) > 1:
        raise FormatError(
            f'{found[defaults[1]].place}: "{defaults[0]}" and "{defaults[1]}" are both the default. Keep one of them.'
        )
    result = NamedSelectors(file=document.file, selectors=found, default=defaults[0] if defaults else None)
    for name in found:
        result.expression(name)  # a definition that cannot be read is told now, whether it is used or not
    return result


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return render(value) if "{{" in value or "{%" in value else value
    if isinstance(value, list):
        return [_rendered(item, render) for item in value]
    if isinstance(value, Section):
        copy = Section(value.file, value.line)
        copy.lines = value.lines
        copy.update({key: _rendered(item, render) for key, item in value.items()})
        return copy
    return value


class _Reader:
    """Definitions to expressions."""

    def __init__(self, selectors: NamedSelectors, indirect: Indirect) -> None:
        self._known = selectors
        self._indirect = indirect
        self._open: list[str] = []

    def named(self, name: str, place: str = "") -> Expression:
        known = self._known.selectors
        if name not in known:
            where = f"{place}: " if place else ""
            raise NotFoundError(f'{where}no selector is named "{name}".', name=name, known=known)
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise ProjectError(f"{known[name].place}: selectors build on each other in a circle: {circle}.")
        self._open.append(name)
        try:
            return self.definition(known[name].definition, known[name].place)
        finally:
            self._open.pop()

    def definition(self, value: Any, place: str) -> Expression:
        if isinstance(value, str):
            return self._text(value, place)
        if not isinstance(value, Section) or not value:
            raise FormatError(
                f"{place}: a definition is a text, a mapping of method and value, or a union or an intersection."
            )
        for kind in ("union", "intersection"):
            if kind in value:
                if len(value) > 1:
                    other = next(key for key in value if key != kind)
                    raise FormatError(
                        f'{value.place(other)}: "{other}" stands beside "{kind}". Put it into a definition of its own.'
                    )
                return self._group(value, kind)
        return self._mapping(value)

    def _text(self, text: str, place: str) -> Expression:
        if not set(text) & set(" ,()\t\n"):
            if text.startswith("selector:"):
                return self.named(text.removeprefix("selector:"), place)
            return parse_term(text, indirect=self._indirect, place=place)
        try:
            return parse_selector([text], indirect=self._indirect, must_match=False)
        except ProjectError as error:
            error.args = (f"{place}: {error}",)
            raise

    def _group(self, section: Section, kind: str) -> Expression:
        parts: list[Expression] = []
        taken: Expression | None = None
        for item in section.items_of(kind, "a definition"):
            if isinstance(item, Section) and "exclude" in item and "method" not in item:
                if taken is not None:
                    raise FormatError(f'{item.place()}: a {kind} has one "exclude". Put both lists into one.')
                item.check_keys({"exclude"}, "an exclude")
                taken = self._excluded(item)
            else:
                parts.append(self.definition(item, item.place() if isinstance(item, Section) else section.place(kind)))
        if not parts:
            raise FormatError(f"{section.place(kind)}: this {kind} holds nothing.")
        group = Group(
            kind="union" if kind == "union" else "intersection", parts=tuple(parts), raw=section.place(kind), indirect="eager"
        )  # fmt: skip
        return group if taken is None else _without(group, taken, group.raw)

    def _mapping(self, section: Section) -> Expression:
        if len(section) == 1 and "method" not in section:
            ((method, value),) = section.items()
            return self._value(section, method, value, Around())
        section.check_keys(_TERM_KEYS, "a definition")
        if "value" not in section:
            raise FormatError(f'{section.place()}: a definition needs a "value" beside its "method".')
        around = Around(
            up=bool(section.get("parents")),
            up_depth=_steps(section, "parents_depth"),
            down=bool(section.get("children")),
            down_depth=_steps(section, "children_depth"),
            at=bool(section.get("childrens_parents")),
        )
        if around.at and around.down:
            raise FormatError(
                f'{section.place("children")}: "childrens_parents" takes the children already. Leave "children" out.'
            )
        chosen = self._value(section, section.text("method", "a definition"), section["value"], around)
        return _without(chosen, self._excluded(section), section.place()) if section.get("exclude") else chosen

    def _value(self, section: Section, method: str, value: Any, around: Around) -> Expression:
        place = section.place("value" if "value" in section else method)
        if isinstance(value, (Section, list)) or value is None:
            raise FormatError(f'{place}: the value of "{method}" is one word or number.')
        indirect = section.get("indirect_selection", self._indirect)
        if indirect not in INDIRECT:
            raise NotFoundError(
                f'{section.place("indirect_selection")}: indirect_selection is "{indirect}". It is one of: {", ".join(INDIRECT)}.',
                name=str(indirect),
                known=INDIRECT,
            )
        raw = f"{method}:{_word(value)}"
        if method == "selector":
            inherited = self.named(str(value), place)
            return Parenthesis(inner=inherited, raw=raw, around=around, indirect=indirect) if around else inherited
        return make_term(raw=raw, method=method, value=_word(value), around=around, indirect=indirect, place=place)

    def _excluded(self, section: Section) -> Expression:
        items = section.items_of("exclude", "a definition")
        place = section.place("exclude")
        parts = tuple(self.definition(item, item.place() if isinstance(item, Section) else place) for item in items)
        return Group(kind="union", parts=parts, raw=place, indirect="eager")


def _without(chosen: Expression, taken: Expression, raw: str) -> Group:
    return Group(kind="difference", parts=(chosen, taken), raw=raw, indirect="eager")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _steps(section: Section, key: str) -> int | None:
    value = section.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit():
        raise FormatError(f'{section.place(key)}: "{key}" is a whole number from 0.')
    return int(value)
