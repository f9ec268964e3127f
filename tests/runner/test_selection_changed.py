"""`changed:` against a real git repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.errors import NothingSelected, ProjectError
from runner.selection import Selectable, select


def node(name: str, *parents: str, files: tuple[str, ...] = ()) -> Selectable:
    return Selectable(
        id=name, label=name, name=name, resource_type="model", fqn=("shop", name), path=f"models/{name}.sql",
        patch_path="models/_models.yml" if name == "clv" else None, parents=parents, files=files,
    )  # fmt: skip


NODES = [
    node("users"),
    node("orders", files=("macros/cents.sql",)),
    node("clv", "users", "orders"),
    node("tiers", "clv"),
]


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        check=True,
        capture_output=True,
    )


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with (root / name).open("a", encoding="utf-8") as file:
            file.write("a line\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a folder of a repository."""
    root = tmp_path / "analytics"
    git(tmp_path, "init", "-q", "-b", "main")
    write(root, "project.yml", "macros/cents.sql", "models/_models.yml", *(one.path for one in NODES))
    write(tmp_path, "models/users.sql", ".gitignore")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return root


def ids(root: Path, text: str) -> set[str]:
    return select(NODES, include=[text], root=root, project="shop")


def test_nothing_has_changed(repository: Path) -> None:
    with pytest.raises(NothingSelected, match=r"^nothing has changed: changed: selects nothing\.$"):
        ids(repository, "changed:")
    write(repository.parent, "models/users.sql")  # outside of the project
    with pytest.raises(NothingSelected):
        ids(repository, "changed:+")


@pytest.mark.parametrize(
    ("files", "text", "expected"),
    [
        (["models/users.sql"], "changed:", {"users"}),
        (["models/users.sql"], "changed:+1", {"users", "clv"}),
        (["models/_models.yml"], "changed:", {"clv"}),
        (["macros/cents.sql"], "changed:", {"orders"}),
        (["macros/cents.sql", "models/tiers.sql"], "changed: users", {"orders", "tiers", "users"}),
        (["project.yml"], "changed:", {"users", "orders", "clv", "tiers"}),
        (["models/users.sql", "models/tiers.sql"], "changed:,users+", {"users", "tiers"}),
    ],
)
def test_changed_since_the_last_commit(repository: Path, files: list[str], text: str, expected: set[str]) -> None:
    write(repository, *files)
    assert ids(repository, text) == expected
    git(repository, "add", ".")
    assert ids(repository, text) == expected


def test_a_new_file_counts_before_git_knows_it(repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", "models/users.sql")
    git(repository, "commit", "-qm", "forgotten")
    assert ids(repository, "changed:") == {"users"}


def test_changed_since_a_branch_was_left(repository: Path) -> None:
    git(repository, "checkout", "-qb", "mine")
    write(repository, "models/tiers.sql")
    git(repository, "commit", "-qam", "mine")
    git(repository, "checkout", "-q", "main")
    write(repository, "models/orders.sql")
    git(repository, "commit", "-qam", "theirs")
    git(repository, "checkout", "-q", "mine")
    write(repository, "models/users.sql")
    assert ids(repository, "changed:main") == {"tiers", "users"}
    assert ids(repository, "changed:") == {"users"}


def test_before_the_first_commit_everything_is_new(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "models/users.sql", "models/clv.sql")
    git(tmp_path, "add", "models/users.sql")
    assert ids(tmp_path, "changed:") == {"users", "clv"}


def test_what_git_cannot_say(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ProjectError) as caught:
        ids(repository, "changed:mian")
    assert str(caught.value) == 'changed:mian: git knows no revision "mian". Name a branch, tag or commit.'
    with pytest.raises(ProjectError) as caught:
        ids(repository, "changed:--output=x")
    assert str(caught.value) == 'changed:--output=x: git knows no revision "--output=x".'
    bare = tmp_path_factory.mktemp("no_repository")
    with pytest.raises(ProjectError) as caught:
        ids(bare, "changed:")
    assert (
        str(caught.value) == f"changed: {bare.name} is in no git repository. Use state:modified with --state instead."
    )
