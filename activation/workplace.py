"""From the environment to a context: the edge of every command and of every Dagster step."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activation.artefacts import PROJECT_FILE
from activation.context import Context
from activation.installation import LEDGER_KEY
from activation.ledger.sequencer import Sequencer
from activation.version import code_version
from tellerline.clock import Clock, SystemClock
from tellerline.errors import ConfigurationError
from tellerline.outbox import Actor, Reporter
from tellerline.settings import HOME_VARIABLE, Settings
from tellerline.state import State

ACTOR_VARIABLE = "TELLERLINE_ACTOR"
PROJECT_VARIABLE = "TELLERLINE_PROJECT"


def read_settings() -> Settings:
    """Return the settings of the current folder and environment.

    Raises:
        ConfigurationError: The folder is not a Tellerline project.
    """
    project = Path(os.environ.get(PROJECT_VARIABLE, ".")).resolve()
    if not (project / PROJECT_FILE).is_file():
        raise ConfigurationError(
            str(project),
            f"is not a Tellerline project (no {PROJECT_FILE}).",
            f"Change into the checkout, or set {PROJECT_VARIABLE}.",
        )
    return Settings.from_environment(os.environ, project)


def acting_person() -> str:
    """Return who acts: the person of TELLERLINE_ACTOR, else of the operating system."""
    named = os.environ.get(ACTOR_VARIABLE, "").strip()
    if named:
        return named
    try:
        return f"os-user:{getpass.getuser()}"
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        return f"os-user:{os.getuid()}"


def check_set_up(settings: Settings) -> None:
    """Check that `tellerline init` once made the home, so that none is made by a slip of its name.

    Raises:
        ConfigurationError: It did not.
    """
    # The folder and not a key in it: others than its owner may not look inside, and a halt has to
    # hold also while a key is being replaced.
    if not settings.keys.is_dir():
        raise ConfigurationError(
            HOME_VARIABLE,
            f"names {settings.home}, where nothing was set up.",
            "Correct it, or run `tellerline init`.",
        )


@contextmanager
def working(
    actor: Actor | None = None, clock: Clock | None = None, *, setting_up: bool = False
) -> Iterator[Context]:
    """Yield the context of an actor; in the end the ledger takes what was told.

    Args:
        actor: Who acts; by default the person of TELLERLINE_ACTOR, else of the operating system.
        clock: What time it is; by default the machine's.
        setting_up: Whether the block sets the home up, which may then not be there yet.

    Raises:
        ConfigurationError: The folder is no project, or nothing was set up in the home.
    """
    settings = read_settings()
    if not setting_up:
        check_set_up(settings)
    now = clock or SystemClock()
    actor = actor or Actor(acting_person(), "person")
    with State(settings.state) as state:
        reporter = Reporter(now, actor, code_version(settings.project))
        context = Context(settings, state, reporter, now)
        try:
            yield context
        finally:
            if (settings.keys / LEDGER_KEY).exists():
                Sequencer(settings, state, now).drain()
