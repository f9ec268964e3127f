"""Checks as nodes: generic tests of property files with dbt's names and unique ids, and singular tests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from runner.errors import FormatError
from runner.model import Config, DataTest, GenericTest, Model, Ref, SourceTable
from runner.project.configs import FolderConfigs, merge_config
from runner.project.lookup import Lookup
from runner.project.properties import folders_of

_NAME = re.compile(r"(?:(?P<package>[A-Za-z_]\w*)\.)?(?P<name>[A-Za-z_]\w*)")
_CALL = re.compile(r"""\s*(?:\{\{\s*)?(?P<what>ref|source)\((?P<words>[^()]*)\)(?:\s*\}\})?\s*""")
_WORD = re.compile(r"""(?:(?P<key>v|version)\s*=\s*)?(?:'(?P<one>[^']*)'|"(?P<two>[^"]*)"|(?P<bare>\d+))\s*(?:,|\Z)""")
_LONGEST = 63


def read_call(text: str) -> Ref | tuple[str, str] | None:
    """Returns what `ref('x')` or `source('a', 'b')` written as a text means; None for any other text."""
    match = _CALL.fullmatch(text)
    if match is None:
        return None
    words: list[str] = []
    version: str | None = None
    rest = match["words"].strip()
    while rest:
        word = _WORD.match(rest)
        if word is None:
            return None
        value = next(part for part in (word["one"], word["two"], word["bare"]) if part is not None)
        if word["key"]:
            version = value
        else:
            words.append(value)
        rest = rest[word.end() :].strip()
    if match["what"] == "source":
        return (words[0], words[1]) if len(words) == 2 else None
    if len(words) not in (1, 2):
        return None
    return Ref(name=words[-1], package=words[0] if len(words) == 2 else None, version=version)


def test_names(kind: str, table: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """Returns a generic test's short and full name, as dbt makes them.

    Args:
        kind: the test's type, with its package before it.
        table: the model's name, or `source_table`.
        arguments: all of its arguments, the column among them.
    """
    parts: list[str] = []
    for key in sorted(arguments):
        value = arguments[key]
        if isinstance(value, Mapping):
            parts += [str(one) for one in value.values()]
        else:
            parts += [str(one) for one in (value if isinstance(value, (list, tuple)) else [value])]
    stem = f"{kind}_{table}"
    full = f"{stem}_" + "__".join(re.sub("[^0-9a-zA-Z_]+", "_", part) for part in parts)
    return (full if len(full) <= _LONGEST else f"{stem[:30]}_{_md5(full)}"), full


def generic_test(
    test: GenericTest,
    node: Model | SourceTable,
    lookup: Lookup,
    configs: FolderConfigs,
    prefix: PurePosixPath | None = None,
) -> DataTest:
    """Returns a check that a property file writes at a table, as a node, be it disabled.

    Args:
        prefix: the folder of the table's package; see `runner.project.properties.folders_of`.

    Raises:
        NotFoundError: it names a table that there is not.
    """
    match = _NAME.fullmatch(test.type)
    if match is None:
        raise FormatError(f'{test.place}: "{test.type}" is no name of a check.')
    package = node.fqn[0]
    arguments = {**test.arguments, **({"column_name": test.column} if test.column is not None else {})}
    kind = f"source_{match['name']}" if isinstance(node, SourceTable) else match["name"]
    if match["package"] is not None:
        kind = f"{match['package']}_{kind}"
    refs: list[Ref] = []
    sources: list[tuple[str, str]] = []
    if isinstance(node, SourceTable):
        short, full = test_names(kind, f"{node.source}_{node.name}", arguments)
        path = node.path
        sources.append((node.source, node.name))
    else:
        version = node.version
        short, full = test_names(kind, node.name + (f"_v{version}" if version else ""), arguments)
        path = node.patch_path or node.path
        refs.append(Ref(name=node.name, version=version))
    name = test.name or full
    table = model_argument(node)
    kwargs = {**arguments, "model": table}
    metadata = {"namespace": match["package"], "name": match["name"], "kwargs": kwargs}
    parents = [node.unique_id]
    for value in arguments.values():
        called = read_call(value) if isinstance(value, str) else None
        if isinstance(called, Ref):
            refs.append(called)
            parents.append(_placed(lookup, called, package, test.place))
        elif called is not None:
            sources.append(called)
            parents.append(lookup.source(*called, package).unique_id)
    folders = folders_of(path, prefix)
    config = merge_config(configs.of("test", package, folders, name), test.config)
    own = f"{match['package']}.test_{match['name']}" if match["package"] else f"test_{match['name']}"
    return DataTest(
        unique_id=f"test.{package}.{name}.{_md5(name + repr(_hashable(metadata)))[-10:]}",
        name=name,
        alias=str(config.get("alias") or test.name or short),
        package=package,
        path=path,
        place=test.place,
        fqn=(package, *folders, name),
        raw_sql=f"{{{{ {own}(**_dbt_generic_test_kwargs) }}}}",
        config=Config(values=config),
        test=test,
        namespace=match["package"],
        model_argument=table,
        attached=node.unique_id,
        refs=tuple(refs),
        sources=tuple(sources),
        parents=tuple(dict.fromkeys(parents)),
        description=test.description,
    )


def model_argument(node: Model | SourceTable) -> str:
    """Returns the template that a generic test gets as its argument `model`."""
    if isinstance(node, SourceTable):
        written = f"source('{node.source}', '{node.name}')"
    else:
        written = f"ref('{node.name}'" + (f", version='{node.version}')" if node.version else ")")
    return f"{{{{ get_where_subquery({written}) }}}}"


def _placed(lookup: Lookup, ref: Ref, package: str, place: str) -> str:
    try:
        return lookup.ref(ref, package)
    except Exception as error:
        error.args = (f"{place}: {error}",)
        raise


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hashable(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_hashable(one) for one in value]
    return str(value)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def unique_names(tests: Sequence[DataTest]) -> dict[str, DataTest]:
    """Returns the tests by unique id.

    Raises:
        FormatError: the same check is written twice at one table.
    """
    found: dict[str, DataTest] = {}
    for test in tests:
        if test.unique_id in found:
            raise FormatError(
                f'{test.place}: the check "{test.name}" is written already, at {found[test.unique_id].place}. '
                "Take one out, or give one a name."
            )
        found[test.unique_id] = test
    return found
