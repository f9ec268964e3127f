"""Reads a Python model's code without running it: what it refers to and which settings it gives.

A Python model is a file with `def model(session, ref, …)` (parameters are given by their names: `session`, `ref`,
`source`, `config`, `var`, `this`, `is_incremental`) or with dbt's `def model(dbt, session)`. Arguments of `ref`, `source`
and `config` are literals, so that the graph is known before anything runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.errors import FormatError
from runner.model import Ref

PARAMETERS = ("session", "ref", "source", "config", "var", "this", "is_incremental")
_CALLS = ("ref", "source", "config")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCode:
    """What a Python model's code says.

    Attributes:
        parameters: of its function `model`, in order.
        config: what calls of `config(...)` set.
        config_reads: the settings that `config.get("…")` asks for.
    """

    parameters: tuple[str, ...]
    refs: tuple[Ref, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    config_reads: tuple[str, ...] = ()

    @property
    def is_dbt_form(self) -> bool:
        """True for `def model(dbt, session)`."""
        return self.parameters[:1] == ("dbt",)


def read_python_model(code: str, file: str) -> PythonCode:
    """Reads a Python model's code.

    Raises:
        FormatError: it is no Python, has no one function `model`, a parameter that nothing gives, or an argument of
            `ref`, `source` or `config` that is no literal.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise FormatError(f"{file}:{error.lineno or 1}: this is no Python: {error.msg}.") from error
    parameters = _parameters(tree, file)
    owner = "dbt" if parameters[:1] == ("dbt",) else None
    refs: dict[Ref, None] = {}
    sources: dict[tuple[str, str], None] = {}
    config: dict[str, Any] = {}
    reads: dict[str, None] = {}
    for name, call in _calls(tree, owner):
        place = f"{file}:{call.lineno}"
        given = [_literal(argument, name, place) for argument in call.args]
        named = {word.arg: _literal(word.value, name, place) for word in call.keywords if word.arg}
        if name == "ref":
            refs[_ref(given, named, place)] = None
        elif name == "source":
            if len(given) != 2 or not all(isinstance(word, str) for word in given):
                raise FormatError(f'{place}: source is written source("source", "table").')
            sources[(given[0], given[1])] = None
        elif name == "config":
            config |= named
        elif given and isinstance(given[0], str):
            reads[given[0]] = None
    return PythonCode(
        parameters=parameters, refs=tuple(refs), sources=tuple(sources), config=config, config_reads=tuple(reads)
    )


def check_python_config(config: Mapping[str, Any], place: str) -> None:
    """Checks a Python model's settings.

    Raises:
        FormatError: it is to become something that Python gives no SQL for.
    """
    materialized = config.get("materialized")
    if materialized not in ("table", "incremental"):
        raise FormatError(
            f'{place}: a Python model becomes a table or an incremental one, not "{materialized}". '
            'Say so in it: config(materialized="table").'
        )
    if config.get("incremental_strategy") == "microbatch":
        raise FormatError(f'{place}: incremental_strategy "microbatch" is for SQL models. Choose another one.')


def _parameters(tree: ast.Module, file: str) -> tuple[str, ...]:
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "model"]
    if len(found) != 1:
        raise FormatError(
            f"{file}: a Python model has one function named model, e.g. def model(session, ref); here are {len(found)}."
        )
    names = tuple(argument.arg for argument in (*found[0].args.posonlyargs, *found[0].args.args))
    if names[:1] == ("dbt",):
        return names
    for name in names:
        if name not in PARAMETERS:
            raise FormatError(
                f'{file}:{found[0].lineno}: nothing gives the parameter "{name}". '
                f"A model's parameters are among: {', '.join(PARAMETERS)}; or dbt's own form, def model(dbt, session)."
            )
    return names


def _calls(tree: ast.Module, owner: str | None) -> Iterator[tuple[str, ast.Call]]:
    """Yields calls of ref, source and config by those names, and of `config.get` as `config.get`, by line."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        name = _dotted(call.func)
        if owner is not None:
            if not name.startswith(f"{owner}."):
                continue
            name = name.removeprefix(f"{owner}.")
        if name in _CALLS or name == "config.get":
            yield name, call


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _literal(node: ast.expr, name: str, place: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise FormatError(
            f"{place}: the arguments of {name} are written out, not computed: {ast.unparse(node)} is known only when "
            "the model runs."
        ) from error


def _ref(given: list[Any], named: dict[str, Any], place: str) -> Ref:
    version = named.get("version", named.get("v"))
    if not 1 <= len(given) <= 2 or not all(isinstance(word, str) for word in given):
        raise FormatError(f'{place}: ref is written ref("model") or ref("package", "model").')
    return Ref(
        name=given[-1],
        package=given[0] if len(given) == 2 else None,
        version=None if version is None else str(version),
    )
