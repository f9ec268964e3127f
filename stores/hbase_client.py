"""Connections to HBase's Thrift1 server, with a real timeout and errors that say what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import happybase
from thriftpy2.protocol import TBinaryProtocol, TCompactProtocol
from thriftpy2.thrift import TClient, TException
from thriftpy2.transport import TBufferedTransport, TFramedTransport, TSocket, TSSLSocket

from runner.errors import MachineError, NotFoundError
from stores.settings import HBaseSettings

# What a lost or confused connection raises. After any of them a connection is closed and made anew: it may answer wrongly.
CONNECTION_ERRORS: tuple[type[BaseException], ...] = (OSError, EOFError, TException)
_TRANSPORTS = {"buffered": TBufferedTransport, "framed": TFramedTransport}
_PROTOCOLS = {"binary": TBinaryProtocol, "compact": TCompactProtocol}


def connect(settings: HBaseSettings) -> happybase.Connection:
    """Returns an open connection. One per thread or process: shared between threads, it aborts the process.

    Raises:
        MachineError: nothing answers there.
    """
    connection = happybase.Connection(
        settings.host,
        settings.port,
        timeout=int(settings.timeout_seconds * 1000),
        autoconnect=False,
        table_prefix=settings.table_prefix,
        transport=settings.transport,
        protocol=settings.protocol,
    )
    try:
        if settings.tls:
            _use_tls(connection, settings)
        connection.open()
    except CONNECTION_ERRORS as error:
        raise no_answer(settings, error) from error
    return connection


@contextmanager
def connected(settings: HBaseSettings) -> Iterator[happybase.Connection]:
    """Gives a connection that is closed when the block ends, well or not.

    Raises:
        MachineError: nothing answers there, or the connection is lost within the block.
    """
    connection = connect(settings)
    try:
        yield connection
    except (OSError, EOFError) as error:
        raise no_answer(settings, error) from error
    finally:
        with suppress(*CONNECTION_ERRORS):
            connection.close()


def no_answer(settings: HBaseSettings, error: BaseException) -> MachineError:
    """Returns the error that says that the server does not answer, and what to do."""
    return MachineError(
        f"{settings}: does not answer: {said(error)}. Start it (make services-up), or set HBASE_THRIFT_HOST and "
        "HBASE_THRIFT_PORT."
    )


def said(error: BaseException) -> str:
    """Returns the first line of what an error says; Thrift's own raise when they are asked by `str`."""
    message = getattr(error, "message", None) or (
        "" if isinstance(error, TException) else getattr(error, "strerror", None) or str(error)
    )
    if isinstance(message, bytes):
        message = message.decode(errors="replace")
    lines = str(message).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def table(connection: happybase.Connection, name: str) -> happybase.Table:
    """Returns a table that exists.

    Raises:
        NotFoundError: there is none of that name.
    """
    known = [each.decode(errors="replace") for each in connection.tables()]
    if name not in known:
        raise NotFoundError(
            f'hbase://{connection.host}:{connection.port}: has no table "{name}". '
            f"It has {', '.join(known) or 'none'}; load it (run generate --into hbase), or mend sources.yml.",
            name=name,
            known=known,
        )
    return connection.table(name)


def connect_thrift2(settings: HBaseSettings, service: Any) -> Any:
    """Returns an open client of the Thrift2 server; `close` ends it.

    Args:
        service: the interface, as thriftpy2 loads it.

    Raises:
        MachineError: the settings name no port of it, or nothing answers there.
    """
    transport, protocol = _layers(settings, require_thrift2(settings))
    try:
        transport.open()
    except CONNECTION_ERRORS as error:
        raise MachineError(
            f"hbase://{settings.host}:{settings.thrift2_port} (Thrift2): does not answer: {said(error)}. "
            "Start it (make services-up), or set HBASE_THRIFT2_PORT."
        ) from error
    return TClient(service, protocol)


def require_thrift2(settings: HBaseSettings) -> int:
    """Returns the port of the Thrift2 server.

    Raises:
        MachineError: the settings name none.
    """
    if settings.thrift2_port is None:
        raise MachineError(
            f"{settings}: its settings name no Thrift2 server, and only that can look for cells by their age. "
            'Give "thrift2_port" in the target\'s stores (HBASE_THRIFT2_PORT), or ingest in full.'
        )
    return settings.thrift2_port


def _use_tls(connection: happybase.Connection, settings: HBaseSettings) -> None:
    """Puts TLS under a connection that is not open yet; happybase itself knows none."""
    connection.transport, protocol = _layers(settings, settings.port)
    connection.client = TClient(happybase.connection.Hbase, protocol)


def _layers(settings: HBaseSettings, port: int) -> tuple[Any, Any]:
    """Returns an unopened transport over a socket, and the protocol over it."""
    timeout = int(settings.timeout_seconds * 1000)
    if settings.tls:
        context = ssl.create_default_context(cafile=settings.ca_file)
        socket = TSSLSocket(settings.host, port, socket_timeout=timeout, ssl_context=context)
    else:
        socket = TSocket(settings.host, port, socket_timeout=timeout)
    transport = _TRANSPORTS[settings.transport](socket)
    return transport, _PROTOCOLS[settings.protocol](transport, decode_response=False)
