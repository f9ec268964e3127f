"""Trying a model again where what failed was the machinery and not the model.

Tried again: an executor, a worker or a block that was lost, a connection that broke, a commit that another process
forestalled. Never: what Spark's analyzer refuses, what a value or a check fails, what the project must mend.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from runner.errors import FormatError, ProjectError
from runner.execute import NodeResult
from runner.explain import first_words
from runner.model import Model
from runner.project.files import Target

_MOST_SECONDS = 300.0
_PERIOD = re.compile(r"(\d+(?:\.\d+)?)\s*(s|seconds?|m|min|minutes?)?")
_TRANSIENT = re.compile(
    r"ExecutorLostFailure|Executor heartbeat timed out|FetchFailed|MetadataFetchFailed|Could not find block"
    r"|BlockNotFoundException|Connection (?:reset|refused|closed)|Broken pipe|SocketTimeoutException|TimeoutException"
    r"|Python worker exited unexpectedly|Worker (?:lost|decommissioned)|Could not execute broadcast"
    r"|Concurrent(?:Append|DeleteRead|DeleteDelete|Transaction|Write|Modification|AccessException)\w*"
    r"|DELTA_CONCURRENT_\w+|ProtocolChangedException|MetadataChangedException|StatusCode\.UNAVAILABLE|SlowDown"
    r"|another process changed this table",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often a model is tried again, and how long is waited before the first time; twice as long each further time."""

    retries: int = 0
    delay_seconds: float = 5.0

    def wait_before(self, again: int) -> float:
        """Returns the seconds before the `again`-th further try, counted from 0."""
        return float(min(_MOST_SECONDS, self.delay_seconds * 2**again))


def is_transient(error: Exception) -> bool:
    """True where the same work may well succeed a moment later."""
    if type(error).__name__ in ("AnalysisException", "ParseException"):
        return False
    if isinstance(error, ProjectError) and "another process changed this table" not in str(error):
        return False
    return bool(_TRANSIENT.search(str(error)))


def policy_of(target: Target, model: Model) -> Policy:
    """Returns the policy of a model: its own `retries` and `retry_delay`, else the target's.

    Raises:
        FormatError: one of them is no number.
    """
    own = model.config.values
    retries = own.get("retries", target.retries)
    delay = own.get("retry_delay", target.retry_delay)
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise FormatError(f'{model.path}: "retries" is a whole number from 0, not {retries!r}.')
    match = _PERIOD.fullmatch(str(delay).strip())
    if match is None:
        raise FormatError(
            f'{model.path}: "retry_delay" is seconds, or a text like "30 seconds" or "2 minutes", not {delay!r}.'
        )
    unit = 60.0 if (match[2] or "s").startswith("m") else 1.0
    return Policy(retries=retries, delay_seconds=float(match[1]) * unit)


def retrying(work: Callable[[], NodeResult], policy: Policy, *, stopping: threading.Event) -> NodeResult:
    """Returns what `work` returns, tried again as the policy says; the result tells what went wrong before.

    Args:
        stopping: set when the run is being stopped: nothing is tried again then, and no wait is finished.

    Raises:
        Exception: what the last try raised.
    """
    reasons: list[str] = []
    while True:
        try:
            return replace(work(), retried=tuple(reasons))
        except Exception as error:
            again = len(reasons)
            if again >= policy.retries or not is_transient(error) or stopping.wait(policy.wait_before(again)):
                raise
            reasons.append(first_words(error))
