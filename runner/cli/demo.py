"""`run demo`: the main job on a small simulated shop, and the figures that it comes to."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from runner import delta
from runner.cli.docs import site_after
from runner.cli.generate import write_shop
from runner.cli.session import Command, project_options, say
from runner.cli.work import build_all, finish
from runner.errors import ProjectError
from runner.project.parse import Project


@click.command("demo", short_help="Simulate a small shop, land it, build and check all models, write report and site.")
@click.option("--sessions", default=20_000, show_default=True, help="How many sessions.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same figures.")
@project_options
def demo_command(command: Command, sessions: int, seed: int) -> int:
    """Do the main job on a simulated shop, with nothing but Python and Java, and say where the results are."""
    project = command.project()
    folder = project.files.target.data
    _check_folder(project, sessions, seed)
    summary = write_shop(folder, sessions=sessions, seed=seed)
    for line in summary.lines():
        say(line)
    with command.keeping_spark():
        results = build_all(command, full_refresh=True)  # another shop may have been here
        code = finish(command, results, verb="tables")
        site_after(command, results)
    if code == 0:
        for line in _figures(project):
            say(line)
    return code


def _check_folder(project: Project, sessions: int, seed: int) -> None:
    folder = project.files.target.data
    manifest = folder / "shop.json"
    if not folder.exists() or not any(folder.iterdir()):
        return
    if manifest.is_file():
        from simulate.settings import ShopSettings

        found = json.loads(manifest.read_text(encoding="utf-8")).get("settings", {})
        if found == json.loads(json.dumps(asdict(ShopSettings(sessions=sessions, seed=seed)), default=str)):
            return
    raise ProjectError(
        f"{folder}: this folder holds other data, which the demo would replace. Run it elsewhere: run demo --target demo"
    )


def _figures(project: Project) -> list[str]:
    """Returns the shop's figures as read from the published marts."""
    daily = _rows(project, "daily_trends")
    orders = sum(row["order_count"] for row in daily)
    revenue = sum((row["revenue"] for row in daily), Decimal(0))
    stages = [row for row in _rows(project, "funnel") if row["level"] == "session"]
    stages.sort(key=lambda row: row["stage_order"])
    steps = " -> ".join(f"{row['count']:,} {row['stage']}" for row in stages)
    best = max(_rows(project, "clv"), key=lambda row: (row["clv"], row["user_id"]))
    alerts = _rows(project, "low_stock_alerts")
    return [
        "",
        f"Revenue     {revenue:,.2f} from {orders:,} orders in {len(daily)} days; {revenue / orders:,.2f} an order",
        f"Sessions    {steps}; {stages[-1]['overall_conversion']:.1%} of those with a view buy",
        f"Worth most  {best['user_id']}: {best['clv']:,.2f} expected, {best['past_spend']:,.2f} spent so far",
        f"Stock       {len(alerts):,} products to order again",
        "",
        f"Next: {activation()}run show clv     run models --select clv+ --force     run ls     run test",
    ]


def activation() -> str:
    """Returns what to type before `run` is found; nothing where it is this environment's own that the PATH names."""
    folder = Path(sys.executable).parent
    found = shutil.which("run")
    if not (folder / "activate").is_file() or (found and Path(found).parent.resolve() == folder.resolve()):
        return ""
    here = Path.cwd()
    return f". {folder.relative_to(here) if folder.is_relative_to(here) else folder}/activate     "


def _rows(project: Project, name: str) -> list[dict[str, Any]]:
    return delta.first_rows(project.models[name].table.path(project.warehouse), 1_000_000)[1]
