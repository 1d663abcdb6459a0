"""`python -m sandbox feeds`: write Alkami's feeds into a folder."""

from __future__ import annotations

import json
import os
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sandbox.feeds.files import FolderError
from sandbox.feeds.plan import DEFAULT_DENSITY, DEFAULT_START, Plan
from sandbox.feeds.simulation import Summary, run

EXAMPLE = "Example: python -m sandbox feeds --members 5000 --days 180 --seed 7 --out .demo/landing"
SNAPSHOTS = ("daily", "month-end")


def feeds(  # noqa: PLR0917 - typer reads options from the parameters
    out: Annotated[Path, typer.Option(help="Folder that receives <feed>/<file> and <file>.done.")],
    members: Annotated[int, typer.Option(min=1, help="Members on business day 180.")] = 5000,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Business days to simulate.")] = 180,
    seed: Annotated[int, typer.Option(help="Names the world: same seed, same bytes.")] = 7,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First business day [2026-05-05].")
    ] = None,
    from_day: Annotated[
        int, typer.Option(min=1, help="Write only the files of this business day and later ones.")
    ] = 1,
    snapshots: Annotated[
        str, typer.Option(help="daily, or month-end: month ends and the last seven days alone.")
    ] = "daily",
    transactions_per_member_day: Annotated[
        float, typer.Option(min=0.0, help="Rows of the transactions feed per member and day.")
    ] = DEFAULT_DENSITY,
    canaries: Annotated[
        int, typer.Option(min=0, help="Members with unmistakable contact data, for leak tests.")
    ] = 0,
    truth_merchants: Annotated[
        bool, typer.Option("--truth-merchants", help="Also write who stands behind each purchase.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes; 0 for one a core. The bytes are the same.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write simulated Alkami feeds and contact data, with the dirt of real ones.

    One file per feed and business day, deterministic by seed; more days never change earlier
    files. What members really are is kept in OUT/.truth, which nothing but tests may read.
    """
    if snapshots not in SNAPSHOTS:
        raise typer.BadParameter(f"must be one of {', '.join(SNAPSHOTS)}", param_hint="--snapshots")
    if from_day > days:
        raise typer.BadParameter("lies beyond the last day (--days)", param_hint="--from-day")
    plan = Plan(
        members=members,
        days=days,
        seed=seed,
        start=start.date() if start else DEFAULT_START,
        first=from_day - 1,
        month_ends_only=snapshots == "month-end",
        density=transactions_per_member_day,
        canaries=min(canaries, members),
        with_merchants=truth_merchants,
    )
    console = Console(stderr=True)
    began = time.perf_counter()
    try:
        summary = _run(plan, out, jobs or _cores(), console)
    except FolderError as error:
        console.print(f"{error} Choose an empty folder, or delete it first.", style="red")
        raise typer.Exit(1) from None
    except OSError as error:
        reason = error.strerror or "the operating system refused"
        console.print(
            f"{out} could not be written: {reason}. Nothing in it is marked complete that is not.",
            style="red",
        )
        raise typer.Exit(1) from None
    _report(summary, plan, out, time.perf_counter() - began, as_json=as_json)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(plan: Plan, out: Path, jobs: int, console: Console) -> Summary:
    if not console.is_terminal:
        return run(plan, out, jobs=jobs)
    columns = (TextColumn("Simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("members"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("members", total=plan.members)
        return run(plan, out, jobs=jobs, advance=lambda count: progress.advance(task, count))


def _report(summary: Summary, plan: Plan, out: Path, seconds: float, *, as_json: bool) -> None:
    last = date.fromordinal(plan.start.toordinal() + plan.days - 1)
    if as_json:
        facts = {
            "members": summary.members,
            "days": plan.days,
            "from_day": plan.first + 1,
            "first_date": plan.start.isoformat(),
            "last_date": last.isoformat(),
            "seed": plan.seed,
            "canaries": plan.canaries,
            "feeds": summary.feeds,
            "seconds": round(seconds, 2),
        }
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"{summary.members:,} members, {plan.start} to {last}, in {seconds:.1f} s: {out}")
    for feed, count in summary.feeds.items():
        size = count["bytes"] / 1_000_000
        typer.echo(
            f"  {feed:18} {count['files']:>5,} files {count['rows']:>11,} rows {size:>9.1f} MB"
        )
