"""Fixtures: one sandbox for all tests of a process, one installation a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.destinations.process import SandboxProcess, running_sandbox
from tests.activation.installation import Installation, TickingClock, make_installation


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    drop = tmp_path_factory.mktemp("mailhouse")
    with running_sandbox(drop=drop, limits=False) as process:
        yield process


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def installation(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Installation]:
    environment = {
        "TELLERLINE_HUBSPOT_TOKEN": sandbox.token,
        "TELLERLINE_HUBSPOT_BASE_URL": sandbox.base_url,
        "TELLERLINE_MAILHOUSE_BASE_URL": f"file://{sandbox.drop}",
    }
    made = make_installation(tmp_path, TickingClock(), environment)
    yield made
    made.state.close()
