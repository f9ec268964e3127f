"""What all artifacts share: how they are written, and what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from runner.jinja.render import scrubbed
from runner.project.parse import Project

_SCHEMA = "https://schemas.getdbt.com/dbt/{}.json"


def write_artifact(project: Project, name: str, value: Mapping[str, Any]) -> Path:
    """Writes `target/<name>`, whole or not at all, with secrets of the environment blotted out."""
    path = project.files.target_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    partial.write_text(scrubbed(text), encoding="utf-8")
    return partial.replace(path)


def metadata_of(schema: str, invocation_id: str) -> dict[str, Any]:
    return {
        "dbt_schema_version": _SCHEMA.format(schema),
        "dbt_version": "1.11.0",
        "generated_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "invocation_id": invocation_id,
        "env": {},
    }
