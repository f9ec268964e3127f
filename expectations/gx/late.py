"""Modules that Great Expectations imports at its start and almost never uses: read when something of them is used.

Its one expectation about Kullback-Leibler divergence imports scipy's statistics and a plotting library, which is a third
of the time that importing Great Expectations takes. Importing this module, before Great Expectations, makes them late.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands for a module until one of its attributes is asked for; then the module takes its place."""

    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def import_late(*names: str) -> None:
    """Lets the modules be read at their first use; nothing changes for those that are read already."""
    for name in names:
        sys.modules.setdefault(name, _Late(name))


import_late("scipy.stats", "altair")
