"""`python -m services up|down|status`: the servers of the target `stores`, running on their own until they are stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from runner.errors import ProjectError
from services.hbase import HBase
from services.install import default_cache, installed, is_installed, version
from services.java_server import read_state
from services.mongodb import MongoDB

NAMES = ("hbase", "mongodb")
EMULATOR = (
    f"MongoDB here is an emulator, mongo-java-server {version('mongodb')}: it has no snapshot reads, transactions, "
    "views, explain,\nvalidators or authentication. Real MongoDB, for those with Docker: "
    "docker compose -f services/compose.yaml up -d --wait"
)
Server = HBase | MongoDB


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def services() -> None:
    """HBase and a MongoDB emulator on this machine, reachable from this machine only."""


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds which servers, and where their folders are."""
    where = click.option(
        "--folder",
        type=click.Path(path_type=Path),
        default=Path("target/services"),
        show_default=True,
        help="Where data, logs and process ids are.",
    )
    return click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[hbase] [mongodb]")(where(function))


@services.command("up")
@_common
@click.option("--thrift-port", envvar="HBASE_THRIFT_PORT", default=9090, show_default=True, help="Of HBase.")
@click.option("--thrift2-port", envvar="HBASE_THRIFT2_PORT", default=9092, show_default=True, help="Of HBase.")
@click.option("--zookeeper-port", default=9091, show_default=True, help="Of HBase.")
@click.option("--mongodb-port", default=27017, show_default=True)
@click.option(
    "--memory",
    is_flag=True,
    help="MongoDB keeps nothing on disk: writes four, sorted reads three times as fast; gone with `down`.",
)
@click.option("--heap", default="2g", show_default=True, help="The most memory that each server takes.")
def up_command(
    names: tuple[str, ...],
    folder: Path,
    thrift_port: int,
    thrift2_port: int,
    zookeeper_port: int,
    mongodb_port: int,
    memory: bool,
    heap: str,
) -> None:
    """Install (once) and start the servers that do not run, and leave them running."""
    made: Mapping[str, Callable[[], Server]] = {
        "hbase": lambda: HBase(
            folder / "hbase", port=thrift_port, thrift2_port=thrift2_port, zookeeper_port=zookeeper_port, heap=heap
        ),
        "mongodb": lambda: MongoDB(folder / "mongodb", port=mongodb_port, durable=not memory, heap=heap),
    }
    for name in names or NAMES:
        server = made[name]()
        if server.pid is None:
            installed(default_cache(), name, told=lambda line: click.echo(line, err=True))
            click.echo(f"starting {name}", err=True)
            server.start(detached=True)
    _tell(names or NAMES, folder)


@services.command("down")
@_common
def down_command(names: tuple[str, ...], folder: Path) -> None:
    """Stop the servers that `up` started; what they have on disk stays."""
    for name in names or NAMES:
        server = _server(name, folder)
        pid = server.pid
        server.stop()
        said = (
            "was not running"
            if pid is None
            else f"stopped (process {pid}); what it has on disk stays in {server.folder}"
        )
        click.echo(f"{name:<8} {said}")


@services.command("status")
@_common
def status_command(names: tuple[str, ...], folder: Path) -> None:
    """Say which servers run, where, and where their logs are."""
    _tell(names or NAMES, folder)


def _server(name: str, folder: Path) -> Server:
    """Returns the server that was started in the folder, to be asked and stopped."""
    ports = read_state(folder / name).ports
    if name == "mongodb":
        return MongoDB(folder / name, port=ports.get("MongoDB", 0))
    return HBase(
        folder / name,
        port=ports.get("Thrift", 0),
        thrift2_port=ports.get("Thrift2", 0),
        zookeeper_port=ports.get("ZooKeeper", 0),
    )


def _tell(names: tuple[str, ...], folder: Path) -> None:
    for name in names:
        server = _server(name, folder)
        if (pid := server.pid) is None:
            fetched = "" if is_installed(default_cache(), name) else "; not installed yet, `up` fetches it"
            click.echo(f"{name:<8} does not run{fetched}")
            continue
        if isinstance(server, HBase):
            where = f"HBase {version(name)}, Thrift 127.0.0.1:{server.port}, Thrift2 127.0.0.1:{server.thrift2_port}"
        else:
            where = f"MongoDB emulator, {server.uri}"
        click.echo(f"{name:<8} runs: {where} (process {pid}), log {server.log}")
    if "mongodb" in names:
        click.echo(EMULATOR)


def script() -> None:
    """Runs the command; an error of the machine is one message, exit 2."""
    try:
        services(prog_name="python -m services")
    except ProjectError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    script()
