"""Spark for the runner: found and started, kept warm between commands, its jobs named, followed and stopped."""
