"""The command `tellerline`."""

from __future__ import annotations

import sys

import duckdb
import sqlalchemy as sa

from activation.cli.app import app
from activation.cli.console import err
from tellerline.errors import TellerlineError

INTERRUPTED = 130


def main() -> None:
    """Run a command; an error becomes a sentence and an exit code, never a traceback."""
    try:
        app()
    except TellerlineError as error:
        err.print(f"[bold red]{type(error).__name__}[/]", highlight=False, end=": ")
        err.print(str(error), highlight=False, markup=False)
        sys.exit(error.exit_code)
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or type(error).__name__}.")
    except (duckdb.Error, sa.exc.SQLAlchemyError) as error:
        # Messages of databases repeat values.
        _fail(f"A database refuses ({type(error).__name__}). See `tellerline audit verify`.")
    except KeyboardInterrupt:
        err.print("Interrupted. What was recorded stays; run the command again to go on.")
        sys.exit(INTERRUPTED)


def _fail(text: str) -> None:
    err.print(text, highlight=False, markup=False)
    sys.exit(1)
