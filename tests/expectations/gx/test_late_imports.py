"""What Great Expectations imports and hardly uses is read at its first use, and then is what it always was."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from expectations import gx
heavy = {name for name in sys.modules if name.startswith(("scipy.stats.", "altair."))}
assert not heavy, heavy
import altair
from scipy import stats
assert altair.Chart.__name__ == "Chart" and stats.norm.cdf(0) == 0.5
import altair as again
import altair.vegalite
assert again.__file__ and again.Chart is altair.Chart and altair.vegalite
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as theirs
assert theirs.alt.Chart is altair.Chart and theirs.stats.entropy is stats.entropy
"""


def test_rarely_used_modules_are_read_when_they_are_used() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
