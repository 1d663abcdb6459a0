"""`python -m curation`: make the seeds of merchants again from public lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation import brands, codes, unseen

PROJECT = Path(__file__).resolve().parents[1]
SEEDS = PROJECT / "seeds"
Index = Annotated[Path, typer.Argument(help="dist/json/nsi.json of name-suggestion-index.")]

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command("codes")
def refresh_codes() -> None:
    """Write seeds/merchants/mcc_categories.csv from the package iso18245.

    Example: python -m curation codes
    """
    typer.echo(f"{codes.refresh(SEEDS)} codes have no category")


@app.command("brands")
def refresh_brands(index: Index) -> None:
    """Write the brands of the index into the seeds of merchants and patterns.

    Example: python -m curation brands nsi.json
    """
    typer.echo(f"{brands.refresh(SEEDS, index)} merchants come from the index")


@app.command("unseen")
def write_unseen(index: Index) -> None:
    """Write the merchants of the evaluation that the dictionary does not know.

    Example: python -m curation unseen nsi.json
    """
    typer.echo(f"{unseen.write(PROJECT, index)} merchants, all unknown to the dictionary")


if __name__ == "__main__":
    app()
