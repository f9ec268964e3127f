"""Fetches the servers' jars once into a cache, each checked by its hash, and compiles their launchers.

Needs Java and nothing else: Ivy, which fetches, comes with pyspark, and the compiler is a jar too, so a JRE will do.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from runner.errors import MachineError
from services.locked import locked

_HERE = Path(__file__).parent
_SOURCES = {"hbase": ("Lifeline.java", "HBaseLocal.java"), "mongodb": ("Lifeline.java", "MongoLocal.java")}
_AT_ONCE = 4  # Ivy fetches one jar after the other; four of it side by side take a fourth of the time
_JAVA_LEVEL = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One jar of a Maven repository.

    Attributes:
        sha256: of the file, in hexadecimal digits.
    """

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name that the repository gives it."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A server that is ready to be started.

    Attributes:
        jars: its jars, in the order of the class path.
        classes: the folder of its launcher's classes.
    """

    jars: tuple[Path, ...]
    classes: Path

    def class_path(self, *before: Path) -> str:
        """Returns the class path, with folders of one's own before it."""
        return os.pathsep.join(str(path) for path in (*before, self.classes, *self.jars))


def default_cache() -> Path:
    """Returns the folder for what is fetched once: `$SLUICE_CACHE`, else `sluice` in the user's cache folder."""
    if own := os.environ.get("SLUICE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice"


def java() -> str:
    """Returns the path of Java: that of `$JAVA_HOME`, else the one that the shell would find.

    Raises:
        MachineError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if found is None:
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "Java is missing"
        raise MachineError(
            f"services: {where}; HBase and the MongoDB emulator need it. Install Java 17 or 21 "
            "(Debian, Ubuntu: `apt-get install openjdk-17-jre-headless`; macOS: `brew install openjdk@17`)."
        )
    return found


def version(name: str) -> str:
    """Returns the version of the server `hbase` or `mongodb` that is installed here."""
    return read_lock(_lock(name))[0].version


def is_installed(cache: Path, name: str) -> bool:
    """Tells whether the cache has all that the server `hbase` or `mongodb` needs; fetches nothing."""
    return _jars_folder(cache, name).is_dir() and _classes_folder(cache, name).is_dir()


def installed(cache: Path, name: str, *, told: Callable[[str], None] = lambda _: None) -> Installed:
    """Returns the server `hbase` or `mongodb`, fetched and compiled first where the cache lacks it.

    A folder of the cache has its name only when all in it is complete and checked, and one process fetches at a time:
    the others wait for it.

    Args:
        cache: the project's cache; what is ours is in its folder `services`.
        told: is told what is being done, in a line, where that takes seconds.

    Raises:
        MachineError: Java is missing, a jar cannot be fetched, or is not the one that the lock file names.
    """
    if not is_installed(cache, name):
        with locked(cache / "services" / "lock"):
            _remove_unfinished(cache)
            _fetch(cache, name, told)
            _fetch(cache, "compiler", told)
            _compile(cache, name)
    return _installed(cache, name)


def _installed(cache: Path, name: str) -> Installed:
    folder = _jars_folder(cache, name)
    return Installed(
        jars=tuple(folder / jar.file_name for jar in read_lock(_lock(name))), classes=_classes_folder(cache, name)
    )


def read_lock(file: Path) -> list[Jar]:
    """Returns the jars that a lock file lists, a line each: `group:artifact:version sha256`."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    jars = []
    for line in lines:
        place, sha256 = line.split(" ")
        group, artifact, version = place.split(":")
        jars.append(Jar(group=group, artifact=artifact, version=version, sha256=sha256))
    return jars


def _lock(name: str) -> Path:
    return _HERE / "locks" / f"{name}.lock"


def _jars_folder(cache: Path, name: str) -> Path:
    return cache / "services" / f"{name}-jars-{_digest([_lock(name)])}"


def _classes_folder(cache: Path, name: str) -> Path:
    return cache / "services" / f"{name}-classes-{_digest([_lock(name), _lock('compiler'), *_sources(name)])}"


def _sources(name: str) -> list[Path]:
    return [_HERE / "java" / source for source in _SOURCES[name]]


def _digest(files: Iterable[Path]) -> str:
    """Returns ten digits that change when a file's contents do, so that a newer project finds no older installation."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()[:10]


def _remove_unfinished(cache: Path) -> None:
    """Removes what a killed process left; to be called by the holder of the lock."""
    for folder in (cache / "services").glob("unfinished-*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _appearing_whole(folder: Path) -> Iterator[Path]:
    """Gives a folder to fill, which takes its name when it is filled, and is removed if that fails."""
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        yield unfinished
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fetch(cache: Path, name: str, told: Callable[[str], None]) -> None:
    folder = _jars_folder(cache, name)
    if folder.is_dir():
        return
    jars = read_lock(_lock(name))
    told(f"fetching {len(jars)} jar{'s' if len(jars) > 1 else ''} of {name} from Maven Central")
    with (
        _appearing_whole(folder) as unfinished,
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-") as ivy,
    ):
        said = _run_ivy(jars, unfinished, Path(ivy))
        for jar in jars:
            _check(jar, unfinished / jar.file_name, said, folder)


def _run_ivy(jars: list[Jar], folder: Path, work: Path) -> str:
    """Fetches jars into a folder; returns what Ivy said. Proxies given to Java (JAVA_TOOL_OPTIONS) are obeyed."""
    settings = work / "settings.xml"
    mirror = os.environ.get("SLUICE_MAVEN")
    root = f" root={quoteattr(mirror)}" if mirror else ""
    settings.write_text(
        '<ivysettings><settings defaultResolver="repository"/><resolvers>'
        f'<ibiblio name="repository" m2compatible="true" usepoms="false"{root}/></resolvers></ivysettings>'
    )
    runs = []
    for number in range(min(_AT_ONCE, len(jars))):
        module = work / f"ivy-{number}.xml"
        module.write_text(_ivy_module(jars[number::_AT_ONCE]))
        command = [java(), "-Xmx256m", "-cp", _ivy_class_path(), "org.apache.ivy.Main", "-warn"]
        command += ["-settings", str(settings), "-ivy", str(module), "-cache", str(work / f"cache-{number}")]
        command += ["-retrieve", f"{folder}/[artifact]-[revision].[ext]"]
        runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return "\n".join(run.communicate()[0] for run in runs)


def _ivy_module(jars: Iterable[Jar]) -> str:
    """Returns a module that depends on exactly these jars and on nothing that they depend on."""
    lines = "".join(
        f'<dependency org="{jar.group}" name="{jar.artifact}" rev="{jar.version}" transitive="false"/>' for jar in jars
    )
    return (
        '<ivy-module version="2.0"><info organisation="sluice" module="services"/>'
        f'<configurations defaultconfmapping="default-&gt;default"><conf name="default"/></configurations>'
        f"<dependencies>{lines}</dependencies></ivy-module>"
    )


def _ivy_class_path() -> str:
    """Returns the class path of the Ivy that pyspark ships; does not import pyspark, which takes half a second."""
    spec = find_spec("pyspark")
    folder = Path(next(iter(spec.submodule_search_locations or [""]))) / "jars" if spec else Path()
    found = [*folder.glob("ivy-*.jar"), *folder.glob("commons-cli-*.jar")]
    if len(found) < 2:
        raise MachineError(
            "services: pyspark's Ivy, which fetches the servers, is missing. Install the project: make .venv/ready"
        )
    return os.pathsep.join(map(str, found))


def _check(jar: Jar, file: Path, said: str, folder: Path) -> None:
    if not file.exists():
        where = os.environ.get("SLUICE_MAVEN", "Maven Central")
        raise MachineError(
            f"services: {jar.file_name} could not be fetched from {where} ({_reason(said)}). "
            f"Connect this machine once, name a mirror in SLUICE_MAVEN, or bring {folder} from a machine that has it."
        )
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise MachineError(
            f"services: {jar.file_name} is not the file that {_HERE.name}/locks names: its SHA-256 is {found}, not {jar.sha256}. "
            "Do not use it; ask who runs the mirror."
        )


def _reason(said: str) -> str:
    """Returns what Ivy says of the first jar that it could not fetch."""
    for pattern in (
        r"Server access error .*\((?:[\w.]+: )?(.*)\)",
        r"(invalid \w+: .*)",
        r"((?:[\w.]+)(?:Exception|Error): .*)",
    ):
        if found := re.search(pattern, said):
            return found[1].strip()
    return "it is not there" if "module not found" in said else "no reason given"


def _compile(cache: Path, name: str) -> None:
    folder = _classes_folder(cache, name)
    if folder.is_dir():
        return
    compiler = _jars_folder(cache, "compiler") / read_lock(_lock("compiler"))[0].file_name
    with _appearing_whole(folder) as unfinished:
        command = [java(), "-jar", str(compiler), f"-{_JAVA_LEVEL}", "-nowarn", "-d", str(unfinished)]
        command += ["-cp", os.pathsep.join(map(str, _installed(cache, name).jars)), *map(str, _sources(name))]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise MachineError(
                f"services: the launcher of {name} does not compile with {java()}:\n{run.stderr.strip()}"
            )
