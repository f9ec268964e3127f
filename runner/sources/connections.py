"""The stores of a target, opened for the commands that connect: templates rendered, secrets from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.errors import FormatError, ProjectError
from runner.jinja.render import env_var
from runner.project.parse import Project
from stores.settings import Stores, read_stores


def open_stores(project: Project) -> Stores:
    """Returns how the target's stores are reached; connects to none.

    Raises:
        ProjectError: the target names no stores, or a variable of the environment is missing.
        FormatError: an unknown store or setting.
    """
    target = project.files.target
    if not target.stores:
        raise ProjectError(
            f'the target "{target.name}" names no stores. Give it "stores" in {project.files.project_file}, '
            "or name a target that has them: --target stores"
        )
    place = f"{target.place}: stores"
    return read_stores(rendered(target.stores, place), place=place)


def rendered(value: Any, place: str) -> Any:
    """Returns a setting of a target with its templates rendered; only `env_var` can be used in them."""
    if isinstance(value, Mapping):
        return {name: rendered(each, f"{place}.{name}") for name, each in value.items()}
    if not isinstance(value, str):
        return value
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    try:
        return environment.from_string(value).render(env_var=env_var)
    except TemplateError as error:
        raise FormatError(f"{place}: {error.message}. Only env_var can be used here.") from error
    except ProjectError as error:
        raise ProjectError(f"{place}: {error}") from error
