"""Run a command in the environment of the last demo: `python -m demo.opened COMMAND …`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from demo.stage import Stage
from sandbox.destinations.process import DEFAULT_TOKEN


def main() -> None:
    """Replace this process by the command."""
    stage = Stage(Path(".demo").resolve())
    if not stage.summary.exists():
        sys.exit("There is no demo yet: run `make demo` first.")
    os.environ.update(stage.environment(token=DEFAULT_TOKEN))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
