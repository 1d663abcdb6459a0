"""The command `tellerline`."""

from __future__ import annotations

import sys
from pathlib import Path

from activation.cli.app import app
from activation.cli.console import complain, err
from activation.cli.failures import FAILURES, explain
from activation.workplace import read_settings
from tellerline.errors import TellerlineError

INTERRUPTED = 130


def main() -> None:
    """Run a command; an error becomes a sentence and an exit code, never a traceback."""
    try:
        app()
    except TellerlineError as error:
        err.print(f"[bold red]{type(error).__name__}[/]", highlight=False, end=": ")
        complain(str(error))
        sys.exit(error.exit_code)
    except FAILURES as error:
        complain(explain(error, _state()))
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("Interrupted. What was recorded stays; run the command again to go on.")
        sys.exit(INTERRUPTED)


def _state() -> Path | None:
    try:
        return read_settings().state
    except FAILURES:
        return None
