"""`run doctor`: what the project needs of this machine, tried, each with the way out."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, project_options
from runner.errors import NotFoundError, ProjectError

if TYPE_CHECKING:
    from pymongo.database import Database

    from stores.settings import HBaseSettings, MongoSettings, Stores


@click.command("doctor", short_help="Is this machine ready, and what to do if not.")
@project_options
def doctor_command(command: Command) -> int:
    """Try what the project needs of this machine: Python, Java, Delta's jars, memory, disk, the project, Spark, and the target's stores."""
    failed = 0
    for name, check in _checks(command):
        try:
            said = check()
            click.echo(f"ok    {name:<10} {said}")
        except ProjectError as error:
            failed += 1
            click.echo(f"FAIL  {name:<10} {error}")
    click.echo("This machine is ready." if not failed else f"{failed} of the above must be mended first.")
    return 1 if failed else 0


def _checks(command: Command) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("python", _python),
        ("java", _java),
        ("delta", _jars),
        ("memory", _memory),
        ("disk", _disk),
        ("services", _services),
        ("project", lambda: _project(command)),
        ("publishing", lambda: _publishing(command)),
        ("spark", lambda: _spark(command)),
        *_store_checks(command),
    ]


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _java() -> str:
    from runner.session.spark import java_version

    return f"version {java_version()}"


def _jars() -> str:
    from runner.session.spark import delta_jars

    return f"{len(delta_jars())} jars in {delta_jars()[0].parent}"


def _memory() -> str:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if available < 2:
        raise ProjectError(
            f"{available:.1f} GiB are free; Spark wants 4 by default. Close something, or set spark.driver.memory in the target."
        )
    return f"{available:.1f} GiB free"


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < 2:
        raise ProjectError(f"{free:.1f} GiB are free here; 200,000 sessions want about 2. Make room.")
    return f"{free:.0f} GiB free here"


def _services() -> str:
    from runner.session.spark import cache_folder
    from services.install import is_installed, version

    missing = [name for name in ("hbase", "mongodb") if not is_installed(cache_folder(), name)]
    servers = f"HBase {version('hbase')} and the MongoDB emulator {version('mongodb')}"
    if missing:
        return f"{servers} are not fetched; `make services-up` does it, for a target with stores"
    return f"{servers} are fetched; `make services-up` starts them"


def _project(command: Command) -> str:
    project = command.project()
    suites = len(command.quality().suites)
    return f"{project.files.name}: {len(project.models)} models, {len(project.sources)} sources, {suites} tables with checks"


def _publishing(command: Command) -> str:
    """Returns how the last set of tables ended; what a dead process left of one was mended when the project was opened."""
    from runner.publishing.journal import last_set, publishing

    warehouse = command.project().warehouse
    if publishing(warehouse):
        return "another process publishes several tables together just now"
    found = last_set(warehouse)
    if not found:
        return "each table by itself so far; several together: run models --publish together"
    return f"the last set of tables was {found['outcome']} at {found['at'][:19]} UTC; none is half done"


def _spark(command: Command) -> str:
    import tempfile
    from pathlib import Path

    with command.spark() as spark, tempfile.TemporaryDirectory() as folder:
        spark.range(3).write.format("delta").save(str(Path(folder) / "table"))
        return f"{spark.version}, wrote and committed a Delta table"


def _store_checks(command: Command) -> list[tuple[str, Callable[[], str]]]:
    """Returns the checks of the stores that the target names; none where the project itself cannot be read."""
    try:
        written = command.project().files.target.stores
    except ProjectError:
        return []  # the check of the project says it

    def opened() -> Stores:
        from runner.sources.connections import open_stores

        return open_stores(command.project())

    def mongodb() -> str:
        settings = opened().mongodb
        assert settings is not None
        return check_mongodb(settings, _stored(command, "mongodb"))

    def hbase() -> str:
        settings = opened().hbase
        assert settings is not None
        return check_hbase(settings, _stored(command, "hbase"))

    return [(name, check) for name, check in (("mongodb", mongodb), ("hbase", hbase)) if name in written]


def _stored(command: Command, store: str) -> list[str]:
    """Returns what the project's tables are called in a store."""
    tables = command.project().sources.values()
    return [table.stored_as or table.name for table in tables if table.store == store]


def check_mongodb(settings: MongoSettings, expected: Collection[str]) -> str:
    """Returns what MongoDB is, whether it reads all tables of one moment, and that it has the expected collections.

    Raises:
        MachineError: it does not answer.
        NotFoundError: it lacks a collection.
    """
    from stores.mongo_client import database

    shop = database(settings)
    try:
        said = f"{settings}: {_kind(shop)}"
        _require(settings, "collection", expected, shop.list_collection_names())
        return f"{said}; {_moment(shop)}; {_of(expected, 'collection')}"
    finally:
        shop.client.close()


def _kind(shop: Database[Any]) -> str:
    """Returns what the server is. An emulator is known by what no build of MongoDB lacks: the commit it was built from."""
    build = shop.client.admin.command("buildInfo")
    if "gitVersion" not in build:
        return f"an emulator of MongoDB {build['version']}"
    replica_set = shop.client.admin.command("hello").get("setName")
    return f"MongoDB {build['version']}, " + (f'replica set "{replica_set}"' if replica_set else "no replica set")


def _moment(shop: Database[Any]) -> str:
    from ingest.mongodb.snapshot import latest_moment

    moment = latest_moment(shop)
    return moment.note.rstrip(".") if moment.at is None else "snapshot reads, so all tables are landed of one moment"


def check_hbase(settings: HBaseSettings, expected: Collection[str]) -> str:
    """Returns that both of HBase's Thrift servers answer, and that it has the expected tables; Thrift tells no version.

    Raises:
        MachineError: one of them does not answer.
        NotFoundError: it lacks a table.
    """
    from stores.hbase_client import connect_thrift2, connected

    with connected(settings) as connection:
        known = [name.decode(errors="replace") for name in connection.tables()]
    _require(settings, "table", expected, known)
    if settings.thrift2_port is None:
        return f"{settings}: Thrift answers; no thrift2_port is set, which incremental landing needs; {_of(expected, 'table')}"
    connect_thrift2(settings, None).close()
    return f"{settings}: Thrift and Thrift2 ({settings.thrift2_port}) answer; {_of(expected, 'table')}"


def _require(place: object, kind: str, expected: Collection[str], known: Collection[str]) -> None:
    missing = [name for name in expected if name not in known]
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise NotFoundError(
            f"{place}: answers, but has no {kind} {names}. Load {'it' if len(missing) == 1 else 'them'} "
            f"(run generate --into {str(place).partition(':')[0]}), or mend sources.yml.",
            name=missing[0],
            known=known,
        )


def _of(names: Collection[str], kind: str) -> str:
    return f"{len(names)} {kind}{'' if len(names) == 1 else 's'} of the project"
