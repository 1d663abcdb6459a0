"""What may change under a run: consent, the approval, the order to halt.

Looking costs a few system calls, so it is done before every batch; acting on a change is rarer.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from activation.approvals.check import find_approval, signature_of_folder
from activation.approvals.desk import approvals_folder
from activation.consent import LiveConsent
from activation.context import Context
from activation.plan.document import Plan
from tellerline.errors import PolicyRefusedError

HALT_FILE = "HALT"


def check_not_halted(context: Context) -> None:
    """Check that nobody has halted all sending.

    Raises:
        PolicyRefusedError: Somebody has.
    """
    path = context.settings.home / HALT_FILE
    if path.exists():
        raise PolicyRefusedError(
            "all sending", "is halted.", f"See {path}; `tellerline resume` lifts it."
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """The outside world of a run at one moment; equal signatures, equal world."""

    consent: tuple[int, int]
    approvals: tuple[int, ...]
    halted: bool


class Watch:
    """Keeps a run honest while it goes on.

    Args:
        context: Who sends, and where.
        plan: The plan that is sent.
        run_id: The run.
        consent: The live consent state.
    """

    def __init__(self, context: Context, plan: Plan, run_id: str, consent: LiveConsent) -> None:
        self._context = context
        self._plan = plan
        self._run_id = run_id
        self._consent = consent
        self._seen = self._look()

    def changed(self) -> bool:
        """Say whether something changed since the last review; safe to call from any thread."""
        return self._look() != self._seen

    def review(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take the world as it is now: check the approval again, load consent again.

        Raises:
            PolicyRefusedError: Halted, no longer approved, or consent is stale.
            IntegrityError: A signed file or the consent journal was changed.
        """
        seen = self._look()
        check_not_halted(self._context)
        find_approval(self._context, self._plan, self._run_id)
        self._consent.load(connection, self._context.clock.now())
        self._seen = seen

    def _look(self) -> Signature:
        return Signature(
            self._consent.signature(),
            signature_of_folder(approvals_folder(self._context)),
            (self._context.settings.home / HALT_FILE).exists(),
        )
