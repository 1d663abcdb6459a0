"""All commands in one application."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from activation.cli import data, deciding, dictionary, proving, segments, sending


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"tellerline {version('tellerline')}")
        raise typer.Exit


app = typer.Typer(
    name="tellerline",
    help=(
        "From Alkami feeds to approved audiences at CRM, email and ad platforms, with proof.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by policy, 4 partly delivered."
    ),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
audit = typer.Typer(help="Verify the ledger, or hand it to an auditor.", no_args_is_help=True)
segment = typer.Typer(help="Work on segments.", no_args_is_help=True)
words = typer.Typer(
    help="What every column, indicator and segment means and comes from.", no_args_is_help=True
)

COMMANDS: tuple[Callable[..., None], ...] = (
    data.init, data.ingest, data.publish,
    deciding.plan, deciding.show, deciding.request,
    deciding.approve, deciding.reject, deciding.revoke,
    sending.apply, sending.abandon, sending.sync, sending.reconcile, sending.halt, sending.resume,
    proving.catalog, proving.trace, proving.reproduce, proving.forget,
)  # fmt: skip


@app.callback()
def run(
    shows_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Stand for the options that come before every command."""


for command in COMMANDS:
    app.command()(command)
audit.command("verify")(proving.verify)
audit.command("export")(proving.export)
app.add_typer(audit, name="audit")
segment.command("new")(segments.new)
segment.command("lock")(segments.lock)
segment.command("diff")(segments.diff)
app.add_typer(segment, name="segment")
for command in (dictionary.show, dictionary.lineage, dictionary.pages, dictionary.changes):
    words.command()(command)
app.add_typer(words, name="dictionary")
