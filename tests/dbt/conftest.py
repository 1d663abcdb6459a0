"""What dbt wrote of the built institution, for all tests of the dbt project."""

from __future__ import annotations

import pytest

from tests.dbt.nodes import Node
from tests.dbt.sessions import DbtSession


@pytest.fixture(scope="session")
def manifest(built: DbtSession) -> Node:
    """What dbt wrote of the project."""
    return built.manifest


@pytest.fixture(scope="session")
def models(manifest: Node) -> list[Node]:
    """The models of the project."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
