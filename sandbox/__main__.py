"""`python -m sandbox`: the outside world on the command line."""

from __future__ import annotations

import importlib
import importlib.util

import typer

from sandbox.feeds import command

app = typer.Typer(
    help="The outside world, simulated: Alkami's feeds and the destinations' strict doubles.",
    no_args_is_help=True,
    add_completion=False,
)
app.command("feeds", epilog=command.EXAMPLE)(command.feeds)


def register_serve() -> None:
    """Add `serve` if the destinations' doubles are there; they bring their own options."""
    if importlib.util.find_spec("sandbox.destinations.command") is not None:
        doubles = importlib.import_module("sandbox.destinations.command")
        app.command("serve")(doubles.serve)


if __name__ == "__main__":
    register_serve()
    app()
