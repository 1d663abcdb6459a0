"""One built institution for all tests of the dbt project."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.dbt.nodes import Node
from tests.dbt.sessions import DbtSession, fill_raw

MEMBERS = 220
DAYS = 150
COMPLETE = "complete"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """The fixture's institution, built with all models, tests and unit tests.

    Workers that run side by side share one build: the first one makes it, the others wait.
    """
    session = DbtSession(shared_folder(tmp_path_factory) / "institution")
    session.home.mkdir(exist_ok=True)
    with (session.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (session.home / COMPLETE).exists():
            fill_raw(session, members=MEMBERS, days=DAYS)
            session.parse()
            session.invoke("build")
            (session.home / COMPLETE).touch()
    return session


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of this test run, which is the parent of each worker's own."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def manifest(built: DbtSession) -> Node:
    """What dbt wrote of the project."""
    return built.manifest


@pytest.fixture(scope="session")
def models(manifest: Node) -> list[Node]:
    """The models of the project."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
