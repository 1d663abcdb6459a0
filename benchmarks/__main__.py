"""`python -m benchmarks NAME`: measure figures, each against a baseline in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import delivery, merchants, scores, whole_way
from benchmarks.build.measures import measure_build
from benchmarks.figure import Figure
from benchmarks.klis import measuring as klis
from tellerline.errors import TellerlineError

BENCHMARKS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "build": measure_build,
    "delivery": delivery.measure,
    "demo": whole_way.measure,
    "klis": klis.measure,
    "merchants": merchants.measure,
    "scores": scores.measure,
}


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join(BENCHMARKS)}; all when absent.")
    ] = None,
    members: Annotated[
        int, typer.Option(help="Members; 0 for the size that the goal speaks of.")
    ] = 0,
    transactions: Annotated[
        int, typer.Option(help="Transactions of the benchmark build; 0 for fifty a member.")
    ] = 0,
    write: Annotated[
        bool, typer.Option(help="Write the figures of the benchmark build to its page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Measure figures and say whether each goal holds.

    Example: python -m benchmarks delivery --json
    """
    unknown = sorted(set(names or ()) - BENCHMARKS.keys())
    if unknown:
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
    figures = []
    benchmarks = BENCHMARKS | {
        "build": partial(measure_build, transactions=transactions, write=write)
    }
    try:
        for name in names or BENCHMARKS:
            for figure in benchmarks[name](members):
                figures.append(figure)
                if as_json:
                    typer.echo(figure.to_json())
    except TellerlineError as error:
        # What was measured until then may have taken an hour: it is shown below all the same.
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    finally:
        if figures and not as_json:
            _show(figures)
    raise typer.Exit(0 if all(figure.holds for figure in figures) else 1)


def _show(figures: list[Figure]) -> None:
    table = Table("figure", "value", "unit", "baseline", "ratio", "goal", "holds")
    for item in figures:
        table.add_row(
            item.figure, f"{item.value:,.1f}", item.unit, f"{item.baseline:,.1f}",
            f"{item.ratio:.2f}", item.goal, "yes" if item.holds else "[red]no[/]",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
