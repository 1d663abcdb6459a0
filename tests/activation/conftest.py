"""Fixtures: one sandbox for all tests of a process, one installation a test."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.destinations.process import SandboxProcess, running_sandbox
from tests.activation.driver import Driver, running_driver
from tests.activation.installation import Installation, TickingClock, make_installation
from tests.activation.proxy import Proxy, proxy_to


@pytest.fixture(scope="session", autouse=True)
def no_cycles_at_exit() -> Iterator[None]:
    """Free what caught errors hold: DuckDB complains of what outlives the interpreter."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    drop = tmp_path_factory.mktemp("mailhouse")
    with running_sandbox(drop=drop, limits=False) as process:
        yield process


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    # The mail house looks through its folder many times a second: what lies there costs it time.
    for path in shared_sandbox.drop.iterdir():
        path.unlink()
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    with running_driver() as running:
        yield running


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder in memory where there is one, because each write is forced to disk."""
    memory = Path("/dev/shm")  # noqa: S108 - not a fixed name: the folder below has a random one
    where = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tellerline-test-", dir=where) as folder:
        yield Path(folder)


@pytest.fixture
def installation(sandbox: SandboxProcess, home: Path) -> Iterator[Installation]:
    with prepared(home, sandbox) as made:
        yield made


@contextmanager
def prepared(home: Path, sandbox: SandboxProcess) -> Iterator[Installation]:
    """Make an installation in a folder that knows where the sandbox is."""
    environment = {
        "TELLERLINE_HUBSPOT_TOKEN": sandbox.token,
        "TELLERLINE_HUBSPOT_BASE_URL": sandbox.base_url,
        "TELLERLINE_MAILHOUSE_BASE_URL": f"file://{sandbox.drop}",
    }
    made = make_installation(home, TickingClock(), environment)
    yield made
    made.state.close()


@pytest.fixture
def proxy(installation: Installation, sandbox: SandboxProcess) -> Iterator[Proxy]:
    """Let a proxy stand between the installation and the portal."""
    with proxy_to(sandbox.base_url) as running:
        environment = dict(installation.settings.environment)
        environment["TELLERLINE_HUBSPOT_BASE_URL"] = running.base_url
        installation.settings = replace(installation.settings, environment=environment)
        yield running
