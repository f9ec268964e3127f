"""Python models: a function that gives a DataFrame, from a file of the project.

def model(session, ref):                    parameters are given by their names
def model(dbt, session):                    dbt's own form: dbt.ref, dbt.source, dbt.config.get, dbt.this, …
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.compile import compile_model
from runner.errors import ProjectError
from runner.explain import first_words, from_spark
from runner.jinja.render import Relation
from runner.materialize.candidate import Work
from runner.project.python_models import PARAMETERS, read_python_model
from runner.session.jobs import activate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class _Settings:
    """`config.get` reads the model's settings; calling it sets nothing: that was done when the project was read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __call__(self, **_: Any) -> None:
        return None

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)


class _Dbt:
    """What `def model(dbt, session)` gets as `dbt`."""

    def __init__(self, given: Mapping[str, Any], this: Relation) -> None:
        self.ref, self.source, self.config = given["ref"], given["source"], given["config"]
        self.is_incremental = given["is_incremental"]
        self.this = this


def run_python_model(work: Work) -> DataFrame:
    """Returns what a Python model gives, as a frame; a pandas DataFrame becomes one.

    Raises:
        ProjectError: the code fails, naming its line, or gives something else.
    """
    place = str(work.model.path)
    code = read_python_model(work.model.raw_sql, place)
    names: dict[str, Any] = {"__name__": f"model_{work.model.name}", "__file__": place}
    given = _given(work)
    arguments = (
        [_Dbt(given, Relation(work.model.table)), given["session"]]
        if code.is_dbt_form
        else [given[name] for name in code.parameters]
    )
    activate(work.warehouse.spark)
    try:
        exec(compile(work.model.raw_sql, place, "exec"), names)  # the project's own code, as its SQL is
        found = names["model"](*arguments)
    except ProjectError:
        raise
    except Exception as error:
        raise ProjectError(f"{_line(error, place)}: {_said(error)}") from error
    return _frame(work, found)


def _given(work: Work) -> dict[str, Any]:
    spark = work.warehouse.spark

    def selected(template: str) -> DataFrame:
        return spark.sql(
            compile_model(work.project, work.model, relations=work.relations, text=f"select * from {template}").sql
        )

    def ref(*names: str, version: Any = None, v: Any = None) -> DataFrame:
        wanted = version if version is not None else v
        listed = ", ".join([*map(repr, names), *([f"version={wanted!r}"] if wanted is not None else [])])
        return selected(f"{{{{ ref({listed}) }}}}")

    def source(name: str, table: str) -> DataFrame:
        return selected(f"{{{{ source({name!r}, {table!r}) }}}}")

    def var(name: str, default: Any = None) -> Any:
        return work.project.files.vars.get(name, default)

    given: dict[str, Any] = {
        "session": spark,
        "ref": ref,
        "source": source,
        "config": _Settings(work.model.config.values),
        "var": var,
        "this": work.warehouse.frame(work.model.table) if work.incremental else None,
        "is_incremental": work.incremental,
    }
    assert set(given) == set(PARAMETERS)
    return given


def _line(error: Exception, place: str) -> str:
    """Returns file and line of the model's own code that the error passed through last."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == place]
    return f"{place}:{lines[-1]}" if lines else place


def _said(error: Exception) -> str:
    if from_spark(error):
        return first_words(error)
    text = str(error).strip()
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _frame(work: Work, found: Any) -> DataFrame:
    if type(found).__module__.startswith("pyspark.sql."):
        frame: DataFrame = found
        return frame
    if type(found).__module__.split(".")[0] == "pandas":
        return work.warehouse.spark.createDataFrame(found)
    raise ProjectError(
        f"{work.model.path}: model() gave {type(found).__name__}; it has to give a Spark or pandas DataFrame."
    )
