"""What the demo says at its end. The demo itself runs in tests/shop."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runner.cli.demo import activation


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python environment with `run` and `activate` in the folder that is the present one."""
    folder = tmp_path / ".venv/bin"
    folder.mkdir(parents=True)
    for name in ("python", "run", "activate"):
        (folder / name).write_text("")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_way_to_the_command_is_said_where_the_path_does_not_name_it(environment: Path) -> None:
    assert activation() == ". .venv/bin/activate     "


def test_from_another_folder_the_way_is_a_whole_one(
    environment: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert activation() == f". {environment}/activate     "


def test_another_command_of_that_name_is_not_this_one(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (environment / "run").rename(tmp_path / "bin/run")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert activation() == ". .venv/bin/activate     "


def test_nothing_is_said_where_it_is_found_or_there_is_nothing_to_activate(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{environment}{os.pathsep}/usr/bin")
    assert activation() == ""
    monkeypatch.setenv("PATH", "/nowhere")
    (environment / "activate").unlink()
    assert activation() == ""
