"""What is fetched once: complete or not there, checked, safe between processes. Only failing fetches are tried here."""

from __future__ import annotations

import hashlib
import http.server
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.errors import MachineError
from runner.session.spark import cache_folder
from services import install
from services.install import default_cache, installed, is_installed, read_lock

LOCKS = Path(install.__file__).parent / "locks"


@pytest.fixture
def with_jars(tmp_path: Path) -> Path:
    """A cache that has all jars, but no launcher yet."""
    for name in ("hbase", "mongodb"):
        installed(default_cache(), name)
    (tmp_path / "services").mkdir()
    for name in ("hbase", "mongodb", "compiler"):
        folder = install._jars_folder(default_cache(), name)
        (tmp_path / "services" / folder.name).symlink_to(folder)
    return tmp_path


@pytest.fixture
def without_compiler(with_jars: Path) -> Path:
    """A cache that has all jars but the compiler's one."""
    install._jars_folder(with_jars, "compiler").unlink()
    return with_jars


@pytest.fixture
def wrong_mirror() -> Iterator[str]:
    """The address of a Maven mirror that gives the same few bytes for every jar, and no checksums."""

    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()
            self.wfile.write(b"wrong")

        def answer(self) -> None:
            self.send_response(200 if self.path.endswith(".jar") else 404)
            self.send_header("Content-Length", "5")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["hbase", "mongodb"])
def test_what_is_installed_is_not_fetched_again(name: str) -> None:
    first = installed(default_cache(), name)
    told: list[str] = []
    assert installed(default_cache(), name, told=told.append) == first
    assert told == []
    assert is_installed(default_cache(), name)
    assert all(jar.is_file() for jar in first.jars)
    assert (first.classes / "Lifeline.class").is_file()


def test_processes_that_install_at_once_wait_for_each_other(with_jars: Path) -> None:
    left = with_jars / "services" / "unfinished-by-a-killed-process"
    left.mkdir()
    assert not is_installed(with_jars, "mongodb")
    program = f"from pathlib import Path; from services.install import installed; installed(Path({str(with_jars)!r}), 'mongodb')"
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert is_installed(with_jars, "mongodb")
    kept = sorted(path.name.rpartition("-")[0] for path in (with_jars / "services").iterdir() if path.is_dir())
    assert kept == ["compiler-jars", "hbase-jars", "mongodb-classes", "mongodb-jars"]


def test_a_jar_that_cannot_be_fetched_is_named(without_compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MAVEN", "http://127.0.0.1:9/")
    before = sorted((without_compiler / "services").iterdir())
    with pytest.raises(MachineError) as raised:
        installed(without_compiler, "mongodb")
    folder = install._jars_folder(without_compiler, "compiler")
    assert str(raised.value) == (
        "services: ecj-3.33.0.jar could not be fetched from http://127.0.0.1:9/ (Connection refused). "
        f"Connect this machine once, name a mirror in SLUICE_MAVEN, or bring {folder} from a machine that has it."
    )
    assert sorted((without_compiler / "services").iterdir()) == sorted(
        [*before, without_compiler / "services" / "lock"]
    )


def test_a_jar_that_is_not_the_locked_one_is_refused(
    without_compiler: Path, wrong_mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_MAVEN", wrong_mirror)
    expected = read_lock(LOCKS / "compiler.lock")[0]
    with pytest.raises(MachineError) as raised:
        installed(without_compiler, "mongodb")
    assert str(raised.value) == (
        f"services: ecj-3.33.0.jar is not the file that services/locks names: its SHA-256 is "
        f"{hashlib.sha256(b'wrong').hexdigest()}, not {expected.sha256}. Do not use it; ask who runs the mirror."
    )
    assert not install._jars_folder(without_compiler, "compiler").exists()


def test_java_that_is_missing_is_said(without_compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(MachineError) as raised:
        installed(without_compiler, "mongodb")
    assert str(raised.value) == (
        "services: JAVA_HOME is /nowhere, which has no bin/java; HBase and the MongoDB emulator need it. "
        "Install Java 17 or 21 (Debian, Ubuntu: `apt-get install openjdk-17-jre-headless`; macOS: `brew install openjdk@17`)."
    )


@pytest.mark.parametrize("name", ["hbase", "mongodb", "compiler"])
def test_lock_files_name_each_jar_once_with_its_hash(name: str) -> None:
    jars = read_lock(LOCKS / f"{name}.lock")
    assert max(Counter((jar.group, jar.artifact) for jar in jars).values()) == 1
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)


def test_all_jars_of_hbase_are_of_one_version() -> None:
    jars = read_lock(LOCKS / "hbase.lock")
    assert {jar.version for jar in jars if jar.group == "org.apache.hbase"} == {"2.6.1"}


@pytest.mark.parametrize(
    "environment", [{"SLUICE_CACHE": "/a/b"}, {"XDG_CACHE_HOME": "/c"}, {}], ids=["own", "xdg", "neither"]
)
def test_the_cache_is_that_of_the_runner(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLUICE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_cache() == cache_folder()
