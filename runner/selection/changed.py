"""What git says has changed in a project's folder."""

from __future__ import annotations

from pathlib import Path

from runner.errors import ProjectError


def changed_files(root: Path, revision: str = "") -> set[str]:
    """Returns the files below `root` that differ from a revision, with those that git does not know yet.

    Args:
        root: the project's folder.
        revision: a branch, tag or commit; what counts is where this work left it. Empty: the last commit.

    Returns:
        Paths relative to `root`, deleted files included.

    Raises:
        ProjectError: there is no git repository, or no such revision.
    """
    if revision.startswith("-"):
        raise ProjectError(f'changed:{revision}: git knows no revision "{revision}".')
    if not revision:
        start = "HEAD" if _git(root, "rev-parse", "--verify", "-q", "HEAD") else ""
    else:
        if _git(root, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}") is None:
            raise ProjectError(f'changed:{revision}: git knows no revision "{revision}". Name a branch, tag or commit.')
        start = (_git(root, "merge-base", revision, "HEAD") or revision).strip()
    found = _git(root, "diff", "--name-only", "--relative", "-z", start, "--") if start else ""
    unknown = _git(root, "ls-files", "--others", "--exclude-standard", "-z", *([] if start else ["--cached"]))
    if found is None or unknown is None:
        raise ProjectError(f"changed: {root.name} is in no git repository. Use state:modified with --state instead.")
    return {path for path in (found + unknown).split("\0") if path}


def _git(root: Path, *arguments: str) -> str | None:
    """Returns what git prints, None where it fails."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", str(root), "-c", "core.quotePath=false", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError as error:
        raise ProjectError("changed: needs git, which this machine lacks. Install it.") from error
    return done.stdout if done.returncode == 0 else None
