"""Scans against a real HBase whose connections are cut, whose scanners are closed and whose server is killed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest.hbase import scan as scanning
from ingest.hbase.scan import Scan, scan_rows
from runner.errors import ContractError, MachineError
from stores import hbase_client
from stores.settings import HBaseSettings

if TYPE_CHECKING:
    from services.hbase import HBase

COUNT = 3000
PREFIX = "scantests"


def fill(settings: HBaseSettings, table: str, count: int = COUNT) -> dict[bytes, dict[bytes, bytes]]:
    """Makes a table of two families and returns its rows."""
    rows = {
        b"row%05d" % index: {b"a:x": b"%d" % index, b"a:y": b"y" * (index % 50), b"b:z": b"\x00\xff"}
        for index in range(count)
    }
    with hbase_client.connected(settings) as connection:
        connection.create_table(table, {"a": {"max_versions": 3}, "b": {"max_versions": 3}})
        with connection.table(table).batch(batch_size=1000) as batch:
            for key, cells in rows.items():
                batch.put(key, cells)
    return rows


@pytest.fixture(scope="module")
def settings(hbase: HBase) -> HBaseSettings:
    return HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix=PREFIX, timeout_seconds=30)


@pytest.fixture(scope="module")
def rows(settings: HBaseSettings) -> dict[bytes, dict[bytes, bytes]]:
    return fill(settings, "wide")


def collected(batches: Iterator[Any]) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return [pair for batch in batches for pair in zip(batch.keys, batch.cells, strict=True)]


class Proxy:
    """Passes bytes between clients and the server, until it is told to cut."""

    def __init__(self, port: int, *, cut_after: tuple[int, ...] = ()) -> None:
        """Cuts the n-th connection after so many bytes of the server's answers; later ones are left alone."""
        self._to = port
        self._cuts = list(cut_after)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.connections += 1
                limit = self._cuts.pop(0) if self._cuts else None
                server = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, limit), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if limit is not None and passed > limit:
                    target.sendall(data[: len(data) // 2])
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


def test_a_scan_gives_what_happybase_gives(settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]]) -> None:
    with closing(hbase_client.connect(settings)) as connection:
        bare = list(connection.table("wide").scan(batch_size=500))
    for batch_rows in (70, 700, 5000):
        assert collected(scan_rows(settings, Scan(table="wide", batch_rows=batch_rows))) == bare
    assert dict(bare) == rows


