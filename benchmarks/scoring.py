"""What the scorecard's trials came to: which defects were found and named, which alarms clean shops raised. No Spark."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from simulate.expected import EXPECTED, MODEL_FAULTS, STRENGTHS, Strength

QUARANTINE = "expect_share_between"  # the type under which the records that a landing put aside are reported
SEEDS, CLEAN = 5, 50  # of the whole scorecard
RECALL_GOAL, CAUSE_GOAL = 0.99, 0.95  # at the medium strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A check that did not pass.

    Attributes:
        check: the type of the expectation.
        title: its name in the suite, else its type and column.
        blocks: whether it withholds the table: an error-level alarm.
    """

    table: str
    check: str
    title: str
    cause: str
    blocks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One data set and what the checks said of it.

    Attributes:
        kind: the defect, or the profile of a clean shop.
        strength: of the defect; `clean` for a clean shop.
        flags: those that the clean shop of the same seed does not have, for a defect; all, for a clean shop.
        causes: the verdict over these flags, by table.
        checks: how many checks were asked.
        code: what the suites, checks and models were; trials of other code count for nothing.
    """

    kind: str
    strength: str
    seed: int
    flags: tuple[Flag, ...] = ()
    causes: Mapping[str, str] = field(default_factory=dict)
    checks: int = 0
    seconds: float = 0.0
    code: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.kind, self.strength, self.seed

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables on which a flag is a detection, nearest to the defect first."""
        return (MODEL_FAULTS[self.kind] if self.kind in MODEL_FAULTS else EXPECTED[self.kind]).tables

    @property
    def checks_expected(self) -> tuple[str, ...]:
        """The types of expectations that are to find the defect."""
        checks = (MODEL_FAULTS[self.kind] if self.kind in MODEL_FAULTS else EXPECTED[self.kind]).checks
        return tuple(QUARANTINE if check == "quarantine" else check for check in checks)

    @property
    def is_found(self) -> bool:
        return any(flag.table in self.tables for flag in self.flags)

    @property
    def cause(self) -> str:
        """The verdict of the flagged table that is nearest to the defect; empty where none is flagged."""
        flagged = {flag.table for flag in self.flags}
        return next((self.causes[table] for table in self.tables if table in flagged), "")

    @property
    def is_named(self) -> bool:
        """Whether the cause is one that the truth names."""
        return self.cause in causes_of(self.kind, self.strength)


def causes_of(kind: str, strength: str) -> tuple[str, ...]:
    """Returns the causes that the verdict over a defect may name."""
    if kind in MODEL_FAULTS:
        return MODEL_FAULTS[kind].causes[_strength(strength)]
    return EXPECTED[kind].causes


def _strength(word: str) -> Strength:
    return next(one for one in STRENGTHS if one == word)


def append(path: Path, trial: Trial) -> None:
    """Adds a trial to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(trial)) + "\n")


def read(path: Path, codes: Collection[str]) -> list[Trial]:
    """Returns the trials of a file that were made with one of these codes, the last of each data set; a line that was
    cut off is left out."""
    if not path.exists():
        return []
    found: dict[tuple[str, str, int], Trial] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue
        trial = Trial(**(said | {"flags": tuple(Flag(**flag) for flag in said["flags"])}))
        if trial.code in codes:
            found[trial.key] = trial
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How many of some trials with defects were found, and how many of those found were named rightly."""

    trials: int
    found: int
    named: int

    @property
    def recall(self) -> float:
        return self.found / self.trials if self.trials else 0.0

    @property
    def cause_right(self) -> float:
        return self.named / self.found if self.found else 0.0


def score(trials: Iterable[Trial]) -> Score:
    """Returns the score of trials with defects."""
    listed = list(trials)
    found = [trial for trial in listed if trial.is_found]
    return Score(trials=len(listed), found=len(found), named=sum(trial.is_named for trial in found))


