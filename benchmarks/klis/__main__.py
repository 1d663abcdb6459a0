"""`python -m benchmarks.klis`: measure indicators on an institution that may be kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.klis.measuring import DAYS, MEMBERS, SEED, figures, measure_world
from benchmarks.klis.page import page
from benchmarks.scoring.worlds import World


def main(  # noqa: PLR0917 - typer reads options from the parameters
    members: Annotated[int, typer.Option(help="Members of the institution.")] = MEMBERS,
    days: Annotated[int, typer.Option(min=180, help="Business days, of which 180 arrive.")] = DAYS,
    seed: Annotated[int, typer.Option(help="Names the institution.")] = SEED,
    folder: Annotated[
        Path | None, typer.Option(help="Keep it here, and use what was kept before.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write docs/klis.md.")] = False,
) -> None:
    """Measure every indicator of which the simulator's hidden truth knows.

    Example: python -m benchmarks.klis --members 5000 --seed 7 --folder /tmp/world
    """
    with tempfile.TemporaryDirectory() as made:
        world = World(folder or Path(made), seed, members, days)
        if not (world.folder / "home" / "warehouse.duckdb").exists():
            world.folder.mkdir(parents=True, exist_ok=True)
            world.simulate()
        results = measure_world(world)
    measured = list(figures(results, writes=write))
    if as_json:
        for figure in measured:
            typer.echo(figure.to_json())
    else:
        typer.echo(page(results))


if __name__ == "__main__":
    typer.run(main)
