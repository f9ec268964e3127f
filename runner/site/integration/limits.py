"""What cannot be known from what is there: of the landings, the columns, the age of the data, the report itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from expectations.words import age, percent
from runner.insights.answer import Insight
from runner.insights.finding import plural
from runner.model import Model
from runner.site.facts import Facts
from runner.site.integration.document import Items, Paragraph, Section, some

_THIN = 0.5  # a field that fewer records have is named


def limits(facts: Facts, landings: Mapping[str, Mapping[str, Any]], insights: Sequence[Insight]) -> Section:
    """Returns the limits, a sentence each."""
    texts = (
        *_of_landings(landings),
        *_of_fields(landings),
        *_of_age(facts),
        *_of_tables(facts),
        *_of_lineage(facts),
        *_of_insights(insights),
    )
    if not texts:
        return Section("Limits", "limits", (Paragraph("Nothing is recorded that limits what the data can say."),))
    return Section("Limits", "limits", (Items(texts),))


def _of_landings(landings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    notes: dict[str, list[str]] = {}
    from_files = []
    for label, one in sorted(landings.items()):
        cut = one.get("cut") or {}
        if cut.get("note"):
            notes.setdefault(str(cut["note"]), []).append(label)
        elif cut.get("kind") == "none":
            notes.setdefault("the store could not be read as of one moment", []).append(label)
        if one.get("files") is not None and not cut:
            from_files.append(label)
    for note, labels in notes.items():
        yield f"{some(labels)}: {note.rstrip('.')}."
    if from_files:
        yield (
            f"{some(from_files)} {'was' if len(from_files) == 1 else 'were'} landed from files: what the stores themselves hold "
            "at that time was not asked."
        )
    if len({one.get("snapshot_id") for one in landings.values()}) > 1:
        yield "The landed tables are not of one landing: what happened between their cuts is in some of them and not in others."
    aside = {label: int(one.get("quarantined") or 0) for label, one in landings.items()}
    for label, number in sorted(aside.items()):
        if number:
            read = int(landings[label].get("read") or 0)
            yield (
                f"{plural(number, 'record')} of {label}, {percent(number / read) if read else 'a part'} of those read, could not "
                f"be decoded and {'is' if number == 1 else 'are'} in no figure here."
            )


def _of_fields(landings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for label, one in sorted(landings.items()):
        drift = one.get("drift") or {}
        rows, filled = int(drift.get("rows") or 0), drift.get("filled") or {}
        missing = sorted(
            {*map(str, one.get("paths_missing") or ()), *(name for name, n in filled.items() if rows and not n)}
        )
        if missing:
            yield f"{label}: no record has {some(missing)}. What is computed from {'it' if len(missing) == 1 else 'them'} is empty."
        thin = {name: n / rows for name, n in filled.items() if rows and 0 < n / rows < _THIN}
        outer = [f"{name} ({percent(part)})" for name, part in thin.items() if not _is_within(name, thin)]
        if outer:
            yield f"{label}: fewer than half of {plural(rows, 'record')} have {some(outer)}."
        lost = [str(path["path"]) for path in drift.get("lost") or () if path.get("share")]
        if lost:
            yield f"{label}: far fewer records than in the landing before have {some(lost)}."
        if retyped := [str(path["path"]) for path in drift.get("retyped") or ()]:
            yield f"{label}: values are of another type than the contract says, at {some(retyped)}."


def _is_within(name: str, others: Collection[str]) -> bool:
    """Whether a field is part of another one: `cart.*.price` of `cart`."""
    return any(name != other and name.startswith((f"{other}.", f"{other}[")) for other in others)


def _of_age(facts: Facts) -> Iterator[str]:
    for one in facts.freshness.values():
        if one.is_late and one.loaded_at is not None:
            yield f"{one.table.label} is {age(one.age.total_seconds())} old, more than sources.yml allows ({one.by}, {one.loaded_at:%Y-%m-%d %H:%M} UTC)."
        elif one.message:
            yield f"{one.table.label}: how old it is cannot be said: {one.message}"


def _of_tables(facts: Facts) -> Iterator[str]:
    stands: dict[str, list[str]] = {}
    for node in facts.project.nodes():
        if isinstance(node, Model) and node.unique_id in facts.project.buildable:
            stands.setdefault(facts.standing(node), []).append(node.label)
    words = {
        "failed": ("failed in its newest run; readers have the version before, if any",
                   "failed in their newest run; readers have the versions before, if any"),
        "skipped": ("was skipped in its newest run", "were skipped in their newest run"),
        "stale": ("is behind what it is made of, or behind its files: figures are those of its last build",
                  "are behind what they are made of, or behind their files: figures are those of their last build"),
        "missing": ("has not been built", "have not been built"),
    }  # fmt: skip
    for standing, (of_one, of_many) in words.items():
        if standing in stands:
            number = len(stands[standing])
            text = of_one if number == 1 else of_many
            yield f"{plural(number, 'table')} {text}: {some(sorted(stands[standing]))}."


def _of_lineage(facts: Facts) -> Iterator[str]:
    unknown = [facts.project.node(name).label for name in facts.lineage.unknown]
    if unknown:
        yield f"The columns of {plural(len(unknown), 'table')} cannot be followed to the stores: {some(sorted(unknown))}."


def _of_insights(insights: Sequence[Insight]) -> Iterator[str]:
    out = [one.definition.title for one in insights if one.left_out]
    if out:
        yield f"{plural(len(out), 'question')} of {len(insights):,} could not be answered: {some(out)}."
    if insights:
        yield (
            "All comparisons are of what was observed and not of what was tried: a difference between groups does not say what "
            "made it."
        )
