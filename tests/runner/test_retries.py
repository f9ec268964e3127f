"""Which faults are tried again, how often, after what time, and that Ctrl-C ends the waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.errors import ContractError, FormatError
from runner.execute import NodeResult
from runner.project.parse import load_project
from runner.retries import Policy, is_transient, policy_of, retrying

Write = Callable[[Mapping[str, str]], Path]
LOST = "Job aborted due to stage failure: ExecutorLostFailure (executor 3 exited caused by one of the running tasks)"


class AnalysisException(Exception):
    """Named like Spark's."""


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (RuntimeError(LOST), True),
        (RuntimeError("org.apache.spark.shuffle.FetchFailedException: Connection reset by peer"), True),
        (ConnectionError("Connection refused (Connection refused)"), True),
        (RuntimeError("[DELTA_CONCURRENT_APPEND] ConcurrentAppendException: Files were added"), True),
        (ContractError("marts.clv: another process changed this table while it was being built; nothing was published."), True),
        (ContractError("models/clv.sql: the query gives the column x, which its contract lacks."), False),
        (RuntimeError("[DIVIDE_BY_ZERO] Division by zero."), False),
        (RuntimeError("[CAST_INVALID_INPUT] The value 'x' cannot be cast to INT"), False),
        (AnalysisException("[UNRESOLVED_COLUMN] Connection reset"), False),
    ],
)  # fmt: skip
def test_faults_of_the_machinery_are_transient_and_mistakes_are_not(error: Exception, again: bool) -> None:
    assert is_transient(error) is again


def failing(times: int, message: str = LOST) -> Callable[[], NodeResult]:
    left = [times]

    def work() -> NodeResult:
        if left[0]:
            left[0] -= 1
            raise RuntimeError(message)
        return NodeResult(unique_id="model.tiny.totals", status="success")

    return work


def test_the_result_tells_what_went_wrong_before() -> None:
    result = retrying(failing(2), Policy(retries=2, delay_seconds=0.0), stopping=threading.Event())
    assert (result.status, result.retried) == ("success", (f"{LOST}.", f"{LOST}."))


def test_the_last_try_raises() -> None:
    with pytest.raises(RuntimeError, match="ExecutorLostFailure"):
        retrying(failing(2), Policy(retries=1, delay_seconds=0.0), stopping=threading.Event())


def test_a_mistake_is_tried_once() -> None:
    work = failing(1, "[DIVIDE_BY_ZERO] Division by zero.")
    with pytest.raises(RuntimeError, match="Division by zero"):
        retrying(work, Policy(retries=5, delay_seconds=0.0), stopping=threading.Event())
    assert work().status == "success"  # it was called once only


def test_ctrl_c_ends_the_wait() -> None:
    stopping = threading.Event()
    threading.Timer(0.2, stopping.set).start()
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="ExecutorLostFailure"):
        retrying(failing(1), Policy(retries=3, delay_seconds=60.0), stopping=stopping)
    assert time.monotonic() - started < 10


def test_each_wait_is_twice_the_one_before_up_to_five_minutes() -> None:
    policy = Policy(retries=9, delay_seconds=10.0)
    assert [policy.wait_before(again) for again in range(7)] == [10, 20, 40, 80, 160, 300, 300]


@pytest.mark.parametrize(
    ("target", "config", "policy"),
    [
        ("", "", Policy(retries=0, delay_seconds=5.0)),
        (", retries: 2, retry_delay: 1 minute", "", Policy(retries=2, delay_seconds=60.0)),
        (", retries: 2", "{{ config(retries=1, retry_delay='30 seconds') }}", Policy(retries=1, delay_seconds=30.0)),
        (", retries: 2", "{{ config(retries=0) }}", Policy(retries=0, delay_seconds=5.0)),
    ],
)
def test_a_models_own_settings_win_over_the_targets(
    write: Write, tiny: dict[str, str], target: str, config: str, policy: Policy
) -> None:
    tiny["project.yml"] = tiny["project.yml"].replace("schema: marts}", f"schema: marts{target}}}")
    tiny["models/totals.sql"] = config + tiny["models/totals.sql"]
    project = load_project(write(tiny))
    assert policy_of(project.files.target, project.models["totals"]) == policy


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("retries=-1", 'models/totals.sql: "retries" is a whole number from 0, not -1.'),
        (
            "retry_delay='soon'",
            'models/totals.sql: "retry_delay" is seconds, or a text like "30 seconds" or "2 minutes", not \'soon\'.',
        ),
    ],
)
def test_another_value_is_refused(write: Write, tiny: dict[str, str], config: str, message: str) -> None:
    tiny["models/totals.sql"] = f"{{{{ config({config}) }}}}" + tiny["models/totals.sql"]
    project = load_project(write(tiny))
    with pytest.raises(FormatError) as caught:
        policy_of(project.files.target, project.models["totals"])
    assert str(caught.value) == message
