"""Loading a shop into the target's stores, for `run generate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.progress import progress_bar
from runner.cli.session import say
from runner.errors import NotFoundError, ProjectError
from runner.model import SourceTable
from runner.project.parse import Project
from runner.sources.connections import open_stores
from runner.sources.contracts import contract_of

if TYPE_CHECKING:
    from simulate.loaded import Loaded, TableFiles

PLACES = ("files", "mongodb", "hbase")
_SESSIONS, _ORDERS = "sessions", "transactions"


def names_of(into: str) -> tuple[str, ...]:
    """Returns what `--into` names.

    Raises:
        NotFoundError: a word is no place to write to.
    """
    names = tuple(dict.fromkeys(word.strip() for word in into.split(",") if word.strip()))
    for name in names:
        if name not in PLACES:
            hint = f" A folder is named by --out {name}." if "/" in name else ""
            raise NotFoundError(f'--into names files, mongodb or hbase, not "{name}".{hint}', name=name, known=PLACES)
    return names or ("files",)


class StoreLoading:
    """Loads files into stores by the contracts of `sources.yml`.

    Args:
        stores: which of the target's.
        workers: processes; one for each core where None.
        allow_missing: mapped paths that no record need have.

    Raises:
        ProjectError: the target does not say how to reach one of them.
    """

    def __init__(
        self,
        project: Project,
        stores: Sequence[str],
        *,
        workers: int | None = None,
        allow_missing: Sequence[str] = (),
    ) -> None:
        self._project = project
        self._settings = open_stores(project)
        self._stores = stores
        self._workers = workers
        self._allow_missing = allow_missing
        for name in stores:
            if getattr(self._settings, name) is None:
                target = project.files.target
                raise ProjectError(
                    f'{target.place}: the target "{target.name}" does not say how to reach "{name}". '
                    'Give it under its "stores".'
                )

    def load(self, folder: Path) -> None:
        """Loads the files of a folder and tells what came of it.

        Raises:
            NotFoundError: a table has no files there.
            ContractError: no record has a path that is mapped; nothing is loaded then.
            MachineError: a store does not answer.
        """
        from simulate.into_hbase import load_into_hbase
        from simulate.into_mongodb import load_into_mongodb
        from simulate.product_metrics import load_product_metrics

        tables = {name: self._tables(name, folder) for name in self._stores}
        with progress_bar() as advance:
            if self._settings.mongodb is not None and "mongodb" in tables:
                for loaded in load_into_mongodb(
                    tables["mongodb"],
                    self._settings.mongodb,
                    progress=advance,
                    workers=self._workers,
                    allow_missing=self._allow_missing,
                ):
                    _tell(loaded)
            if self._settings.hbase is not None and "hbase" in tables:
                for table in tables["hbase"]:
                    loaded = load_into_hbase(
                        table,
                        self._settings.hbase,
                        progress=advance,
                        workers=self._workers,
                        allow_missing=self._allow_missing,
                    )
                    _tell(loaded)
                sessions, orders = self._table("hbase", _SESSIONS, folder), self._table("mongodb", _ORDERS, folder)
                _tell(
                    load_product_metrics(
                        sessions, orders, self._settings.hbase, progress=advance, workers=self._workers
                    )
                )

    def write_live(self, folder: Path, *, rate: float, seconds: float | None) -> None:
        """Goes on writing sessions and their orders until the time is over or Ctrl-C.

        Args:
            folder: of the generated shop that is loaded; it is gone on with.
            rate: sessions per second.
        """
        from simulate.live import shop_of, write_live

        assert self._settings.mongodb is not None and self._settings.hbase is not None
        with progress_bar() as advance:
            summary = write_live(
                shop_of(folder),
                self._table("hbase", _SESSIONS, None),
                self._table("mongodb", _ORDERS, None),
                mongodb=self._settings.mongodb,
                hbase=self._settings.hbase,
                rate=rate,
                seconds=seconds,
                progress=advance,
            )
        say(str(summary))

    def _tables(self, store: str, folder: Path) -> list[TableFiles]:
        return [
            self._files(table, folder)
            for table in self._project.sources.values()
            if table.store == store and table.files is not None
        ]

    def _table(self, store: str, name: str, folder: Path | None) -> TableFiles:
        for table in self._project.sources.values():
            if table.store == store and table.name == name:
                return self._files(table, folder)
        raise NotFoundError(
            f'sources.yml names no table "{store}.{name}", which the simulated shop has.',
            name=f"{store}.{name}",
            known=self._project.sources,
        )

    def _files(self, table: SourceTable, folder: Path | None) -> TableFiles:
        from ingest.files import find_files
        from simulate.loaded import TableFiles

        contract = contract_of(table)
        return TableFiles(
            name=contract.name_in_store,
            paths=find_files(folder, table.files or "") if folder else (),
            key=contract.key,
            columns=contract.columns,
        )


def _tell(loaded: Loaded) -> None:
    for line in loaded.lines():
        say(line)
    partly = [each for each in loaded.coverage if each.is_seen and each.filled < 1]
    if partly:
        say(f"  not in all records: {', '.join(f'{each.path} {each.filled:.1%}' for each in partly)}")
