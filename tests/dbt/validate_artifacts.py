"""Runs in dbt's environment: holds artifacts against dbt's own schemas, and loads them with dbt's own classes.

python validate_artifacts.py FOLDER  >  {"manifest.json": ["nodes/model.shop.clv/config: …", …], …}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.run import RunResultsArtifact

ARTIFACTS: dict[str, Any] = {
    "manifest.json": WritableManifest,
    "run_results.json": RunResultsArtifact,
    "catalog.json": CatalogArtifact,
    "sources.json": FreshnessExecutionResultArtifact,
}


def main() -> None:
    folder = Path(sys.argv[1])
    found = {name: list(errors(folder / name, kind)) for name, kind in ARTIFACTS.items() if (folder / name).exists()}
    json.dump(found, sys.stdout)


def errors(path: Path, kind: Any) -> list[str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    said = []
    for error in jsonschema.Draft7Validator(kind.json_schema()).iter_errors(document):
        deepest = jsonschema.exceptions.best_match([error]) or error
        said.append(f"{'/'.join(map(str, [*error.absolute_path, *deepest.relative_path]))}: {deepest.message[:300]}")
    try:
        kind.read_and_check_versions(str(path))
    except Exception as error:
        said.append(f"dbt cannot read it: {type(error).__name__}: {str(error)[:300]}")
    return said


if __name__ == "__main__":
    main()
