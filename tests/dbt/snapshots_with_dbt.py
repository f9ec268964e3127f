"""Runs `dbt snapshot` once for each state, in one process with one Spark: python snapshots_with_dbt.py STATE...

Run by dbt's own Python in the folder of a dbt project. Writes as JSON, for each state, the moments (ISO, UTC) between
which its run lay.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from dbt.cli.main import dbtRunner

windows = []
for state in sys.argv[1:]:
    began = datetime.now(UTC)
    done = dbtRunner().invoke(["--quiet", "snapshot", "--profiles-dir", ".", "--vars", f"{{state: {state}}}"])
    if not done.success:
        sys.exit(f"state {state}: {done.exception or [(one.node.name, one.message) for one in done.result]}")
    windows.append((began.isoformat(), datetime.now(UTC).isoformat()))
sys.stdout.write(json.dumps(windows) + "\n")
