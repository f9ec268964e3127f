"""Where a project is: the folder of its project file."""

from __future__ import annotations

from pathlib import Path

from runner.errors import ProjectError

PROJECT_FILES = ("project.yml", "dbt_project.yml")


def find_root(start: Path) -> Path:
    """Returns the project's folder: `start` or the nearest folder above it that holds a project file.

    Raises:
        ProjectError: there is none.
    """
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    raise ProjectError(
        "no project here: neither this folder nor one above it has project.yml. Go there, or pass --project-dir."
    )
