"""Runs in dbt's environment: reads cases of `dbt ls` as JSON from stdin, writes what each lists as JSON to stdout.

python ls_with_dbt.py PROJECT < [[argument, …], …]  >  [[unique id, …] or null where dbt refuses, …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner

OPTIONS = ["--output", "json", "--output-keys", "unique_id", "--quiet"]


def main() -> None:
    project = Path(sys.argv[1]).resolve()
    answer = sys.stdout
    sys.stdout = sys.stderr  # what dbt prints is no answer
    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    if (project / "packages.yml").exists():
        done = dbtRunner().invoke(["deps", "--quiet", *folders])
        assert done.success, done.exception
    parsed = dbtRunner().invoke(["parse", "--quiet", *folders])
    assert parsed.success, parsed.exception
    found = []
    for arguments in json.load(sys.stdin):
        done = dbtRunner(manifest=parsed.result).invoke(["ls", *OPTIONS, *folders, *arguments])
        found.append(sorted(json.loads(line)["unique_id"] for line in done.result) if done.success else None)
    json.dump(found, answer)


if __name__ == "__main__":
    main()
