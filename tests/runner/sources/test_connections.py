"""A target's stores: rendered from the environment only when a command connects."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import ProjectError
from runner.project.parse import Project, load_project
from runner.sources.connections import open_stores

HEAD = "name: shop\ntargets:\n  dev:\n    warehouse: warehouse\n"


def project_with(folder: Path, stores: str) -> Project:
    (folder / "project.yml").write_text(HEAD + stores, encoding="utf-8")
    return load_project(folder)


def test_values_come_from_the_environment_and_secrets_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret!")
    stores = open_stores(
        project_with(
            tmp_path,
            """    stores:
      mongodb: {uri: "mongodb://shop:{{ env_var('SHOP_PASSWORD') }}@db:27018/?tls=true", database: orders}
      hbase: {host: "{{ env_var('NO_SUCH_HOST', 'thrift') }}", port: "19090", thrift2_port: "", tls: "true"}
""",
        )
    )
    assert stores.mongodb is not None and stores.hbase is not None
    assert stores.mongodb.uri == "mongodb://shop:s3cret!@db:27018/?tls=true"
    assert "s3cret" not in repr(stores) + str(stores.mongodb)
    assert str(stores.mongodb) == "mongodb://db:27018/orders"
    assert (stores.hbase.host, stores.hbase.port, stores.hbase.thrift2_port, stores.hbase.tls) == (
        "thrift",
        19090,
        None,
        True,
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "",
            'the target "dev" names no stores. Give it "stores" in project.yml, or name a target that has them: --target stores',
        ),
        (
            "    stores:\n      mongo: {}\n",
            'project.yml:5: stores: there is no store "mongo". Did you mean "mongodb"?',
        ),
        (
            "    stores:\n      hbase: {prot: 1}\n",
            'project.yml:5: stores: hbase has an unknown setting "prot". Did you mean "port"?',
        ),
        (
            "    stores:\n      hbase: {port: soon}\n",
            'project.yml:5: stores: hbase: "port" is a number, not "soon".',
        ),
        (
            "    stores:\n      mongodb: {uri: \"{{ env_var('NOT_SET_HERE') }}\"}\n",
            'project.yml:5: stores.mongodb.uri: env_var("NOT_SET_HERE"): this environment variable is not set. '
            "Set it, or give a default as second argument.",
        ),
        (
            '    stores:\n      mongodb: {uri: "{{ var(1) }}"}\n',
            "project.yml:5: stores.mongodb.uri: 'var' is undefined. Only env_var can be used here.",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        open_stores(project_with(tmp_path, written))
    assert str(caught.value) == message


def test_a_project_is_read_without_the_environment_of_its_stores(tmp_path: Path) -> None:
    project = project_with(tmp_path, "    stores:\n      mongodb: {uri: \"{{ env_var('NOT_SET_HERE') }}\"}\n")
    assert project.files.target.name == "dev"
