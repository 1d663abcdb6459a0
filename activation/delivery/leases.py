"""Who may send for a segment and destination: a lease with a fencing number.

A scheduler is not a lock: a step may still run when the next one starts. Each taker raises the
fence, every write of a run checks it in the same transaction, and a stale holder is refused. On one
machine the kernel frees the lock file of a dead process at once; elsewhere the lease runs out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.tables import leases
from activation.locks import exclusive
from tellerline.clock import timestamp
from tellerline.errors import ConflictError

LEASE_TIME = timedelta(minutes=10)


@dataclass(slots=True)
class Lease:
    """The right to send, as long as nobody took a higher fence.

    Args:
        name: What it is for.
        fence: Its number; every taker's is higher than the one before.
        expires_at: Until when nobody on another machine takes it.
    """

    name: str
    fence: int
    expires_at: datetime

    def may_be_lost(self, now: datetime) -> bool:
        """Say whether it ran out, so that it must be checked before anything leaves."""
        return now >= self.expires_at

    def check(self, context: Context, connection: sa.Connection) -> None:
        """Prolong the lease in the open transaction.

        Raises:
            ConflictError: Another process has taken it.
        """
        expires_at = context.clock.now() + LEASE_TIME
        result = connection.execute(
            leases.update()
            .where(leases.c.name == self.name, leases.c.fence == self.fence)
            .values(expires_at=timestamp(expires_at))
        )
        if result.rowcount != 1:
            raise ConflictError(
                f"lease {self.name}",
                "was taken by another process.",
                "This one stops; the other goes on.",
            )
        self.expires_at = expires_at


@contextmanager
def hold_lease(context: Context, name: str) -> Iterator[Lease]:
    """Hold the lease `name` while the block runs.

    Raises:
        ConflictError: Another process holds it.
    """
    lock = context.settings.home / "locks" / f"{name.replace('/', '__')}.lock"
    with exclusive(lock, f"delivery {name}"):
        with context.state.transaction() as connection:
            lease = _take(context, connection, name)
        yield lease


def _take(context: Context, connection: sa.Connection, name: str) -> Lease:
    moment = context.clock.now()
    now, expires_at = timestamp(moment), moment + LEASE_TIME
    host = socket.gethostname()
    row = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    if row is not None and row.host != host and row.expires_at > now:
        raise ConflictError(
            f"delivery {name}",
            f"is held by {row.holder} on {row.host} until {row.expires_at}.",
            "Wait for it, then run again.",
        )
    fence = row.fence + 1 if row is not None else 1
    connection.execute(leases.delete().where(leases.c.name == name))
    connection.execute(
        leases.insert().values(
            name=name,
            fence=fence,
            holder=f"process {os.getpid()}",
            host=host,
            expires_at=timestamp(expires_at),
        )
    )
    return Lease(name, fence, expires_at)
