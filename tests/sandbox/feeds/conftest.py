from __future__ import annotations

import pytest
from written_feeds import World

from sandbox.feeds.plan import Plan
from sandbox.feeds.simulation import run


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A thousand members over a hundred days, with canaries."""
    plan = Plan(members=1000, days=100, seed=11, canaries=7, with_merchants=True)
    folder = tmp_path_factory.mktemp("world")
    run(plan, folder, jobs=2)
    return World(folder, plan)
