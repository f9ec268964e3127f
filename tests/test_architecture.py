"""Imports run one way: what a module may import, read from its syntax tree."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("runner", "ingest", "expectations", "simulate", "stores", "services")
# From the bottom up: a module or room of the runner imports only those that stand before it.
LAYERS = (
    "errors",
    "batches",
    "incremental",
    "names",
    "recall",
    "documents",
    "model",
    "graph",
    "delta",
    "session",
    "selection",
    "jinja",
    "project",
    "warehouse",
    "compile",
    "lineage",
    "explain",
    "sources",
    "materialize",
    "execute",
    "retries",
    "quality",
    "mentions",
    "state",
    "publishing",
    "typecheck",
    "baselines",
    "build",
    "operations",
    "unit_tests",
    "artifacts",
    "api",
    "environments",
    "samples",
    "lint",
    "dbt_project",
    "insights",
    "dashboards",
    "site",
    "cli",
)
# Likewise of the expectations.
CHECKING = (
    "words",
    "ddl",
    "at_hand",
    "causes",
    "definition",
    "past",
    "stats",
    "in_process",
    "compute",
    "checks",
    "catalogue",
    "setting_aside",
    "suite",
    "result",
    "sensitive",
    "slower",
    "gx",
    "asked",
    "plot",
    "diagnosis",
    "details",
    "validate",
    "history",
    "reports",
    "propose",
)
OPEN_TO_ALL = {"runner.errors", "runner.names", "runner.delta"}
HEAVY = {"pyspark", "great_expectations", "pymongo", "happybase", "pandas", "altair", "delta", "scipy"}
LIGHT = (
    "errors",
    "batches",
    "incremental",
    "names",
    "documents",
    "model",
    "graph",
    "selection",
    "jinja",
    "project",
    "compile",
    "execute",
)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Yields the names of modules that a file imports; with `at_import` only those that importing the file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    if at_import:
        for node in ast.walk(tree):
            lazy = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            if lazy or typing:
                skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ["ingest", "expectations", "simulate", "stores", "services"])
def test_rooms_import_neither_each_other_nor_the_runner_above_them(package: str) -> None:
    for path in modules(package):
        for name in imports(path):
            top = name.split(".")[0]
            if top == "stores" and package in ("ingest", "simulate"):
                continue  # both connect to the stores
            if top in PACKAGES and top != package:
                assert ".".join(name.split(".")[:2]) in {*OPEN_TO_ALL, "runner"}, f"{path}: {name}"
                assert name == "runner" or name.startswith(tuple(OPEN_TO_ALL)), f"{path}: {name}"


@pytest.mark.parametrize(("package", "layers"), [("runner", LAYERS), ("expectations", CHECKING)])
def test_imports_run_one_way(package: str, layers: tuple[str, ...]) -> None:
    for path in modules(package):
        own = name_of(path).split(".")[1] if "." in name_of(path) else None
        if own is None:
            continue
        assert own in layers, f"{path}: name its place"
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] != own:
                assert layers.index(parts[1]) < layers.index(own), f"{path}: {name}"


def test_nothing_imports_the_command_line() -> None:
    for package in PACKAGES:
        for path in modules(package):
            if not name_of(path).startswith("runner.cli"):
                assert not [name for name in imports(path) if name.startswith("runner.cli")], path


def test_parsing_imports_no_engine() -> None:
    for module in LIGHT:
        place = ROOT / "runner" / module
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        assert files, module
        for path in files:
            heavy = {name.split(".")[0] for name in imports(path, at_import=True)} & HEAVY
            assert not heavy, f"{path}: {heavy}"


def test_what_only_classic_spark_has_stands_in_three_modules() -> None:
    classic = {"sparkContext", "rdd", "_jvm", "_jdf", "_jsc", "_sc", "_jsparkSession", "_gateway"}
    for package in ("runner", "ingest", "expectations"):
        for path in modules(package):
            if name_of(path) in ("runner.session.jobs", "runner.session.progress", "runner.session.spark"):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    found = {node.attr, ast.unparse(node)} & classic
                    assert not found, (
                        f"{path}:{node.lineno}: {found} is not there on Spark Connect; see runner.session.jobs"
                    )


def test_no_module_is_named_like_a_drawer_or_the_standard_library() -> None:
    import sys

    drawers = {"utils", "util", "helpers", "common", "base", "manager", "handler", "misc"}
    for package in PACKAGES:
        for path in modules(package):
            stem = path.stem
            assert stem not in drawers, path
            assert stem.startswith("__") or stem not in sys.stdlib_module_names, path


def test_every_function_is_typed_and_every_module_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in modules(package):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), f"{path}: no docstring"
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    assert node.returns is not None, f"{path}:{node.lineno}: {node.name} has no return type"


def test_every_cause_is_one_of_the_table() -> None:
    from expectations.causes import BY_PHRASE

    for package in ("expectations", "runner"):
        for path in modules(package):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "cause":
                    written = {one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)}
                    unknown = {one for one in written if isinstance(one, str) and one} - set(BY_PHRASE)
                    assert not unknown, f"{path}:{node.value.lineno}: {unknown} is no cause of expectations/causes.py"


def test_the_repository_names_no_registry_and_no_path_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    hosts = re.compile(
        r"pypi\.org|pythonhosted|maven\.org|maven\.apache\.org/maven2|registry\.npmjs|crates\.io|deb\.debian"
    )
    machine = re.compile(r"/(?:home|root|Users)/\w+|/work/")
    for name in listed:
        path = ROOT / name
        if name == "tests/test_architecture.py" or not path.is_file() or path.suffix in {".png", ".jpg", ".svg"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not hosts.search(text), name
        assert not machine.search(text), name
