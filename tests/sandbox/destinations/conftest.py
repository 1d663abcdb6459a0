from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from drop_sender import Sender
from portal_client import KEY, VERSIONS, PortalClient

from sandbox.destinations.process import SandboxProcess, running_sandbox


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    drop = tmp_path_factory.mktemp("mailhouse") / "drop"
    # The mail house looks when a test tells it to.
    with running_sandbox(drop=drop, options=["--poll-interval", "3600000"]) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def session(sandbox: SandboxProcess) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.token}"
        yield session


@pytest.fixture
def portal(sandbox: SandboxProcess, session: requests.Session) -> PortalClient:
    client = PortalClient(sandbox, session)
    assert client.make_property(KEY, unique=True).status_code == 201
    return client


@pytest.fixture(params=VERSIONS)
def either_portal(portal: PortalClient, request: pytest.FixtureRequest) -> PortalClient:
    portal.version = request.param
    return portal


@pytest.fixture
def sender(sandbox: SandboxProcess) -> Iterator[Sender]:
    assert sandbox.drop is not None
    yield Sender(sandbox, sandbox.drop)
    for path in sandbox.drop.iterdir():
        path.unlink()
