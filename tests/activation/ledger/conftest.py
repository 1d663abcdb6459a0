from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from crash_lab import close_database
from ledger_site import Site, open_site


@pytest.fixture(scope="module", autouse=True)
def _disk_that_need_not_last() -> Iterator[None]:
    """Skip waiting for the disk: what a test leaves need not survive a power cut of the machine.

    Nothing here depends on it: a kill keeps what the kernel has, and the explorer of power cuts
    works on the recorded calls.
    """

    def relax(connection, record, proxy) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", lambda _: None)
    sa.event.listen(sa.pool.Pool, "checkout", relax)
    yield
    sa.event.remove(sa.pool.Pool, "checkout", relax)
    patch.undo()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path / "state") as opened:
        yield opened


@pytest.fixture(scope="session")
def ready_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a home once and gives it to each test that asks again."""
    homes: dict[str, Path] = {}

    def make(name: str, work: Callable[[Site], None]) -> Path:
        if name not in homes:
            homes[name] = tmp_path_factory.mktemp(name) / "state"
            with open_site(homes[name]) as opened:
                work(opened)
            close_database(homes[name])
        return homes[name]

    return make


@pytest.fixture
def copy_of(ready_home, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Return a function that opens a copy of a home that is made once."""
    opened = []

    def copy(name: str, work: Callable[[Site], None]) -> Site:
        shutil.copytree(ready_home(name, work), tmp_path / name)
        context = open_site(tmp_path / name)
        opened.append(context)
        return context.__enter__()

    yield copy
    for context in opened:
        context.__exit__(None, None, None)
