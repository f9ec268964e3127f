"""A server that speaks MongoDB's protocol, on this machine: the emulator mongo-java-server, not MongoDB."""

from __future__ import annotations

from pathlib import Path

from services.install import default_cache, installed
from services.java_server import JavaServer, is_open, ports_of


class MongoDB:
    """The emulator over one folder.

    Attributes:
        port: of this machine only; the same over restarts.
        uri: the connection string.
        durable: what was written survives a stop and a kill; otherwise data are in memory and go with the process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        durable: bool = False,
        heap: str = "1g",
        oplog: bool = False,
        cache: Path | None = None,
    ) -> None:
        """Sets the server up; `start` starts it.

        Args:
            folder: for data, log and process id.
            port: 0 takes a free one.
            heap: of the JVM; documents in memory take about ten times their size.
            oplog: serve change streams, in memory only.
            cache: where the jars are; by default the project's cache.
        """
        folder = folder.resolve()
        ports = ports_of({"MongoDB": port})
        self.port = ports["MongoDB"]
        self.uri = f"mongodb://127.0.0.1:{self.port}"
        self.durable = durable
        self._server = JavaServer(
            title="MongoDB emulator",
            folder=folder,
            main="MongoLocal",
            class_path=lambda: installed(cache or default_cache(), "mongodb").class_path(),
            ports=ports,
            options=[
                f"-Xmx{heap}",
                "-XX:+UseSerialGC",
                "-XX:+ExitOnOutOfMemoryError",
                "-Djava.net.preferIPv4Stack=true",
                # its $sample sorts by a random comparator, which the newer sort refuses now and then
                "-Djava.util.Arrays.useLegacyMergeSort=true",
                f"-Dsluice.oplog={'true' if oplog else 'false'}",
            ],
            arguments=[str(self.port), *([str(folder / "data.h2")] if durable else [])],
            answers=self._unanswered,
            start_seconds=60,
            stop_seconds=20,
        )

    @property
    def folder(self) -> Path:
        """Where its data, log and process id are."""
        return self._server.folder

    @property
    def pid(self) -> int | None:
        """Its process id; None where it does not run."""
        return self._server.pid

    @property
    def log(self) -> Path:
        """What it says since its last start."""
        return self._server.log

    def start(self, *, detached: bool = False) -> None:
        """Starts it and waits until it answers; raises MachineError as `JavaServer.start` does."""
        self._server.start(detached=detached)

    def stop(self) -> None:
        """Stops it in order."""
        self._server.stop()

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._server.kill()

    def _unanswered(self) -> str | None:
        if not is_open(self.port):
            return f"nothing listens on port {self.port}"
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        try:
            with MongoClient[dict[str, object]](self.uri, serverSelectionTimeoutMS=2_000) as client:
                client.admin.command("ping")
        except PyMongoError as error:
            return str(error)
        return None
