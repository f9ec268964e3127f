"""Docs blocks: texts that descriptions name by `{{ doc('x') }}`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from runner.errors import NotFoundError
from runner.model import Column
from runner.project.packages import Package

_CALL = re.compile(
    r"""\{\{-?\s*doc\(\s*['"](?P<first>[^'"]+)['"]\s*(?:,\s*['"](?P<second>[^'"]+)['"]\s*)?\)\s*-?\}\}"""
)


class Docs:
    """The docs blocks of all packages.

    Args:
        packages: the project itself first.
    """

    def __init__(self, packages: Sequence[Package]) -> None:
        self._blocks = {package.name: package.docs for package in packages}
        self._root = packages[0].name

    def text(self, description: str, package: str, place: str) -> str:
        """Returns a description with the docs blocks that it names.

        Raises:
            NotFoundError: there is no such block.
        """
        if "{{" not in description:
            return description
        return _CALL.sub(lambda match: self._block(match, package, place), description)

    def columns(self, columns: tuple[Column, ...], package: str, place: str) -> tuple[Column, ...]:
        """Returns columns with the docs blocks that their descriptions name."""
        return tuple(
            replace(column, description=self.text(column.description, package, place))
            if "{{" in column.description
            else column
            for column in columns
        )

    def _block(self, match: re.Match[str], package: str, place: str) -> str:
        name = match["second"] or match["first"]
        owners = [match["first"]] if match["second"] else [package, self._root, *self._blocks]
        for owner in owners:
            if name in self._blocks.get(owner, {}):
                return self._blocks[owner][name].text
        raise NotFoundError(
            f'{place}: doc("{name}") names no docs block. Write one: {{% docs {name} %}} in a file that ends in .md.',
            name=name,
            known=[block for of in self._blocks.values() for block in of],
        )
