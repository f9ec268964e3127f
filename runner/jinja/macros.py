"""Macros of the project and its packages: which one a name means where, and how one is called.

A name in a template is looked for in the macros of its own package, then in the project's, then among the names of
packages (`dbt_utils.star`), then in dbt's own macros, then in the context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import jinja2

from runner.errors import FormatError, NotFoundError, ProjectError
from runner.jinja.blocks import Block, find_blocks
from runner.jinja.environment import Called, Environment, Open
from runner.model import Macro

if TYPE_CHECKING:
    from runner.jinja.context import Rendering

PREFIXES = ("spark", "default")
INTERNAL = "dbt"
MACRO_KINDS = ("macro", "test", "data_test", "materialization")
_OPENING = re.compile(r"(\{%[-+]?\s*)macro(\s+)([A-Za-z_])")
_MARK = "dbt_macro__"  # Jinja gives no access to macros whose names start with an underscore
_ADAPTER = re.compile(r"""adapter\s*=\s*['"](\w+)['"]""")


def read_macros(text: str, path: PurePosixPath, package: str) -> Iterator[Macro]:
    """Yields the macros, generic tests and materializations of a file, each with its own text.

    Raises:
        FormatError: a block is broken.
    """
    for block in find_blocks(text, MACRO_KINDS, str(path)):
        name, source = _as_macro(block, path)
        yield Macro(name=name, path=path, line=block.line, source=source, package=package, kind=_kind(block))


def _kind(block: Block) -> str:
    return "test" if block.kind == "data_test" else block.kind


def _as_macro(block: Block, path: PurePosixPath) -> tuple[str, str]:
    """Returns the name by which a block is called, and its text as a macro."""
    if block.kind == "macro":
        return block.name, block.source
    if block.kind == "materialization":
        adapter = _ADAPTER.search(block.rest)
        name = f"materialization_{block.name}_{adapter[1] if adapter else 'default'}"
        parameters = "()"
    else:
        name, parameters = f"test_{block.name}", block.rest
        if not parameters.startswith("("):
            raise FormatError(
                f'{path}:{block.line}: the test "{block.name}" needs parameters: {{% test {block.name}(model, column_name) %}}.'
            )
    return name, f"{{% macro {name}{parameters} %}}{block.text}{{% endmacro %}}"


def internal_macros() -> tuple[Macro, ...]:
    """Returns dbt's own macros as this runner has them: those that work across databases, for Spark."""
    folder = Path(__file__).parent / "dbt"
    return tuple(
        macro
        for path in sorted(folder.glob("*.sql"))
        for macro in read_macros(path.read_text(encoding="utf-8"), PurePosixPath(f"dbt/{path.name}"), INTERNAL)
    )


