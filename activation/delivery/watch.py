"""What may change under a run: consent, the approval, the order to halt.

Looking costs a few system calls and a short query, so it is done before every batch; acting on a
change is rarer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from activation.approvals.check import Approval, find_approval
from activation.consent import LiveConsent
from activation.consent import Signature as ConsentSignature
from activation.context import Context
from activation.plan.document import Plan
from tellerline.clock import parse_timestamp
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

    consent: ConsentSignature
    approval: tuple[tuple[str, int, int], ...]
    halted: bool


class Watch:
    """Keeps a run honest while it goes on.

    Args:
        context: Who sends, and where.
        plan: The plan that is sent.
        run_id: The run.
        approval: The approval under which the run started.
        consent: The live consent state.
    """

    def __init__(
        self, context: Context, plan: Plan, run_id: str, approval: Approval, consent: LiveConsent
    ) -> None:
        self._context = context
        self._plan = plan
        self._run_id = run_id
        self._approval = approval
        self._consent = consent
        # Nothing was looked at yet: the first review looks at everything.
        self._seen: Signature | None = None
        self._holds_until = context.clock.now()
        self.reviews = 0

    def changed(self, reviews: int) -> bool:
        """Say whether the world is another than after so many reviews; safe in any thread.

        A batch that was rendered before the latest review may hold a row that it ruled out.
        """
        return (
            reviews != self.reviews
            or self._look() != self._seen
            or self._context.clock.now() >= self._holds_until
        )

    def review(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take the world as it is now: the approval if it changed or ended, consent always.

        Raises:
            PolicyRefusedError: Halted, no longer approved, or consent is stale or not all loaded.
            IntegrityError: A signed file or the consent journal was changed.
        """
        looked, now = self._look(), self._context.clock.now()
        check_not_halted(self._context)
        is_known = self._seen is not None and self._seen.approval == looked.approval
        if not is_known or now >= parse_timestamp(self._approval.not_after):
            self._approval = find_approval(self._context, self._plan, self._run_id)
        consent_holds_until = self._consent.load(connection, now)
        self.reviews += 1
        self._seen = looked
        self._holds_until = min(parse_timestamp(self._approval.not_after), consent_holds_until)

    def _look(self) -> Signature:
        governance = self._context.settings.governance
        folder = self._context.settings.approvals / self._approval.request_id
        files = [governance / "roles.yml", governance / "allowed_signers", folder]
        files += sorted(folder.iterdir()) if folder.is_dir() else []
        return Signature(
            self._consent.signature(),
            tuple(_stamp(path) for path in files),
            (self._context.settings.home / HALT_FILE).exists(),
        )


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (path.name, 0, 0)
    # Unlike the time of modification, nobody can set this one back.
    return (path.name, status.st_size, status.st_ctime_ns)
