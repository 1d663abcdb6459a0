"""The command `tellerline`."""

from __future__ import annotations

import sys

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
    except KeyboardInterrupt:
        err.print("Interrupted. What was recorded stays; run the command again to go on.")
        sys.exit(INTERRUPTED)