class Macros:
    """All macros by package.

    Args:
        macros: those of the project and its packages.
        root: the project's name.
        dispatch: per namespace the packages that `adapter.dispatch` looks in, as the project file says.
        strict: names that nothing gives are refused in the project's own templates; packages are always read as dbt does.

    Attributes:
        heard: takes what templates say to people (`log(…, info=True)`, `print`, `exceptions.warn`) as they say it.
    """

    def __init__(
        self,
        macros: Sequence[Macro],
        *,
        root: str,
        dispatch: Mapping[str, Sequence[str]] | None = None,
        strict: bool = True,
    ) -> None:
        self.heard: Callable[[str], None] = lambda _: None
        self._own = Environment(strict=strict)
        self._others = Environment(strict=False)
        self.root = root
        self.packages: dict[str, dict[str, Macro]] = {root: {}}
        for macro in macros:
            self.packages.setdefault(macro.package, {})[macro.name] = macro
        self.internal = {macro.name: macro for macro in internal_macros()}
        self._dispatch = dict(dispatch or {})
        self._templates: dict[tuple[str, str], jinja2.Template] = {}
        self._replaced: dict[str, frozenset[str]] = {}
        for macro in self.packages[root].values():
            self.template(macro)  # what is broken is said at once, for the project's own

    def environment(self, package: str) -> Environment:
        """Returns the sandbox of a package's templates."""
        return self._own if package in ("", self.root) else self._others

    def find(self, name: str, package: str) -> Macro | None:
        """Returns the macro that a bare name means in a template of `package`."""
        for owner in (package, self.root):
            if (found := self.packages.get(owner, {}).get(name)) is not None:
                return found
        return self.internal.get(name)

    def find_in(self, owner: str, name: str) -> Macro | None:
        """Returns the macro of one package."""
        return self.internal.get(name) if owner == INTERNAL else self.packages.get(owner, {}).get(name)

    def is_dispatched(self, name: str) -> bool:
        """True where dbt's own macro of that name is one of those that are looked up by adapter."""
        return any(f"{prefix}__{name}" in self.internal for prefix in PREFIXES)

    def replaced(self, names: Iterable[str], package: str) -> frozenset[str]:
        """Returns those names of the context for which the package or the project has a macro."""
        if package not in self._replaced:
            own = {**self.packages.get(package, {}), **self.packages[self.root]}
            self._replaced[package] = frozenset(name for name in names if name in own)
        return self._replaced[package]

    def dispatched(self, name: str, namespace: str | None, package: str) -> Macro:
        """Returns the macro that stands for `name` on Spark.

        Args:
            name: without prefix.
            namespace: the package whose macro it is; None looks as a bare name does.
            package: where the call stands.

        Raises:
            NotFoundError: there is none.
        """
        if "." in name:
            head, _, tail = name.partition(".")
            raise ProjectError(
                f'adapter.dispatch("{name}"): write the package apart, adapter.dispatch("{tail}", "{head}").'
            )
        tried = []
        for owner in self._search_order(namespace):
            for prefix in PREFIXES:
                wanted = f"{prefix}__{name}"
                found = self.find(wanted, package) if owner is None else self.find_in(owner, wanted)
                if found is not None:
                    return found
                tried.append(wanted if owner is None else f"{owner}.{wanted}")
        known = [macro for of in (*self.packages.values(), self.internal) for macro in of]
        raise NotFoundError(
            f'adapter.dispatch("{name}"): no macro of that name for Spark; tried {", ".join(tried)}.',
            name=f"default__{name}",
            known=known,
        )

    def _search_order(self, namespace: str | None) -> Sequence[str | None]:
        if namespace is None:
            return (None,)
        if namespace in self._dispatch:
            return tuple(self._dispatch[namespace])
        return tuple(dict.fromkeys((self.root, namespace)))

    def template(self, macro: Macro) -> jinja2.Template:
        """Returns the compiled macro; see `Environment.compiled` for errors."""
        key = (macro.package, macro.name)
        if key not in self._templates:
            text = "\n" * (macro.line - 1) + _OPENING.sub(rf"\1macro\2{_MARK}\3", macro.source, count=1)
            self._templates[key] = self.environment(macro.package).compiled(text, str(macro.path))
        return self._templates[key]


class Return(Exception):
    """How `return()` leaves a macro with a value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class BoundMacro(Called):
    """A macro in one rendering: records its use, and can `return` a value that is no text."""

    def __init__(self, macro: Macro, rendering: Rendering) -> None:
        self._macro, self._rendering = macro, rendering
        self._function: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rendering = self._rendering
        if self._macro.package != INTERNAL:
            rendering.captured.macros[self._macro.unique_id] = None
        if self._function is None:
            template = rendering.macros.template(self._macro)
            module = template.make_module(rendering.names(self._macro.package), shared=True)
            self._function = getattr(module, _MARK + self._macro.name)
        try:
            return self._function(*args, **kwargs)
        except Return as returned:
            return returned.value
        except TypeError as error:
            if _MARK in str(error):
                raise TypeError(str(error).replace(_MARK, "")) from error
            raise


class PackageNames(Open):
    """A package's macros: `dbt_utils.star(...)`."""

    def __init__(self, package: str, rendering: Rendering) -> None:
        self._package, self._rendering = package, rendering

    def __getattr__(self, name: str) -> Any:
        found = self._rendering.in_package(self._package, name)
        if found is None:
            raise AttributeError(name)
        return found

    def __getitem__(self, name: str) -> Any:
        found = self._rendering.in_package(self._package, name)
        if found is None:
            macros = self._rendering.macros
            known = macros.internal if self._package == INTERNAL else macros.packages.get(self._package, {})
            raise NotFoundError(
                f'the package "{self._package}" has no macro "{name}".',
                name=name,
                known=[word.removeprefix("default__").removeprefix("spark__") for word in known],
            )
        return found


class Names(dict[str, Any]):
    """The names that a template of one package sees in one rendering; macros are bound when they are asked for."""

    def __init__(self, given: Mapping[str, Any], package: str, rendering: Rendering) -> None:
        super().__init__(given)
        self._package, self._rendering = package, rendering

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self._find(str(name)) is not None

    def __missing__(self, name: str) -> Any:
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        self[name] = found
        return found

    def _find(self, name: str) -> Any:
        rendering = self._rendering
        macros = rendering.macros
        found = macros.find(name, self._package)
        if found is not None:
            return rendering.bound(found)
        if name in macros.packages or name == INTERNAL:
            return PackageNames(name, rendering)
        if macros.is_dispatched(name):
            return rendering.dispatcher(name, INTERNAL, self._package)
        return None
