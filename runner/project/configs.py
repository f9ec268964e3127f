"""Settings of nodes: the trees of project files, how layers merge, which words and values are settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from runner.documents import Section
from runner.errors import FormatError, NotFoundError, ProjectError, nearest
from runner.incremental import check_incremental
from runner.model import MATERIALIZATIONS, Config
from runner.project.packages import Package

CONFIGS = {
    "materialized", "schema", "alias", "tags", "enabled", "meta", "unique_key", "incremental_strategy", "on_schema_change",
    "partition_by", "file_format", "description", "contract", "docs", "persist_docs", "full_refresh", "grants", "pre_hook",
    "post_hook", "pre-hook", "post-hook", "database", "group", "access", "merge_update_columns", "merge_exclude_columns",
    "incremental_predicates", "tblproperties", "liquid_clustered_by", "location_root", "severity", "store_failures",
    "store_failures_as", "event_time", "where", "limit", "warn_if", "error_if", "fail_calc", "quote_columns", "column_types",
    "delimiter", "strategy", "updated_at", "check_cols", "hard_deletes", "invalidate_hard_deletes", "target_schema",
    "target_database", "snapshot_meta_column_names", "dbt_valid_to_current", "begin", "batch_size", "lookback",
    "concurrent_batches", "freshness", "loaded_at_field", "loaded_at_query", "quoting", "clustered_by", "buckets", "options",
    "on_error", "on_configuration_change", "packages", "static_analysis", "query_tags", "matched_condition",
    "not_matched_condition", "not_matched_by_source_action", "not_matched_by_source_condition", "skip_matched_step",
    "skip_not_matched_step", "target_alias", "source_alias", "cluster_by", "replace_where", "sql_header", "submission_method", "create_notebook",
}  # fmt: skip
_FIXED = {"seed": "seed", "snapshot": "snapshot"}


def merge_config(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `over` on top: tags and hooks add up, meta and docs merge, everything else is replaced (dbt's rules)."""
    merged = {**base, **{_SPELLING.get(key, key): value for key, value in over.items()}}
    if "tags" in base or "tags" in over:
        merged["tags"] = tuple(dict.fromkeys([*listed(base.get("tags")), *listed(over.get("tags"))]))
    for key in ("pre_hook", "post_hook"):
        if key in merged:
            merged[key] = [*listed(base.get(key)), *listed(over.get(key, over.get(key.replace("_", "-"))))]
    if base.get("meta") and over.get("meta"):
        merged["meta"] = {**base["meta"], **over["meta"]}
    if isinstance(base.get("docs"), Mapping) and isinstance(over.get("docs"), Mapping):
        merged["docs"] = {**base["docs"], **over["docs"]}
    return merged


_SPELLING = {"pre-hook": "pre_hook", "post-hook": "post_hook"}


def listed(value: Any) -> list[Any]:
    """Returns a list: nothing is an empty one, one value is a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


class FolderConfigs:
    """The settings that project files give to folders; each folder is looked up once.

    Args:
        packages: the project itself first; its tree stands above those of the packages.
    """

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = {package.name: package for package in packages}
        self._root = packages[0].name
        self._known: dict[tuple[str, str, tuple[str, ...]], dict[str, Any]] = {}

    def of(self, kind: str, package: str, folders: tuple[str, ...], name: str) -> dict[str, Any]:
        """Returns what the trees of `kind` (`model`, `seed`, …) say of a node; of an analysis what `models:` says, too."""
        if kind == "analysis":
            return merge_config(
                self._of(kind="model", package=package, folders=folders, name=name),
                self._of(kind=kind, package=package, folders=folders, name=name),
            )
        return self._of(kind=kind, package=package, folders=folders, name=name)

    def _of(self, *, kind: str, package: str, folders: tuple[str, ...], name: str) -> dict[str, Any]:
        config = self._of_folder(kind, package, folders)
        for owner in dict.fromkeys((package, self._root)):
            tree = self._packages[owner].trees.get(kind)
            if tree is not None and name in (last := _last_level(tree, package, self._root == package, folders)):
                config = merge_config(config, _settings(last[name]))
        return config

    def _of_folder(self, kind: str, package: str, folders: tuple[str, ...]) -> dict[str, Any]:
        key = (kind, package, folders)
        if key not in self._known:
            config: dict[str, Any] = {}
            for owner in dict.fromkeys((package, self._root)):
                tree = self._packages[owner].trees.get(kind)
                if tree is not None:
                    for level in _levels(tree, package, owner == self._root == package, folders):
                        config = merge_config(config, _settings(level))
            self._known[key] = config
        return self._known[key]


def _levels(tree: Section, package: str, own: bool, folders: tuple[str, ...]) -> Iterator[Section]:
    """Yields the tree's levels above a folder; below the project's name, or, in its own tree, beside it."""
    yield tree
    level: Any = tree.get(package)
    if isinstance(level, Section):
        yield level
    elif own:
        level = tree
    for folder in folders:
        level = level.get(folder) if isinstance(level, Section) else None
        if not isinstance(level, Section):
            return
        yield level


def _last_level(tree: Section, package: str, own: bool, folders: tuple[str, ...]) -> Mapping[str, Any]:
    levels = list(_levels(tree, package, own, folders))
    depth = len(folders) + 1 + (1 if isinstance(tree.get(package), Section) else 0)
    return levels[-1] if len(levels) == depth else {}


def _settings(level: Any) -> dict[str, Any]:
    """Returns a level's settings: keys with a `+`, and plain keys whose value is no mapping."""
    if not isinstance(level, Mapping):
        return {}
    return {
        key.removeprefix("+"): value
        for key, value in level.items()
        if key.startswith("+") or not isinstance(value, Mapping)
    }


def check_config(
    config: Mapping[str, Any], place: str, *, custom: Collection[str] = (), strategies: Sequence[str] = ()
) -> None:
    """Checks a model's settings.

    Args:
        custom: the materializations that the project and its packages write in Jinja.
        strategies: the incremental strategies that they write.

    Raises:
        ProjectError: the materialization is one of those, which are not run.
        FormatError: a word that is nearly a setting's name, or settings that do not go together.
        NotFoundError: a materialization or strategy that does not exist.
    """
    for key in config:
        if key not in CONFIGS and (near := nearest(key, CONFIGS)) and abs(len(near) - len(key)) <= 2:
            raise FormatError(f'{place}: there is no setting "{key}". Did you mean "{near}"?')
    materialized = config.get("materialized", "view")
    if materialized in custom:
        raise ProjectError(
            f'{place}: materialized is "{materialized}", a materialization written in Jinja. Those are not run here: what '
            f"they write could not be checked before it is published. Choose one of: {', '.join(MATERIALIZATIONS)}. To change a "
            'table in a way of your own, write a macro get_incremental_<name>_sql and incremental_strategy="<name>".'
        )
    if materialized not in MATERIALIZATIONS:
        raise NotFoundError(
            f'{place}: materialized is "{materialized}". It is one of: {", ".join(MATERIALIZATIONS)}.',
            name=str(materialized),
            known=MATERIALIZATIONS,
        )
    check_incremental(config, place, strategies)


def with_fixed(kind: str, config: Mapping[str, Any]) -> Config:
    """Returns a node's settings; seeds and snapshots are materialized as what they are."""
    return Config(values={**config, "materialized": _FIXED[kind]} if kind in _FIXED else config)
