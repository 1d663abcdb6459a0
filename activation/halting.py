"""The emergency stop: one file that every run looks at before each batch."""

from __future__ import annotations

from activation.context import Context
from activation.delivery.watch import HALT_FILE
from tellerline.canonical import canonical_json
from tellerline.clock import timestamp
from tellerline.durable import replace_file, sync_folder
from tellerline.errors import UsageError


def halt_all(context: Context, reason: str) -> None:
    """Stop all sending, and tell the ledger who did and why."""
    document = {
        "at": timestamp(context.clock.now()),
        "by": context.reporter.actor.id,
        "reason": reason,
    }
    replace_file(context.settings.home / HALT_FILE, canonical_json(document) + b"\n")
    _tell(context, "halted", reason)


def resume_all(context: Context, reason: str) -> None:
    """Lift the stop, and tell the ledger who did and why.

    Raises:
        UsageError: Nothing is halted.
    """
    path = context.settings.home / HALT_FILE
    if not path.exists():
        raise UsageError("sending", "is not halted.")
    _tell(context, "resumed", reason)
    path.unlink()
    sync_folder(path.parent)


def _tell(context: Context, what: str, reason: str) -> None:
    with context.state.transaction() as connection:
        context.reporter.record(connection, "config.changed", {"reason": reason, "sending": what})
