"""A generated shop, read back with nothing but Python's own JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]


@dataclass(frozen=True)
class ShopFiles:
    users: list[Row]
    products: list[Row]
    categories: list[Row]
    sessions: list[Row]
    orders: list[Row]

    @property
    def durations(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([session["duration_seconds"] for session in self.sessions], dtype=np.float64)


def read_shop(folder: Path) -> ShopFiles:
    def rows(pattern: str) -> list[Row]:
        paths = sorted(folder.glob(pattern), key=lambda path: (len(path.name), path.name))
        return [row for path in paths for row in json.loads(path.read_text())]

    return ShopFiles(
        users=rows("users*.json"),
        products=rows("products*.json"),
        categories=rows("categories*.json"),
        sessions=rows("sessions*.json"),
        orders=rows("transactions*.json"),
    )


def digests(folder: Path) -> dict[str, str]:
    """Returns a digest of every file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
