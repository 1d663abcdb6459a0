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
from datetime import timedelta

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.tables import leases
from activation.locks import exclusive
from tellerline.clock import timestamp
from tellerline.errors import ConflictError

LEASE_TIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send, as long as nobody took a higher fence."""

    name: str
    fence: int

    def check(self, context: Context, connection: sa.Connection) -> None:
        """Prolong the lease in the open transaction.

        Raises:
            ConflictError: Another process has taken it.
        """
        result = connection.execute(
            leases.update()
            .where(leases.c.name == self.name, leases.c.fence == self.fence)
            .values(expires_at=timestamp(context.clock.now() + LEASE_TIME))
        )
        if result.rowcount != 1:
            raise ConflictError(
                f"lease {self.name}",
                "was taken by another process.",
                "This one stops; the other goes on.",
            )


@contextmanager
def hold_lease(context: Context, name: str) -> Iterator[Lease]:
    """Hold the lease `name` while the block runs.

    Raises:
        ConflictError: Another process holds it.
    """
    lock = context.settings.home / "locks" / f"{name.replace('/', '__')}.lock"
    with exclusive(lock, f"delivery {name}"):
        with context.state.transaction() as connection:
            fence = _take(context, connection, name)
        yield Lease(name, fence)


def _take(context: Context, connection: sa.Connection, name: str) -> int:
    now = timestamp(context.clock.now())
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
            expires_at=timestamp(context.clock.now() + LEASE_TIME),
        )
    )
    return fence
