"""Names of dbt's context that depend on nothing: conversions, sets, dates, `modules`."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import yaml

from runner.jinja.macros import Return


def to_json(value: Any, default: Any = None, sort_keys: bool = False) -> Any:
    try:
        return json.dumps(value, default=str, sort_keys=sort_keys)
    except (TypeError, ValueError):
        return default


def from_json(text: str, default: Any = None) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return default


def to_yaml(value: Any, default: Any = None, sort_keys: bool = False) -> Any:
    try:
        return yaml.safe_dump(_plain(value), sort_keys=sort_keys)
    except yaml.YAMLError:
        return default


def from_yaml(text: str, default: Any = None) -> Any:
    try:
        return yaml.safe_load(text)
    except (AttributeError, yaml.YAMLError):
        return default


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    return value


def a_set(value: Any, default: Any = None) -> Any:
    try:
        return set(value)
    except TypeError:
        return default


def a_set_strict(value: Iterable[Any]) -> set[Any]:
    return set(value)


def zipped(*values: Any, default: Any = None) -> Any:
    try:
        return list(zip(*values, strict=False))
    except TypeError:
        return default


def zipped_strict(*values: Iterable[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*values, strict=False))


def local_md5(value: str) -> str:
    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


def returned(value: Any = None) -> Any:
    raise Return(value)


def difference_of(dict_a: list[dict[str, Any]], dict_b: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the entries of the first list that the second lacks, names compared without case."""
    there = [{key.lower(): value for key, value in one.items()} for one in dict_b]
    return [one for one in dict_a if {key.lower(): value for key, value in one.items()} not in there]


class _Zones:
    """`modules.pytz`, as far as templates use it."""

    timezone = zoneinfo.ZoneInfo
    UTC = utc = datetime.UTC

    @property
    def all_timezones(self) -> list[str]:
        return sorted(zoneinfo.available_timezones())


def _public(module: Any, names: Iterable[str]) -> SimpleNamespace:
    """Returns what a module offers, without the modules that it imports: those lead out of the sandbox."""
    return SimpleNamespace(**{name: getattr(module, name) for name in names})


_ITERTOOLS = (
    "accumulate", "chain", "combinations", "combinations_with_replacement", "compress", "count", "cycle", "dropwhile",
    "filterfalse", "groupby", "islice", "pairwise", "permutations", "product", "repeat", "starmap", "takewhile", "tee",
    "zip_longest",
)  # fmt: skip
MODULES = {
    "datetime": _public(datetime, ("datetime", "date", "time", "timedelta", "timezone", "tzinfo")),
    "pytz": _Zones(),
    "re": _public(re, re.__all__),
    "itertools": _public(itertools, _ITERTOOLS),
}
PLAIN: dict[str, Any] = {
    "tojson": to_json,
    "fromjson": from_json,
    "toyaml": to_yaml,
    "fromyaml": from_yaml,
    "set": a_set,
    "set_strict": a_set_strict,
    "zip": zipped,
    "zip_strict": zipped_strict,
    "local_md5": local_md5,
    "return": returned,
    "diff_of_two_dicts": difference_of,
    "modules": MODULES,
    "dbt_version": "1.11.0",
    "dbt_metadata_envs": {},
    "thread_id": "main",
}
