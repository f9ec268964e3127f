"""A real HBase on this machine: ZooKeeper, master, region server and both Thrift servers in one JVM."""

from __future__ import annotations

from pathlib import Path

from services.install import default_cache, installed
from services.java_server import JavaServer, is_open, ports_of

_CONFIGURATION = Path(__file__).parent / "hbase_conf"


class HBase:
    """HBase over one folder. Its data survive a stop and a kill.

    Attributes:
        port: of Thrift1, by which happybase reads and writes; of this machine only; the same over restarts, as all are.
        thrift2_port: of Thrift2, by which tables are pre-split and scanned by time.
        zookeeper_port: for HBase's own clients.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        thrift2_port: int = 0,
        zookeeper_port: int = 0,
        heap: str = "1g",
        cache: Path | None = None,
    ) -> None:
        """Sets the server up; `start` starts it.

        Args:
            folder: for data, log and process id.
            port, thrift2_port, zookeeper_port: 0 takes a free one.
            heap: of the JVM.
            cache: where the jars are; by default the project's cache.
        """
        ports = ports_of({"Thrift": port, "Thrift2": thrift2_port, "ZooKeeper": zookeeper_port})
        self.port, self.thrift2_port, self.zookeeper_port = ports.values()
        self._server = JavaServer(
            title="HBase",
            folder=folder.resolve(),
            main="HBaseLocal",
            class_path=lambda: installed(cache or default_cache(), "hbase").class_path(_CONFIGURATION),
            ports=ports,
            options=[
                f"@{_CONFIGURATION / 'jvm.options'}",
                f"-Xmx{heap}",
                f"-Dsluice.zookeeper_port={self.zookeeper_port}",
            ],
            arguments=[str(self.port), str(self.thrift2_port)],
            answers=self._unanswered,
            start_seconds=150,
            stop_seconds=30,
            # ZooKeeper holds who runs, nothing of the data; after a crash HBase would wait for the dead to time out
            cleared=["zk"],
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
        """Starts it and waits until Thrift answers a call; raises MachineError as `JavaServer.start` does."""
        self._server.start(detached=detached)

    def stop(self) -> None:
        """Stops it in order."""
        self._server.stop()

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._server.kill()

    def _unanswered(self) -> str | None:
        for port in (self.port, self.thrift2_port):
            if not is_open(port):
                return f"nothing listens on port {port}"
        import happybase
        from thriftpy2.thrift import TException

        try:
            connection = happybase.Connection("127.0.0.1", self.port, timeout=10_000)
            try:
                connection.tables()
            finally:
                connection.close()
        except (TException, OSError) as error:
            return str(getattr(error, "message", None) or error)
        return None
