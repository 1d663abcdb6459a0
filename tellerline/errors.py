"""The one tree of errors, cut by what the caller does next.

Every error names the object, what is wrong with it and what to do, and never carries a member's
data: its texts reach terminals, logs and run metadata.
"""

from __future__ import annotations

LONGEST_NAME = 80


def shown(name: str) -> str:
    """Return a name that a person gave, as a message shows it: one line, cut at 80 characters."""
    plain = "".join(character if character.isprintable() else "?" for character in name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"


class TellerlineError(Exception):
    """Something an operator can understand and act upon.

    Args:
        subject: The object concerned, such as a file name, a segment or a run id.
        problem: What is wrong with it.
        remedy: What to do next; empty when nothing is to be done.
    """

    exit_code = 1

    def __init__(self, subject: str, problem: str, remedy: str = "") -> None:
        self.subject = subject
        self.problem = problem
        self.remedy = remedy
        super().__init__(subject, problem, remedy)

    def __str__(self) -> str:
        text = f"{self.subject}: {self.problem}"
        return f"{text} {self.remedy}" if self.remedy else text


class UsageError(TellerlineError):
    """The call is wrong: correct it and call again."""

    exit_code = 2


class RetryableError(TellerlineError):
    """A passing fault: the same call may succeed later.

    Args:
        retry_after_seconds: How long the other side asked to wait, when it said so.
        outcome_unknown: True when the request may have been applied although no answer came.
    """

    def __init__(
        self,
        subject: str,
        problem: str,
        remedy: str = "",
        *,
        retry_after_seconds: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(subject, problem, remedy)
        self.retry_after_seconds = retry_after_seconds
        self.outcome_unknown = outcome_unknown


class BatchRejectedError(TellerlineError):
    """The other side refused this batch for good: give up its rows, or bisect it."""


class RunStoppedError(TellerlineError):
    """Stop the run and look: going on could do harm."""


class ConfigurationError(RunStoppedError):
    """A file of ours is wrong: mend it and run again."""


class ContractError(RunStoppedError):
    """What arrived, or what stands in the warehouse, does not keep its contract."""


class IntegrityError(RunStoppedError):
    """Bytes are not what their hash or signature says: treat it as an incident."""


class ConflictError(RunStoppedError):
    """Another process holds the object, or it moved on meanwhile: wait, then run again."""


class CredentialsError(RunStoppedError):
    """A secret or key is missing, wrong or readable by others: mend it and run again."""


class PolicyRefusedError(RunStoppedError):
    """A rule refuses: ask compliance. Nothing was sent."""

    exit_code = 3


class ApprovalMissingError(PolicyRefusedError):
    """Nobody has approved this yet: let someone other than its maker do so, then go on."""


class PartialDeliveryError(TellerlineError):
    """Some rows were delivered, others were not: see the run, then run again."""

    exit_code = 4
