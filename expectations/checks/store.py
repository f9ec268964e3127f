"""A landed table against the store it came from: records, digests of key ranges, keys and columns that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.causes import STORE
from expectations.definition import Argument, Arguments, Definition, Finding, Given, Need, Table, Values
from expectations.words import count

KINDS = (
    ("missing", "are in the store and not here"),
    ("extra", "are here and not in the store"),
    ("doubled", "are here more often than in the store"),
    ("differing", "have other values"),
    ("not_quarantined", "cannot be decoded, and are not in quarantine"),
    ("only_quarantined", "are in quarantine, and not in the store as such"),
)


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    return {"store": Given(name="store", value=table.facts.get("store"))}


def _judge(arguments: Arguments, values: Values) -> Finding:
    found: Mapping[str, Any] | None = values["store"]
    if found is None or "why" in found:
        why = "nobody asked it" if found is None else found["why"]
        return Finding(level="pass", observed="not asked: no store", message=f"The store was not asked: {why}.")
    kinds = {name: int(found[name]["total"]) for name, _ in KINDS}
    numbers = {name: found[name] for name in ("stored", "stored_unfit", "landed", "quarantined", "ranges")}
    numbers |= {**kinds, "differing_ranges": len(found["differing_ranges"]), "figure": sum(kinds.values())}
    held = (
        f"{count(found['stored'])} records in the store, {count(found['landed'])} landed and "
        f"{count(found['quarantined'])} in quarantine"
    )
    if found["is_equal"]:
        message = f"{held}; the digests of all {found['ranges']} ranges of keys agree."
        return Finding(level="pass", observed="equal", message=message, numbers=numbers)
    said = [f"{count(kinds[name])} keys {words}" for name, words in KINDS if kinds[name]]
    rows = tuple(
        {"difference": name, "key": one["key"], "in the store": one["stored"], "landed": one["landed"],
         "columns": ", ".join(one["columns"])}
        for name, _ in KINDS
        for one in found[name]["first"]
    )  # fmt: skip
    if not said:
        return Finding(
            level="warn",
            observed=f"{len(found['differing_ranges'])} ranges differ, no key does",
            message=f"{held}; ranges differ and no key does: the store was written to between two readings.",
            cause=STORE,
            what_to_do="Ask again, or land again and ask then.",
            numbers=numbers,
        )
    columns = [f"{name} ({count(number)} keys)" for name, number in found["columns"].items()]
    return Finding(
        level="fail",
        observed="; ".join(said),
        message=f"{held}: {'; '.join(said)}.",
        cause=STORE,
        evidence=(f"Values differ in {', '.join(columns)}.",) if columns else (),
        what_to_do="Land it again, all of it: run ingest SOURCE --full --force. Then ask why it was lost or changed.",
        numbers=numbers,
        failing_count=sum(kinds.values()),
        rows=rows[: arguments["most"]],
    )


MATCH = Definition(
    type="expect_store_to_match",
    filters=False,
    doc="""A landed table is what its store holds, as of the moment of its landing where the store can tell.

    Both sides are read once and summed into one digest for each range of keys; where digests differ, keys are compared.
    Records that cannot be decoded must be in quarantine. Passes as not asked where the target names no store.""",
    arguments=(Argument(name="most", kind="integer", default=10),),
    needs=_needs,
    judge=_judge,
)
