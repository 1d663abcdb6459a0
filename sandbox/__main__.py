"""`python -m sandbox`: the outside world, simulated."""

from __future__ import annotations

import typer

from sandbox.destinations.command import serve

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def sandbox() -> None:
    """Simulate the outside world: feeds that arrive, destinations that receive."""


app.command("serve")(serve)

if __name__ == "__main__":
    app()
