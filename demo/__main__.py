"""`python -m demo`: from simulated feeds to confirmed audiences, with proof."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from demo.people import appoint
from demo.stage import PROJECT, Stage
from sandbox.destinations.process import DEFAULT_TOKEN, running_sandbox

FEEDS = "feeds.json"
SPOOL = "dagster.yaml"


def main(  # noqa: PLR0917 - typer reads options from the parameters
    members: Annotated[int, typer.Option(help="Simulated members.")] = 5000,
    days: Annotated[int, typer.Option(help="Days of feeds.")] = 180,
    seed: Annotated[int, typer.Option(help="Names the simulated world.")] = 7,
    next_day: Annotated[
        bool, typer.Option("--next-day", help="Let one more day of feeds arrive first.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw the last demo away and begin anew.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo plays.")] = Path(".demo"),
) -> None:
    """Play the whole way: feeds, warehouse, audiences, approval, delivery, ledger."""
    started = time.monotonic()
    # Each look for garbage goes through the million objects that Dagster and dbt keep.
    gc.set_threshold(100_000, 50, 100)
    stage = Stage(folder.resolve())
    if fresh and stage.folder.exists():
        shutil.rmtree(stage.folder)
    stage.folder.mkdir(parents=True, exist_ok=True)
    feeds = _settle_feeds(stage, members, days, seed, next_day=next_day)
    writing = _write_feeds(stage, feeds)
    made = appoint(stage.governance, stage.keys, PROJECT)
    _write_dagster_settings(stage)
    stage.mailhouse.mkdir(exist_ok=True)
    with running_sandbox(drop=stage.mailhouse, state=stage.sandbox, limits=False) as destinations:
        os.environ.update(stage.environment(destinations.base_url, DEFAULT_TOKEN))
        # Imported here: Dagster and dbt read the environment when they are imported.
        from demo.play import play  # noqa: PLC0415

        play(stage, feeds, writing, has_new_keys=made)
    typer.echo(f"Done in {time.monotonic() - started:.0f} seconds.")


def _settle_feeds(
    stage: Stage, members: int, days: int, seed: int, *, next_day: bool
) -> dict[str, int]:
    """Return which feeds the demo has: those of its first call, one day more on request."""
    path = stage.folder / FEEDS
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if next_day and not known:
        sys.exit("There is no demo yet to add a day to: run `make demo` first.")
    feeds = known or {"members": members, "days": days, "seed": seed, "written": 0}
    if next_day and feeds["written"] == feeds["days"]:
        feeds["days"] += 1
    path.write_text(json.dumps(feeds))
    return feeds


def _write_feeds(stage: Stage, feeds: dict[str, int]) -> subprocess.Popen[bytes] | None:
    """Start writing the missing feeds; other things may go on meanwhile."""
    if feeds["written"] >= feeds["days"]:
        return None
    # The graph is loaded meanwhile, which takes longer on its one core: it goes first.
    command = [
        "nice", sys.executable, "-m", "sandbox", "feeds",
        "--members", str(feeds["members"]), "--days", str(feeds["days"]),
        "--seed", str(feeds["seed"]), "--from-day", str(feeds["written"] + 1),
        "--out", str(stage.landing), "--json",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT)


def _write_dagster_settings(stage: Stage) -> None:
    stage.dagster.mkdir(exist_ok=True)
    settings: dict[str, Any] = {
        # Nothing phones home, and no window asks for an address.
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        # Dagster's default writes each event of an asset to two files, through three connections,
        "event_log_storage": {
            "module": "demo.events",
            "class": "EventLog",
            "config": {"base_dir": str(stage.dagster / "events")},
        },
    }
    (stage.dagster / SPOOL).write_text(json.dumps(settings) + "\n")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
