"""One built institution for all tests of the dbt project."""

from __future__ import annotations

import pytest

from tests.dbt.nodes import Node
from tests.dbt.sessions import DbtSession, fill_raw

MEMBERS = 220
DAYS = 150


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """The fixture's institution, built with all models, tests and unit tests."""
    session = DbtSession(tmp_path_factory.mktemp("institution"))
    fill_raw(session, members=MEMBERS, days=DAYS)
    session.parse()
    session.invoke("build")
    return session


@pytest.fixture(scope="session")
def manifest(built: DbtSession) -> Node:
    """What dbt wrote of the project."""
    return built.manifest


@pytest.fixture(scope="session")
def models(manifest: Node) -> list[Node]:
    """The models of the project."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