def is_good(trials: Sequence[Trial]) -> bool:
    """Whether the goals are met: recall and cause at the medium strength, and no error-level alarm on clean data."""
    medium = score(trial for trial in trials if trial.strength == "medium")
    alarms = [flag for trial in trials if trial.strength == "clean" for flag in trial.flags if flag.blocks]
    return (not medium.trials or (medium.recall >= RECALL_GOAL and medium.cause_right >= CAUSE_GOAL)) and not alarms


def markdown(trials: Sequence[Trial], sessions: int) -> str:
    """Returns the scorecard as a part of a page of Markdown."""
    planted = [trial for trial in trials if trial.strength != "clean"]
    clean = [trial for trial in trials if trial.strength == "clean"]
    parts = (
        _intro(planted, clean, sessions),
        _defects(planted),
        _checks(planted, clean),
        _causes(planted, clean),
        _alarms(clean),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _intro(planted: Sequence[Trial], clean: Sequence[Trial], sessions: int) -> list[str]:
    kinds = len({trial.kind for trial in planted})
    seconds = sum(trial.seconds for trial in (*planted, *clean))
    lines = [
        f"{len(planted)} data sets with one planted defect each ({kinds} kinds) and {len(clean)} clean ones, of "
        f"{sessions:,} sessions, in {seconds / 60:.0f} minutes.",
        "A defect is found where a check flags the table that has it, or a table made of that one, and does not flag the",
        "clean shop of the same seed. Its cause is right where the verdict of the table nearest to it names a cause that",
        "the truth (`simulate/expected.py`) names. Weak defects may be missed; medium ones must not be. Of medium ones all",
        "these tables are asked; of others one after the other, the nearest first, until one is flagged.",
        "",
    ]
    whole = len({*EXPECTED, *MODEL_FAULTS}) * len(STRENGTHS) * SEEDS
    if len(planted) < whole or len(clean) < CLEAN:
        lines += [f"The whole scorecard has {whole} and {CLEAN}: the others were not run.", ""]
    if planted:
        lines += ["| strength | data sets | recall | cause right |", "|---|---|---|---|"]
        for strength in STRENGTHS:
            if (found := score(trial for trial in planted if trial.strength == strength)).trials:
                lines.append(f"| {strength} | {found.trials} | {found.recall:.3f} | {found.cause_right:.3f} |")
        lines.append("")
    return lines


def _defects(planted: Sequence[Trial]) -> list[str]:
    if not planted:
        return []
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in planted:
        groups[trial.kind, trial.strength].append(trial)
    lines = [
        "### Planted defects",
        "",
        "Data sets in which each was found, of all; in brackets those whose cause was right.",
        "",
        f"| defect | rates | {' | '.join(STRENGTHS)} | found by | cause named |",
        f"|---|---|{'---|' * len(STRENGTHS)}---|---|",
    ]
    for kind in (kind for kind in (*EXPECTED, *MODEL_FAULTS) if any(trial.kind == kind for trial in planted)):
        scores = [score(groups[kind, strength]) for strength in STRENGTHS]
        shown = [f"{one.found}/{one.trials} ({one.named})" if one.trials else "" for one in scores]
        rates = "" if kind in MODEL_FAULTS else ", ".join(f"{rate:g}" for rate in EXPECTED[kind].rates)
        own = [trial for strength in STRENGTHS for trial in groups[kind, strength]]
        by = Counter(
            flag.check
            for trial in own
            for flag in {f.check: f for f in trial.flags if f.table in trial.tables}.values()
        )
        causes = Counter(trial.cause for trial in own if trial.cause)
        lines.append(
            f"| {kind} | {rates} | {' | '.join(shown)} | "
            f"{', '.join(f'{_short(check)} ({n})' for check, n in by.most_common(2))} | "
            f"{', '.join(f'{cause} ({n})' for cause, n in causes.most_common(2))} |"
        )
    return [*lines, ""]


def _checks(planted: Sequence[Trial], clean: Sequence[Trial]) -> list[str]:
    """Returns per kind of check what was expected of it at the medium strength, and how often it cries wolf."""
    medium = [trial for trial in planted if trial.strength == "medium"]
    if not medium:
        return []
    lines = [
        "### Checks",
        "",
        "Recall is of the medium defects that a check is expected to find; of several that are expected, one is enough.",
        "",
        "| check | expected of it | found by it | clean data sets with its error | with its warning |",
        "|---|---|---|---|---|",
    ]
    named = {check for trial in medium for check in trial.checks_expected}
    for check in sorted(named | {flag.check for trial in (*medium, *clean) for flag in trial.flags}):
        expected = [trial for trial in medium if check in trial.checks_expected]
        found = sum(
            any(flag.check == check and flag.table in trial.tables for flag in trial.flags) for trial in expected
        )
        errors = sum(any(flag.check == check and flag.blocks for flag in trial.flags) for trial in clean)
        warnings = sum(any(flag.check == check and not flag.blocks for flag in trial.flags) for trial in clean)
        lines.append(
            f"| {_short(check)} | {len(expected) or ''} | {f'{found} ({found / len(expected):.0%})' if expected else ''} | "
            f"{_share(errors, len(clean))} | {_share(warnings, len(clean))} |"
        )
    return [*lines, ""]


def _causes(planted: Sequence[Trial], clean: Sequence[Trial]) -> list[str]:
    """Returns per cause how often the verdict named it rightly and wrongly, and of how many clean data sets."""
    medium = [trial for trial in planted if trial.strength == "medium" and trial.cause]
    rightly = Counter(trial.cause for trial in medium if trial.is_named)
    wrongly = Counter(trial.cause for trial in medium if not trial.is_named)
    calm = Counter(cause for trial in clean for cause in set(trial.causes.values()))
    if not (rightly or wrongly or calm):
        return []
    lines = [
        "### Causes",
        "",
        "| cause named | rightly (medium) | wrongly (medium) | of clean data sets |",
        "|---|---|---|---|",
    ]
    for cause in sorted({*rightly, *wrongly, *calm}, key=lambda one: (-rightly[one], one)):
        lines.append(f"| {cause} | {rightly[cause]} | {wrongly[cause]} | {_share(calm[cause], len(clean))} |")
    return [*lines, ""]


def _alarms(clean: Sequence[Trial]) -> list[str]:
    if not clean:
        return []
    lines = [
        "### Alarms on clean data",
        "",
        "| profile | data sets | checks each | with an error-level alarm | with a warning |",
        "|---|---|---|---|---|",
    ]
    for profile in sorted({trial.kind for trial in clean}):
        group = [trial for trial in clean if trial.kind == profile]
        blocked = sum(any(flag.blocks for flag in trial.flags) for trial in group)
        warned = sum(any(not flag.blocks for flag in trial.flags) for trial in group)
        lines.append(
            f"| {profile} | {len(group)} | {max(trial.checks for trial in group)} | {_share(blocked, len(group))} | {_share(warned, len(group))} |"
        )
    lines.append("")
    alarms: dict[tuple[str, str, str, str], list[Flag]] = defaultdict(list)
    for trial in clean:
        for flag in trial.flags:
            alarms[trial.kind, flag.table, flag.title, flag.cause].append(flag)
    if not alarms:
        return [*lines, "No check flagged any of them.", ""]
    lines += ["| profile | table | check | cause named | errors | warnings |", "|---|---|---|---|---|---|"]
    for (profile, table, title, cause), flags in sorted(alarms.items(), key=lambda one: (-len(one[1]), one[0])):
        total = sum(trial.kind == profile for trial in clean)
        errors = sum(flag.blocks for flag in flags)
        lines.append(
            f"| {profile} | {table} | {title} | {cause} | {_share(errors, total)} | {_share(len(flags) - errors, total)} |"
        )
    return [*lines, ""]


def _share(count: int, total: int) -> str:
    return f"{count} ({count / total:.0%})" if count else "0"


def _short(check: str) -> str:
    return check.removeprefix("expect_").removeprefix("column_")
