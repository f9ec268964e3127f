"""Published views: a folder with `view.json`, and the definitions that stood there before."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import delta
from runner.names import TableRef

VIEW = "view.json"
_KEPT = "_versions"  # a folder with the definitions that were published before
_MOST_KEPT = 50


def is_view(path: Path) -> bool:
    """True where `path` holds a published view."""
    return (path / VIEW).is_file()


def exists(path: Path) -> bool:
    """True where `path` holds a published table or view."""
    return is_view(path) or delta.is_table(path)


def read_view(path: Path) -> dict[str, Any]:
    """Returns a published view: `sql`, `inputs` (tables as `schema.name`), `metadata`, and in `elsewhere` the folders
    of inputs that are not in its own warehouse."""
    found: dict[str, Any] = json.loads((path / VIEW).read_text(encoding="utf-8"))
    return found


def inputs_of_view(view: Mapping[str, Any]) -> list[TableRef]:
    """Returns the tables that a published view reads."""
    elsewhere = view.get("elsewhere", {})
    inputs = []
    for name in view["inputs"]:
        schema, table = name.split(".", 1)
        inputs.append(TableRef(schema, table, folder=Path(elsewhere[name]) if name in elsewhere else None))
    return inputs


def view_as_named(ref: TableRef, view: Mapping[str, Any]) -> tuple[str, list[TableRef]]:
    """Returns a published view's SQL and its inputs as they are named here.

    The inputs of a view that stands in another warehouse stand there too: their schemas get the prefix that the view's
    own has here (`in_prod__marts` for `marts`).
    """
    inputs = inputs_of_view(view)
    if ref.folder is None:
        return str(view["sql"]), inputs
    prefix, warehouse = ref.schema.removesuffix(ref.folder.parent.name), ref.folder.parent.parent
    moved = {
        str(one): one if one.folder else TableRef(prefix + one.schema, one.name, folder=one.path(warehouse))
        for one in inputs
    }
    return renamed(view["sql"], {name: str(one) for name, one in moved.items()}), list(moved.values())


_SQL_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|--[^\n]*|/\*.*?\*/|`?\b[A-Za-z_]\w*`?(?:\s*\.\s*`?\w+`?)*""", re.DOTALL
)


def renamed(sql: str, names: Mapping[str, str]) -> str:
    """Returns the SQL with tables (`schema.name`) named otherwise, also before a column's name; texts and comments stay."""
    known = {old.lower(): new for old, new in names.items()}

    def one(match: re.Match[str]) -> str:
        text = match.group(0)
        words = [word.strip().strip("`") for word in text.split(".")]
        new = known.get(".".join(words[:2]).lower())
        if new is None or text[0] in "'\"-/" or len(words) < 2:
            return text
        return ".".join([*(f"`{word}`" for word in new.split(".")), *text.split(".")[2:]])

    return _SQL_TOKEN.sub(one, sql)


def publish_view(
    path: Path, *, sql: str, inputs: Sequence[TableRef], metadata: Mapping[str, Any], alone: bool = True
) -> None:
    """Makes `sql` the published view at `path`, in one step; a table that stood there before is removed.

    Args:
        alone: False leaves a table that stood there below the view, hidden, until `keep_only_view`: it may come back.
    """
    path.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = {"sql": sql, "inputs": [str(ref) for ref in inputs], "metadata": dict(metadata)}
    if elsewhere := {str(ref): str(ref.folder) for ref in inputs if ref.folder}:
        said["elsewhere"] = elsewhere
    text = json.dumps(said, indent=1, default=str)
    partial = path / f".{VIEW}.{os.getpid()}.{threading.get_ident()}"
    partial.write_text(text, encoding="utf-8")
    if is_view(path) and read_view(path)["sql"] != sql:
        _keep_view(path)
    partial.replace(path / VIEW)
    if alone:
        keep_only_view(path)


def keep_only_view(path: Path) -> None:
    """Removes what lies at a published view's path beside its definitions: a table that stood there before."""
    for other in path.iterdir():
        if other.name not in (VIEW, _KEPT):
            shutil.rmtree(other) if other.is_dir() else other.unlink()


def _keep_view(path: Path) -> None:
    """Keeps the definition that is about to be replaced, the last of them only."""
    kept = path / _KEPT
    kept.mkdir(exist_ok=True)
    numbers = sorted(int(one.stem) for one in kept.glob("*.json") if one.stem.isdigit())
    shutil.copyfile(path / VIEW, kept / f"{(numbers[-1] if numbers else -1) + 1:06d}.json")
    for number in numbers[: len(numbers) + 1 - _MOST_KEPT]:
        (kept / f"{number:06d}.json").unlink(missing_ok=True)


def view_versions(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Returns a view's definitions by number, oldest first; the last one is the published one."""
    kept = sorted((path / _KEPT).glob("*.json"))
    found = [(int(one.stem), json.loads(one.read_text(encoding="utf-8"))) for one in kept if one.stem.isdigit()]
    return [*found, ((found[-1][0] if found else -1) + 1, read_view(path))]


def withdraw_view(path: Path) -> None:
    """Removes a view's definition, after a table was published at the same path."""
    (path / VIEW).unlink(missing_ok=True)
    shutil.rmtree(path / _KEPT, ignore_errors=True)
