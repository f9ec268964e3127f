"""Reads a project's folder: its target, its variables, its own files and those of its packages, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.documents import Section, read_yaml
from runner.errors import FormatError, NotFoundError, did_you_mean
from runner.jinja.settings import LATER, SettingsRenderer
from runner.model import Macro, UnitTest
from runner.project.dashboards import Dashboard
from runner.project.installed import package_folders
from runner.project.packages import TREES, Package, read_document, read_package

PUBLISH = ("each", "together")
CHECKS = ("auto", "spark")
_TARGET_KEYS = {
    "warehouse",
    "data",
    "threads",
    "schema",
    "master",
    "remote",
    "session",
    "checks",
    "retries",
    "retry_delay",
    "publish",
    "spark",
    "description",
    "stores",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a command works: a warehouse, a folder of input files, a Spark.

    Attributes:
        warehouse: the folder of all tables.
        data: the folder of the files that `run generate` writes and `run ingest` lands.
        schema: the schema of models that name none.
        master: where Spark runs; None for this machine.
        remote: the Spark Connect server that Spark runs on (`sc://host:port`); it may be a template with `env_var`.
        session: `warm`: a Spark of the project's own is kept between commands; `cold`: each starts its own; `auto`: warm
            where a person works at a terminal.
        checks: `auto`: what checks ask of small tables is computed in this process; `spark`: all of it by Spark.
        retries, retry_delay: how often a model is tried again after a fault of the machinery, and after what time; see
            `runner.retries`.
        publish: `each`: a model is published once it passed; `together`: all of a run at its end, or none.
        spark: further settings of Spark.
        stores: how MongoDB and HBase are reached, as written: values may be templates with `env_var`, rendered only by
            the commands that connect. Empty where the target lands files only.
        place: file and line of the target.
        profile: the profile's name in a project of dbt.
    """

    name: str
    warehouse: Path
    data: Path
    threads: int = 4
    schema: str = "main"
    master: str | None = None
    remote: str | None = None
    session: str = "auto"
    checks: str = "auto"
    retries: int = 0
    retry_delay: float | str = 5
    publish: str = "each"
    spark: Mapping[str, str] = field(default_factory=dict)
    stores: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All that a project's files say, before any template is rendered.

    Attributes:
        packages: the project's own files first, then those of the packages that it needs.
        vars: the project's variables, those of the command line on top.
        package_vars: the same for each package: its own, those that the project gives it, those of the command line.
        dispatch: per namespace the packages that `adapter.dispatch` looks in, in order.
        on_run_start, on_run_end: the statements of the project and its packages, as written, each with its package.
    """

    root: Path
    name: str
    project_file: str
    vars: Mapping[str, Any]
    target: Target
    targets: tuple[str, ...]
    packages: tuple[Package, ...]
    package_vars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dispatch: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_run_start: tuple[tuple[str, str], ...] = ()
    on_run_end: tuple[tuple[str, str], ...] = ()

    @property
    def own(self) -> Package:
        """The project itself as a package."""
        return self.packages[0]

    @property
    def macros(self) -> tuple[Macro, ...]:
        return tuple(macro for package in self.packages for macro in package.macros)

    @property
    def unit_tests(self) -> tuple[UnitTest, ...]:
        return tuple(test for package in self.packages for test in package.properties.unit_tests)

    @property
    def dashboards(self) -> Mapping[str, Dashboard]:
        """The project's dashboards by name."""
        return {dashboard.name: dashboard for dashboard in self.own.dashboards}

    @property
    def suite_paths(self) -> tuple[Path, ...]:
        return self.own.suite_paths

    @property
    def target_folder(self) -> Path:
        """Where artifacts, compiled SQL and reports are written."""
        return self.root / "target"


