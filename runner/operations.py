"""Macros that are called by name, with nothing built: what dbt has as run-operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from jinja2 import nodes

from runner.compile import compile_model
from runner.errors import NotFoundError, ProjectError, did_you_mean
from runner.jinja.database import Database
from runner.model import Config, Macro, Model
from runner.names import TableRef
from runner.project.parse import Project

_PLACE = "run-operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    """What a macro takes by name.

    Attributes:
        needed: those without a default.
        more: True where it takes any other name as well.
    """

    names: tuple[str, ...]
    needed: tuple[str, ...]
    more: bool


def find_operation(project: Project, name: str) -> Macro:
    """Returns the macro of that name: `clean_up` of the project, else of a package that has it; `dbt_utils.star`.

    Raises:
        NotFoundError: there is none.
        ProjectError: several packages have it, and the project has not.
    """
    macros = project.renderer.macros
    package, _, bare = name.rpartition(".")
    known = {
        (macro.package, macro.name): macro
        for owned in macros.packages.values()
        for macro in owned.values()
        if macro.kind == "macro"
    }
    found = [macro for macro in known.values() if macro.name == bare and package in ("", macro.package)]
    own = [macro for macro in found if macro.package == macros.root]
    if len(own or found) == 1:
        return (own or found)[0]
    if found:
        words = ", ".join(f"{macro.package}.{macro.name}" for macro in found)
        raise ProjectError(f'{len(found)} packages have a macro "{name}". Name one: {words}.')
    names = [
        macro.name if macro.package == macros.root else f"{macro.package}.{macro.name}" for macro in known.values()
    ]
    raise NotFoundError(f'no macro is named "{name}".', name=name, known=[*names, *(word for _, word in known)])


def run_operation(
    project: Project,
    macro: Macro,
    arguments: Mapping[str, Any],
    *,
    database: Database,
    said: Callable[[str], None],
    printed: Callable[[str], None],
) -> None:
    """Calls a macro; its queries run as they come, and may change tables.

    Args:
        arguments: by name, as `check_arguments` takes them.
        database: answers its queries.
        said: takes what `log(…, info=True)` says, at once.
        printed: takes what `print(…)` says, at once.

    Raises:
        ProjectError: it fails; what it has done until then stays done.
    """

    def log(message: Any, info: bool = False) -> str:
        if info:
            said(str(message))
        return ""

    def show(message: Any) -> str:
        printed(str(message))
        return ""

    node = Model(
        name=macro.name, table=TableRef(project.files.target.schema, macro.name), path=PurePosixPath(_PLACE),
        fqn=(macro.package, macro.name), raw_sql=f"{{% do {macro.package}.{macro.name}(**operation_arguments) %}}",
        config=Config(values={}), package=project.files.name,
    )  # fmt: skip
    names = {"operation_arguments": dict(arguments), "log": log, "print": show}
    compile_model(project, node, database=database, names=names, flags={"WHICH": _PLACE})


def check_arguments(project: Project, macro: Macro, arguments: Mapping[str, Any]) -> None:
    """Compares names of arguments with what a macro takes.

    Raises:
        ProjectError: one is not the macro's, or one that has no default is missing.
    """
    parameters = _parameters(project, macro)
    place = f"{macro.path}:{macro.line}"
    for name in arguments:
        if name not in parameters.names and not parameters.more:
            takes = f"It takes {', '.join(parameters.names)}." if parameters.names else "It takes none."
            near = did_you_mean(name, parameters.names)
            raise ProjectError(f'{place}: the macro "{macro.name}" takes no argument "{name}".{near or " " + takes}')
    if missing := [name for name in parameters.needed if name not in arguments]:
        example = "{" + ", ".join(f"{name}: …" for name in missing) + "}"
        word = "an argument" if len(missing) == 1 else "arguments"
        raise ProjectError(
            f'{place}: the macro "{macro.name}" needs {word}: {", ".join(missing)}. Give it with --args "{example}".'
        )


def _parameters(project: Project, macro: Macro) -> _Parameters:
    environment = project.renderer.macros.environment(macro.package)
    parsed = environment.parse(macro.source).find(nodes.Macro)
    assert parsed is not None, macro.unique_id
    names = tuple(argument.name for argument in parsed.args)
    used = {name.name for name in parsed.find_all(nodes.Name)}
    return _Parameters(names=names, needed=names[: len(names) - len(parsed.defaults)], more="kwargs" in used)
