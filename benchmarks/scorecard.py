"""How well the checks find planted defects and name their causes, and how often they cry wolf on clean data.

python benchmarks/scorecard.py [--kinds a,b] [--strengths medium] [--seeds 5] [--clean 50] [--sessions 3000] [--write]

Every data set is a small simulated shop of its own: `simulate/expected.py` says which defects there are, how strong, and
what must be said of them. Each result is kept in `--results` as it is found: a run that was stopped goes on where it was,
and results of other suites, checks or models are made anew, unless `--codes` names what they were. `--write` writes the
tables into `benchmarks/README.md`.
Exits 1 where the goals are not met: at the medium strength recall >= .99 and cause right >= .95, and no error-level alarm
on clean data.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scoring import CLEAN, SEEDS, Flag, Trial, append, is_good, markdown, read
from trial import LandedShop, judge, land_shop

from runner.project.parse import load_project
from runner.quality import Quality, load_quality
from runner.session.spark import spark_session
from simulate.defects import Defect
from simulate.expected import EXPECTED, MODEL_FAULTS, STRENGTHS
from simulate.settings import Profile, ShopSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.result import SuiteResult
    from runner.project.parse import Project

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- scorecard.py --write begins here -->", "<!-- and ends here -->"
_READ = ("expectations", "models", "macros", "simulate", "ingest")
_UNIFORM_EACH = 5  # every fifth clean shop is of the other profile
# One process for hundreds of tiny shops: what plans queries is compiled as far as it can be, and plans are not made anew.
_SPARK = {
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseSerialGC",
}


def main() -> int:
    """Makes the trials that are missing, prints the page; returns 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join([*EXPECTED, *MODEL_FAULTS]), help="Defects; none for no defect.")
    parser.add_argument("--strengths", default=",".join(STRENGTHS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--clean", type=int, default=CLEAN, help="How many clean shops.")
    parser.add_argument("--sessions", type=int, default=3_000)
    parser.add_argument("--results", type=Path, default=ROOT / "target" / "scorecard.jsonl")
    parser.add_argument("--most", type=int, default=0, help="Judge so many data sets, then stop; 0 for all.")
    parser.add_argument(
        "--codes", default="", help="Results that count, too: made before a change that cannot touch them."
    )
    parser.add_argument("--write", action="store_true", help="Write the tables into benchmarks/README.md as well.")
    options = parser.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    code = code_of(options.sessions)
    wanted = list(planned(options.kinds.split(","), options.strengths.split(","), options.seeds, options.clean))
    done = {trial.key: trial for trial in read(options.results, {code, *options.codes.split(",")})}
    missing = [trial for trial in wanted if trial.key not in done]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} data sets are judged already. Code: {code}.", file=sys.stderr)
    if options.most:
        missing = missing[: options.most]
    if missing:
        with tempfile.TemporaryDirectory(prefix="scorecard-") as folder:
            for trial in made(missing, Path(folder), options.sessions):
                found = replace(trial, code=code)
                append(options.results, found)
                done[found.key] = found
                print(_line(found), file=sys.stderr, flush=True)
    trials = [done[trial.key] for trial in wanted if trial.key in done]
    page = markdown(trials, options.sessions)
    print(page)
    if options.write:
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), page), encoding="utf-8")
    return 0 if is_good(trials) else 1


