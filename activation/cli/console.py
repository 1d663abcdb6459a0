"""What a command shows: tables and progress bars for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

# Where nobody's window sets a width, tables get the room that they need.
UNBOUND_WIDTH = 200
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else UNBOUND_WIDTH)
err = Console(stderr=True, soft_wrap=True)


def show_json(document: object) -> None:
    """Print one JSON document, keys sorted."""
    sys.stdout.write(json.dumps(document, indent=2, sort_keys=True, default=str) + "\n")


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; columns whose values are all numbers are set right."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD
    )
    for position, column in enumerate(columns):
        numbers = bool(rows) and all(_is_number(row[position]) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", no_wrap=numbers)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def say(text: str) -> None:
    """Print one line for people."""
    out.print(text, highlight=False)


def complain(text: str) -> None:
    """Print one line on standard error, its brackets as they are."""
    err.print(text, highlight=False, markup=False)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


class Bar:
    """A progress bar that a run moves on."""

    def __init__(self, progress: Progress, task: Any) -> None:  # noqa: ANN401 - rich's task id
        self._progress = progress
        self._task = task

    def advance(self, steps: int) -> None:
        """Move on by so many steps."""
        self._progress.advance(self._task, steps)


@contextmanager
def progress_bar(text: str, total: int | None, *, quiet: bool) -> Iterator[Bar]:
    """Show a bar on a terminal while the block runs; nowhere else."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=quiet or not err.is_terminal,
    )
    with progress:
        yield Bar(progress, progress.add_task(text, total=total))
