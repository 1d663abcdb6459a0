"""The emergency stop: one file that every run looks at before each batch."""

from __future__ import annotations

from activation.context import Context
from activation.delivery.watch import HALT_FILE
from activation.reasons import check_reason, clean_reason
from tellerline.canonical import canonical_json
from tellerline.clock import Clock, timestamp
from tellerline.durable import replace_file, sync_folder
from tellerline.errors import UsageError
from tellerline.settings import Settings


def halt_all(settings: Settings, clock: Clock, person: str, reason: str) -> str:
    """Stop all sending, and return the reason as it is kept.

    It needs neither the operational database nor the ledger, which may be held or damaged just when
    sending has to stop; `tell_halted` follows.

    Args:
        settings: The installation.
        clock: What time it is.
        person: Who halts.
        reason: Why, in any words.

    Raises:
        UsageError: The reason is blank.
    """
    kept = clean_reason(reason)
    document = {"at": timestamp(clock.now()), "by": clean_reason(person), "reason": kept}
    replace_file(settings.home / HALT_FILE, canonical_json(document) + b"\n")
    return kept


def tell_halted(context: Context, reason: str) -> None:
    """Tell the ledger who halted all sending, and why."""
    _tell(context, "halted", reason)


def resume_all(context: Context, reason: str) -> None:
    """Lift the stop, and tell the ledger who did and why.

    Raises:
        UsageError: Nothing is halted, or the reason is none.
    """
    check_reason(reason)
    path = context.settings.home / HALT_FILE
    if not path.exists():
        raise UsageError("sending", "is not halted.")
    _tell(context, "resumed", reason)
    path.unlink()
    sync_folder(path.parent)


def _tell(context: Context, what: str, reason: str) -> None:
    with context.state.transaction() as connection:
        context.reporter.record(connection, "config.changed", {"reason": reason, "sending": what})
