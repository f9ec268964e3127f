"""The command line. It knows all packages, and nothing imports it."""

from runner.cli.commands import main, script

__all__ = ["main", "script"]