def read_files(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Files:
    """Reads the project in `root`.

    Args:
        root: the folder of the project file.
        target: the target's name; the project's default where None.
        variables: values from the command line; they win over the project's.

    Raises:
        ProjectError: a file is broken, a key unknown, a name taken twice, the target missing.
    """
    document = read_document(root, base=root)
    name = document.text("name", "the project")
    given = dict(variables or {})
    first = SettingsRenderer({**document.section("vars", "the project"), **given}, {"name": target})
    document = _rendered_head(document, first)
    chosen, names = _target(document, root, target, first)
    shown_target = target_values(chosen)
    folders = package_folders(root, document)
    documents = {name: (root, document)}
    for folder in folders:
        other = read_document(folder, base=root)
        documents[other.text("name", "the project")] = (folder, other)
    scoped = {
        package: _variables(package, of, document, name, documents, given) for package, (_, of) in documents.items()
    }
    packages = tuple(
        read_package(folder, of, base=root, settings=SettingsRenderer(scoped[package], shown_target))
        for package, (folder, of) in documents.items()
    )
    return Files(
        root=root,
        name=name,
        project_file=document.file,
        vars=scoped[name],
        target=chosen,
        targets=names,
        packages=packages,
        package_vars=scoped,
        dispatch=_dispatch(document),
        on_run_start=_hooks(packages, "on-run-start"),
        on_run_end=_hooks(packages, "on-run-end"),
    )


def target_values(target: Target) -> dict[str, Any]:
    """Returns what `target` shows to templates."""
    return {
        "name": target.name,
        "schema": target.schema,
        "threads": target.threads,
        "type": "spark",
        "database": None,
        "profile_name": target.profile,
        "target_name": target.name,
    }


def _rendered_head(document: Section, settings: SettingsRenderer) -> Section:
    """Renders what says where and with which packages to work; settings of nodes need the target, and come later."""
    return settings.render(document, later={*LATER, *(key for key in document if key in TREES or key == "vars")})


def _variables(
    package: str,
    own: Section,
    root: Section,
    root_name: str,
    packages: Mapping[str, object],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns a package's variables: its own file's, over them the project's, over them those of the command line."""
    values: dict[str, Any] = {}
    for document in [own] if package == root_name else [own, root]:
        declared = document.section("vars", "the project")
        values |= {key: value for key, value in declared.items() if not (key in packages and isinstance(value, dict))}
        values |= declared.section(package, "the project") if isinstance(declared.get(package), dict) else {}
    return values | dict(given)


def _dispatch(document: Section) -> dict[str, tuple[str, ...]]:
    found = {}
    for entry in document.sections("dispatch", "the project"):
        entry.check_keys({"macro_namespace", "search_order"}, "an entry of dispatch")
        found[entry.text("macro_namespace", "an entry of dispatch")] = entry.texts(
            "search_order", "an entry of dispatch"
        )
    return found


def _hooks(packages: Iterable[Package], key: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (package.name, statement) for package in packages for statement in package.document.texts(key, "the project")
    )


def _target(
    document: Section, root: Path, wanted: str | None, settings: SettingsRenderer
) -> tuple[Target, tuple[str, ...]]:
    targets = document.section("targets", "the project")
    if not targets and (root / "profiles.yml").is_file():
        return _target_of_profile(document, root, wanted, settings)
    names = tuple(targets) or ("dev",)
    name = wanted or document.text("default_target", "the project", names[0])
    _check_target(name, names, document.place("targets"))
    what = f'target "{name}"'
    section = targets.section(name, "the targets")
    section.check_keys(_TARGET_KEYS, what)
    return (
        Target(
            name=name,
            warehouse=root / section.text("warehouse", what, "warehouse"),
            data=root / section.text("data", what, "data/raw"),
            threads=_threads(section, what),
            schema=section.text("schema", what, "main"),
            master=section.get("master"),
            remote=section.get("remote"),
            session=section.text("session", what, "auto"),
            checks=_one_of(CHECKS, section, "checks", what),
            retries=section.get("retries", 0),
            retry_delay=section.get("retry_delay", 5),
            publish=_publish(document, section, what),
            spark={key: str(value) for key, value in section.section("spark", what).items()},
            stores=section.section("stores", what),
            place=section.place("stores"),
            profile=document.text("profile", "the project", ""),
        ),
        names,
    )


def _target_of_profile(
    document: Section, root: Path, wanted: str | None, settings: SettingsRenderer
) -> tuple[Target, tuple[str, ...]]:
    """Returns the target that dbt's profiles.yml names: its name, schema and threads; the rest is as by default."""
    profiles = settings.render(read_yaml(root / "profiles.yml", name="profiles.yml"))
    profile = document.text("profile", "the project", "")
    if profile not in profiles:
        raise NotFoundError(
            f'profiles.yml: no profile is named "{profile}", which {document.place("profile")} asks for.',
            name=profile,
            known=profiles,
        )
    section = profiles.section(profile, "the profiles")
    outputs = section.section("outputs", f'profile "{profile}"')
    names = tuple(outputs) or ("default",)
    name = wanted or section.text("target", f'profile "{profile}"', names[0])
    _check_target(name, names, section.place("outputs"))
    output = outputs.section(name, "the outputs")
    return (
        Target(
            name=name,
            warehouse=root / "warehouse",
            data=root / "data/raw",
            threads=_threads(output, f'output "{name}"'),
            publish=_publish(document, document, "the project"),
            schema=output.text("schema", f'output "{name}"', "main"),
            profile=profile,
        ),
        names,
    )


def _check_target(name: str, names: tuple[str, ...], place: str) -> None:
    if name not in names:
        raise NotFoundError(
            f'{place}: no target is named "{name}". Targets: {", ".join(names)}.', name=name, known=names
        )


def _publish(document: Section, section: Section, what: str) -> str:
    """Returns how a target publishes: as it says itself, else as the project does."""
    return _one_of(PUBLISH, section if "publish" in section else document, "publish", what)


def _one_of(words: tuple[str, ...], section: Section, key: str, what: str) -> str:
    """Returns one of the words, the first where none stands there."""
    word = section.text(key, what, words[0])
    if word not in words:
        raise FormatError(
            f'{section.place(key)}: "{key}" of {what} is {" or ".join(words)}, not "{word}".'
            + did_you_mean(word, words)
        )
    return word


def _threads(section: Section, what: str) -> int:
    threads = section.get("threads", 4)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise FormatError(f'{section.place("threads")}: "threads" of {what} is a whole number from 1.')
    return threads
