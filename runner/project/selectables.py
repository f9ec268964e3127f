"""A project's nodes as selection sees them, and the selectors of its selectors.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from runner.documents import read_yaml
from runner.model import Config, DataTest, Exposure, Macro, Model, SourceTable, UnitTest
from runner.recall import note_folder
from runner.selection import NamedSelectors, Selectable, read_selectors
from runner.selection.named import SELECTORS_FILE


def selectables(
    nodes: Iterable[Model | SourceTable],
    *,
    exposures: Iterable[Exposure],
    tests: Iterable[DataTest],
    unit_tests: Iterable[UnitTest],
    models: Mapping[str, Model],
    macros: Iterable[Macro],
    suites: Mapping[str, str],
    prefixes: Mapping[str, PurePosixPath],
) -> Iterator[Selectable]:
    """Yields what selection knows of each node.

    Args:
        nodes: sources, models, seeds, snapshots, analyses.
        models: by label, which unit tests name.
        macros: every macro of the project; a node is made of the files of those it calls, too.
        suites: the file of each table's suite, by the table's label.
        prefixes: the folder of each package, relative to the project. A node's path is relative to its package, as dbt
            has it.
    """
    nodes = list(nodes)
    by_id = {node.unique_id: node for node in nodes}
    files = {macro.unique_id: str(macro.path) for macro in macros}

    def made_of(macros: Iterable[str], label: str = "") -> tuple[str, ...]:
        found = [files[name] for name in macros if name in files]
        return (*found, suites[label]) if label in suites else tuple(found)

    found = [_source(node, made_of) if isinstance(node, SourceTable) else _model(node, made_of) for node in nodes]
    found += map(_exposure, exposures)
    found += (_test(test, made_of, by_id.get(test.attached or "")) for test in tests)
    found += (_unit_test(unit, None if unit.is_of_macro else models[unit.model]) for unit in unit_tests)
    inside = {name: prefix for name, prefix in prefixes.items() if str(prefix) != "."}
    for one in found:
        yield _in_package(one, inside[one.home]) if one.home in inside else one


def _in_package(node: Selectable, prefix: PurePosixPath) -> Selectable:
    """Returns a package's node with paths as the package has them; its files stay those of the project."""
    paths = [path for path in (node.path, node.patch_path) if path is not None]
    bare = {path: path.removeprefix(f"{prefix}/") for path in paths}
    return replace(
        node,
        path=bare[node.path],
        patch_path=None if node.patch_path is None else bare[node.patch_path],
        files=(*node.files, *paths),
    )


def suite_files(root: Path, folders: Iterable[Path]) -> dict[str, str]:
    """Returns each suite's file by the label of the table that it is of."""
    folders = tuple(folders)
    for folder in folders:
        note_folder(folder)
    return {
        path.stem: path.relative_to(root).as_posix()
        for folder in folders
        for path in (*folder.glob("*.yml"), *folder.glob("*.yaml"))
        if path.is_relative_to(root)
    }


def named_selectors(root: Path, render: Callable[[str], str]) -> NamedSelectors:
    """Returns what selectors.yml says; nothing where there is none."""
    path = root / SELECTORS_FILE
    return read_selectors(read_yaml(path, name=SELECTORS_FILE), render) if path.is_file() else NamedSelectors()


def _source(node: SourceTable, made_of: Callable[..., tuple[str, ...]]) -> Selectable:
    return Selectable(
        id=node.unique_id,
        label=node.label,
        name=node.name,
        resource_type="source",
        fqn=node.fqn,
        path=str(node.path),
        files=made_of((), node.label),
        tags=node.tags,
        config={"meta": node.meta} if node.meta else {},
        package=node.fqn[0],
    )


def _model(node: Model, made_of: Callable[..., tuple[str, ...]]) -> Selectable:
    return Selectable(
        id=node.unique_id,
        label=node.label,
        name=node.name,
        resource_type=node.resource_type,
        fqn=node.fqn,
        path=str(node.path),
        patch_path=str(node.patch_path) if node.patch_path else None,
        files=made_of(node.macros, node.label),
        parents=node.parents,
        tags=node.config.tags,
        config=node.config.values,
        package=node.package,
        group=node.group,
        access=node.access if node.resource_type == "model" else None,
        version=node.version,
        latest_version=node.latest_version,
    )


def _exposure(node: Exposure) -> Selectable:
    return Selectable(
        id=node.unique_id,
        label=node.name,
        name=node.name,
        resource_type="exposure",
        fqn=node.fqn,
        path=str(node.path),
        parents=node.parents,
        tags=node.config.tags,
        config=node.config.values,
        package=node.package,
    )


def _test(test: DataTest, made_of: Callable[..., tuple[str, ...]], attached: Model | SourceTable | None) -> Selectable:
    column = test.test.column if test.test else None
    tags = [tag for one in (attached.columns if attached else ()) if one.name == column for tag in one.tags]
    tags += attached.tags if isinstance(attached, SourceTable) else ()
    return Selectable(
        id=test.unique_id,
        label=test.name,
        name=test.name,
        resource_type="test",
        fqn=test.fqn,
        path=str(test.path),
        files=made_of(test.macros),
        parents=test.parents,
        tags=tuple(dict.fromkeys((*tags, *test.config.tags))),
        config=test.config.values,
        package=test.package,
        group=test.config.values.get("group"),
        test_name=test.test.type.rsplit(".", 1)[-1] if test.test else None,
        test_type=test.kind,
    )


def _unit_test(test: UnitTest, model: Model | None) -> Selectable:
    return Selectable(
        id=test.unique_id,
        label=test.name,
        name=test.name,
        resource_type="unit_test",
        fqn=(test.package, *PurePosixPath(*test.path.parts[1:-1]).parts, test.model, test.name),
        path=str(test.path),
        parents=(model.unique_id,) if model else (),
        tags=Config(values=test.config).tags,
        config=test.config,
        package=test.package,
        test_type="unit",
    )
