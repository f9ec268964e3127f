"""HBase's tables made as the project needs them: pre-split through Thrift2 where it runs, else in one piece."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import happybase
from thriftpy2.parser import parse_fp
from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory
from thriftpy2.rpc import make_client
from thriftpy2.transport import TBufferedTransportFactory, TFramedTransportFactory

from runner.errors import MachineError
from stores.hbase_client import CONNECTION_ERRORS, connected, said
from stores.settings import HBaseSettings

# The part of HBase's Thrift2 interface that makes a table; field numbers are those of HBase 2.
_INTERFACE = """
struct TTableName { 1: optional binary ns, 2: required binary qualifier }
struct TColumnFamilyDescriptor { 1: required binary name, 10: optional i32 maxVersions }
struct TTableDescriptor { 1: required TTableName tableName, 2: optional list<TColumnFamilyDescriptor> columns }
exception TIOError { 1: optional string message, 2: optional bool canRetry }
service THBaseService {
  void createTable(1: required TTableDescriptor desc, 2: optional list<binary> splitKeys) throws (1: TIOError io)
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMade:
    """What became of a table that was asked for.

    Attributes:
        is_new: it did not exist before.
        regions: how many regions it has.
        note: why it is not split as asked; empty where it is, or where none was asked for.
    """

    is_new: bool
    regions: int
    note: str = ""


def make_table(
    settings: HBaseSettings, name: str, families: Mapping[str, int], *, splits: Sequence[bytes] = ()
) -> TableMade:
    """Makes a table unless it exists, whose families and regions then stay as they are.

    Args:
        name: without the settings' prefix.
        families: how many versions of a cell each keeps.
        splits: row keys at which regions begin, ascending.

    Raises:
        MachineError: a server does not answer, or refuses to make the table.
    """
    with connected(settings) as connection:
        if name.encode() in connection.tables():
            return TableMade(is_new=False, regions=len(connection.table(name).regions()))
        note = ""
        if splits and settings.thrift2_port is None:
            note = f'"{name}" is one region: only Thrift2 makes split tables, and thrift2_port is not set'
        elif splits:
            note = _made_by_thrift2(settings, connection.table(name).name, families, splits)
        if not splits or note:
            _made_by_thrift1(settings, connection, name, families)
        return TableMade(is_new=True, regions=len(connection.table(name).regions()), note=note)


def _made_by_thrift1(
    settings: HBaseSettings, connection: happybase.Connection, name: str, families: Mapping[str, int]
) -> None:
    try:
        connection.create_table(
            name,
            {family: {"max_versions": versions, "bloom_filter_type": "ROW"} for family, versions in families.items()},
        )
    except CONNECTION_ERRORS as error:
        if name.encode() not in connection.tables():  # another process was faster
            raise _refused(settings, name, error) from error


def _made_by_thrift2(settings: HBaseSettings, name: bytes, families: Mapping[str, int], splits: Sequence[bytes]) -> str:
    """Makes the table; returns why it could not where Thrift2 does not answer."""
    interface = _interface()
    try:
        client = _client(settings)
    except CONNECTION_ERRORS as error:
        return (
            f'"{name.decode()}" is one region: only Thrift2 makes split tables, and on port {settings.thrift2_port} it '
            f"does not answer: {said(error)}"
        )
    try:
        described = interface.TTableDescriptor(
            tableName=interface.TTableName(ns=b"default", qualifier=name),
            columns=[
                interface.TColumnFamilyDescriptor(name=family.encode(), maxVersions=versions)
                for family, versions in families.items()
            ],
        )
        client.createTable(described, list(splits))
    except interface.TIOError as error:
        raise _refused(settings, name.decode(), error) from error
    except CONNECTION_ERRORS as error:
        return f'"{name.decode()}" is one region: Thrift2 on port {settings.thrift2_port} fails: {said(error)}'
    finally:
        with suppress(*CONNECTION_ERRORS):
            client.close()
    return ""


def _refused(settings: HBaseSettings, name: str, error: BaseException) -> MachineError:
    return MachineError(
        f'{settings}: table "{name}" cannot be made: {said(error)}. See the log of the HBase master; '
        "`run doctor` checks the server."
    )


@cache
def _interface() -> Any:
    # parse_fp wants a module name that ends so
    return parse_fp(io.StringIO(_INTERFACE), "sluice_hbase2_admin_thrift")


def _client(settings: HBaseSettings) -> Any:
    framed, compact = settings.transport == "framed", settings.protocol == "compact"
    return make_client(
        _interface().THBaseService,
        settings.host,
        settings.thrift2_port,
        timeout=int(settings.timeout_seconds * 1000),
        trans_factory=TFramedTransportFactory() if framed else TBufferedTransportFactory(),
        proto_factory=TCompactProtocolFactory() if compact else TBinaryProtocolFactory(),
    )


def evenly(keys: Sequence[bytes], parts: int) -> list[bytes]:
    """Returns at most `parts - 1` keys that cut a sample of sorted or unsorted keys into parts of about equal size."""
    ordered = sorted(keys)
    if not ordered:
        return []
    chosen = {ordered[len(ordered) * part // parts] for part in range(1, parts)}
    return sorted(chosen - {ordered[0]})
