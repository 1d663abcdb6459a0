"""The context of a Dagster step: the service `dagster`, in the installation of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from activation.context import Context
from activation.workplace import working
from tellerline.outbox import Actor

SERVICE = Actor("dagster", "service")


@contextmanager
def at_work() -> Iterator[Context]:
    """Yield the context; in the end the ledger takes what was told."""
    with working(SERVICE) as context:
        yield context