def placed(text: str, page: str) -> str:
    """Returns the text with the page between the two lines that keep its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{page.rstrip()}\n{END}{rest.split(END)[1]}"


def planned(kinds: Iterable[str], strengths: Iterable[str], seeds: int, clean: int) -> Iterable[Trial]:
    """Yields the trials to make: all of a seed together, then the clean shops."""
    listed = [kind for kind in kinds if kind != "none"]
    for kind in listed:
        if kind not in EXPECTED and kind not in MODEL_FAULTS:
            raise SystemExit(f'"{kind}" is no defect. Known: {", ".join([*EXPECTED, *MODEL_FAULTS])}, or none.')
    chosen = list(strengths)
    for seed in range(1, seeds + 1):
        for kind in listed:
            for strength in chosen:
                yield Trial(kind=kind, strength=strength, seed=seed)
    for seed in range(1, clean + 1):
        yield Trial(kind="uniform" if seed % _UNIFORM_EACH == 0 else "realistic", strength="clean", seed=seed)


def made(trials: Iterable[Trial], folder: Path, sessions: int) -> Iterable[Trial]:
    """Yields the trials with what the checks said of them."""
    project = load_project(ROOT)
    quality = load_quality(project)
    spark = spark_session("scorecard", scratch=folder / "scratch", settings=_SPARK, small=True)
    base: Base | None = None
    for number, trial in enumerate(trials):  # a folder each: Spark remembers tables by their paths
        if trial.strength == "clean":
            yield clean_trial(spark, project, quality, folder / f"clean{number}", trial, sessions)
            continue
        if base is None or base.shop.settings.seed != trial.seed:
            if base is not None:
                shutil.rmtree(folder / f"base{base.shop.settings.seed}")
            base = Base(spark, project, quality, folder / f"base{trial.seed}", trial.seed, sessions)
        yield base.trial(trial, folder / f"defect{number}")
    spark.stop()


class Base:
    """The clean shop of one seed, landed, with what is said of it; defects are planted into what is landed anew."""

    def __init__(
        self, spark: SparkSession, project: Project, quality: Quality, folder: Path, seed: int, sessions: int
    ) -> None:
        self.spark, self.project, self.quality = spark, project, quality
        self.shop: LandedShop = land_shop(spark, project, folder, ShopSettings(sessions=sessions, seed=seed))
        self._said: dict[str, SuiteResult] = {}

    def trial(self, trial: Trial, folder: Path) -> Trial:
        """Returns the trial of a defect: what is flagged that the clean shop does not have."""
        self._judge(trial.tables)
        started = time.perf_counter()
        strength = next(one for one in STRENGTHS if one == trial.strength)
        if trial.kind in MODEL_FAULTS:
            fault = MODEL_FAULTS[trial.kind]
            shop = self.shop.with_faults(folder, {fault.model: fault.sql[strength]})
        else:
            expected = EXPECTED[trial.kind]
            settings = replace(self.shop.settings, defects=(Defect(name=trial.kind, rate=expected.rate(strength)),))
            shop = land_shop(self.spark, self.project, folder, settings, like=self.shop, landed=expected.landed)
        said: dict[str, SuiteResult] = {}
        for tables in self._steps(trial):
            said |= judge(self.spark, shop, self.quality, tables)
            if any(self._new(table, said[table]) for table in tables):
                break
        shutil.rmtree(folder)
        return told(trial, said, self._said, time.perf_counter() - started)

    def _steps(self, trial: Trial) -> list[list[str]]:
        """Returns the tables that are asked together; of what counts for no check alone, nearest first, until one flags."""
        tables = self._checked(trial.tables)
        return [tables] if trial.strength == "medium" else [[table] for table in tables]

    def _new(self, table: str, result: SuiteResult) -> bool:
        known = {one.title for one in self._said[table].flagged()}
        return any(one.title not in known for one in result.flagged())

    def _checked(self, tables: Iterable[str]) -> list[str]:
        nodes = {node.label: node.unique_id for node in self.project.nodes()}
        return [table for table in tables if self.quality.checked([nodes[table]])]

    def _judge(self, tables: Iterable[str]) -> None:
        new = [table for table in self._checked(tables) if table not in self._said]
        if new:
            self._said |= judge(self.spark, self.shop, self.quality, new)
            for table in new:
                for one in self._said[table].flagged():
                    seed = self.shop.settings.seed
                    print(
                        f"          clean shop {seed}, not counted: {table}: {one.title}: {one.message}",
                        file=sys.stderr,
                    )


def clean_trial(
    spark: SparkSession, project: Project, quality: Quality, folder: Path, trial: Trial, sessions: int
) -> Trial:
    """Returns the trial of a clean shop: every check of every table."""
    started = time.perf_counter()
    profile: Profile = "uniform" if trial.kind == "uniform" else "realistic"
    shop = land_shop(spark, project, folder, ShopSettings(sessions=sessions, seed=trial.seed, profile=profile))
    written = [node.label for node in project.nodes() if getattr(node, "language", "sql") == "sql"]
    nodes = {node.label: node.unique_id for node in project.nodes()}
    said = judge(spark, shop, quality, [label for label in written if quality.checked([nodes[label]])])
    shutil.rmtree(folder)
    return told(trial, said, {}, time.perf_counter() - started)


def told(trial: Trial, said: Mapping[str, SuiteResult], before: Mapping[str, SuiteResult], seconds: float) -> Trial:
    """Returns the trial with the flags that were not there before, and the verdict over them, table by table."""
    from expectations.diagnosis.verdict import verdict

    flags: list[Flag] = []
    causes: dict[str, str] = {}
    for table, result in said.items():
        known = {one.title for one in before[table].flagged()} if table in before else set()
        new = tuple(one for one in result.flagged() if one.title not in known)
        if new:
            causes[table] = verdict(replace(result, results=new)).cause
        flags += [
            Flag(table=table, check=one.type, title=one.title, cause=one.cause, blocks=one.blocking) for one in new
        ]
    checks = sum(len(result.results) for result in said.values())
    return replace(trial, flags=tuple(flags), causes=causes, checks=checks, seconds=round(seconds, 2))


def code_of(sessions: int) -> str:
    """Returns a digest of all that decides what is said of a data set."""
    digest = hashlib.sha256(str(sessions).encode())
    files = [path for name in _READ for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".sql", ".yml")]
    for path in sorted([*files, ROOT / "sources.yml", ROOT / "project.yml"]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _line(trial: Trial) -> str:
    name = f"{trial.kind} {trial.strength} {trial.seed}"
    if trial.strength == "clean":
        said = ", ".join(f"{flag.table}: {flag.title}{' (error)' * flag.blocks}" for flag in trial.flags) or "no alarm"
    else:
        said = f"{'named' if trial.is_named else 'found' if trial.is_found else 'MISSED'}: {trial.cause or '-'}"
    return f"{trial.seconds:6.1f} s  {name:<40} {said}"


if __name__ == "__main__":
    sys.exit(main())