def test_other_transports_give_the_same(
    settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By way of happybase, as with a framed or compact server."""
    monkeypatch.setattr(scanning, "speaks_plainly", lambda _: False)
    assert dict(collected(scan_rows(settings, Scan(table="wide")))) == rows


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        (Scan(table="wide", start=b"row00010", stop=b"row00012"), [b"row00010", b"row00011"]),
        (Scan(table="wide", start=b"row02999"), [b"row02999"]),
        (Scan(table="wide", start=b"zzz"), []),
        (Scan(table="wide", stop=b"row00003", columns=(b"b",)), [b"row00000", b"row00001", b"row00002"]),
        (Scan(table="wide", filter=b"PrefixFilter('row0123')"), [b"row0123%d" % index for index in range(10)]),
        (Scan(table="wide", until_ms=1), []),
    ],
)
def test_bounds_columns_filters_and_time(
    settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]], scan: Scan, expected: list[bytes]
) -> None:
    found = collected(scan_rows(settings, scan))
    assert [key for key, _ in found] == expected
    if scan.columns:
        assert {name for _, cells in found for name in cells} == {b"b:z"}


def test_large_rows_come_in_small_replies(settings: HBaseSettings) -> None:
    with closing(hbase_client.connect(settings)) as connection:
        connection.create_table("large", {"a": {}})
        with connection.table("large").batch(batch_size=20) as batch:
            for index in range(130):
                batch.put(b"%03d" % index, {b"a:x": bytes(200_000)})
    sizes = [len(batch) for batch in scan_rows(settings, Scan(table="large", batch_rows=2000))]
    assert (sum(sizes), sizes[:2]) == (130, [100, 30]), "two requests are on their way before a size is known"
    sizes = [len(batch) for batch in scan_rows(settings, Scan(table="large", batch_rows=30))]
    assert (sum(sizes), sizes[:2], max(sizes[2:])) == (130, [30, 30], 20), "4 MB a reply"


def test_connections_that_are_cut_lose_and_double_nothing(
    settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]]
) -> None:
    with closing(Proxy(settings.port, cut_after=(10, 50_000, 3_000, 120_000))) as proxy:
        through = replace(settings, port=proxy.port)
        found = collected(scan_rows(through, Scan(table="wide", batch_rows=300)))
    assert proxy.connections == 5
    assert (len(found), dict(found)) == (COUNT, rows)


def test_a_connection_dropped_in_a_pause_is_made_anew(
    settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]]
) -> None:
    """As the server does with one that is idle for 60 seconds."""
    opened: list[Any] = []
    connect = hbase_client.connect

    def noted(*arguments: Any) -> Any:
        opened.append(connect(*arguments))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hbase_client, "connect", noted)
        batches = scan_rows(settings, Scan(table="wide", batch_rows=300))
        found = collected(iter([next(batches)]))
        opened[0].transport.sock.shutdown(socket.SHUT_RDWR)
        found += collected(batches)
    assert len(opened) == 2
    assert (len(found), dict(found)) == (COUNT, rows)


def test_a_scanner_that_is_closed_under_the_scan_is_opened_again(
    settings: HBaseSettings, rows: dict[bytes, dict[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scanners: list[int] = []
    open_scanner = scanning.open_scanner

    def noted(*arguments: Any) -> int:
        scanners.append(open_scanner(*arguments))
        return scanners[-1]

    monkeypatch.setattr(scanning, "open_scanner", noted)
    for is_plain in (True, False):
        monkeypatch.setattr(scanning, "speaks_plainly", lambda _, is_plain=is_plain: is_plain)
        scanners.clear()
        batches = scan_rows(settings, Scan(table="wide", batch_rows=300))
        found = collected(iter([next(batches)]))
        time.sleep(0.5)  # a request that the server still works on would put its scanner back
        with closing(hbase_client.connect(settings)) as other:
            other.client.scannerClose(scanners[0])
        found += collected(batches)
        assert len(scanners) == 2
        assert (len(found), dict(found)) == (COUNT, rows)


def message_of(run: Callable[[], Any], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        run()
    return str(caught.value)


def test_a_scan_that_the_server_refuses_fails_at_once(settings: HBaseSettings, rows: dict[bytes, Any]) -> None:
    place = f"hbase://127.0.0.1:{settings.port}"
    advice = "Mend `cells` in sources.yml, or the option `columns` or `filter`."
    started = time.monotonic()
    said = message_of(lambda: list(scan_rows(settings, Scan(table="wide", columns=(b"c:x",)))), ContractError)
    assert said == f'{place}: refuses the scan of table "wide": column family c does not exist. {advice}'
    said = message_of(lambda: list(scan_rows(settings, Scan(table="none"))), ContractError)
    assert said == f'{place}: refuses the scan of table "none": there is no such table. {advice}'
    said = message_of(lambda: list(scan_rows(settings, Scan(table="wide", filter=b"Odd('"))), ContractError)
    assert said == f'{place}: refuses the scan of table "wide": it cannot read the filter Odd(\'. {advice}'
    assert time.monotonic() - started < 10


def test_a_server_that_stays_away_is_said(settings: HBaseSettings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    away = replace(settings, port=port)
    said = message_of(lambda: list(scan_rows(away, Scan(table="wide"), patience_seconds=0.5)), MachineError)
    assert said == (
        f"hbase://127.0.0.1:{port}: does not answer: Could not connect to ('127.0.0.1', {port}). "
        "Start it (make services-up), or set HBASE_THRIFT_HOST and HBASE_THRIFT_PORT."
    )


def test_a_server_killed_and_started_again_within_a_scan(tmp_path: Path) -> None:
    from services.hbase import HBase

    server = HBase(tmp_path / "hbase")
    server.start()
    try:
        settings = HBaseSettings(port=server.port, timeout_seconds=30)
        rows = fill(settings, "wide", 2000)
        batches = scan_rows(settings, Scan(table="wide", batch_rows=100))
        found = collected(iter([next(batches) for _ in range(3)]))
        server.kill()
        starting = threading.Timer(1.0, server.start)
        starting.start()
        found += collected(batches)
        starting.join()
    finally:
        server.kill()
    assert (len(found), dict(found)) == (2000, rows)
