"""The command line. It knows all packages, and nothing imports it."""

from __future__ import annotations

import sys


def script() -> None:
    """The console script: gives its words to a process that waits with everything imported, else does them itself."""
    from runner.session.handover import hand_over

    hand_over(sys.argv[1:])
    from runner.cli.commands import script

    script()


def main(arguments: list[str] | None = None) -> object:
    """Runs the command line in this process; see `runner.cli.commands.main`."""
    from runner.cli.commands import main

    return main(arguments)
