"""How the tests are spread over the workers of a run, and what whole folders of them share."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from tests.dbt.sessions import DbtSession, fill_raw

MEMBERS = 220
DAYS = 150

# Tests that share what is dear to make: one worker makes it once for all of them.
TOGETHER = {
    "tests/dbt/": "the built institution",
    "tests/activation/segments/test_diff.py": "the built institution",
    "tests/benchmarks/test_build.py": "the built institution",
    "tests/activation/lineage/test_project.py": "the compiled project",
    "tests/demo/": "the demo",
    "tests/orchestration/": "the graph",
    "tests/sandbox/feeds/test_feeds_behaviour.py": "a simulated world",
}


def pytest_configure() -> None:
    """Look for garbage seldom: each look goes through the million objects that dbt keeps."""
    gc.set_threshold(100_000, 50, 100)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole groups to a worker, the largest first, and all other tests one by one."""
    # Imported here: without workers the plugin need not be there.
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415

    class Spread(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = (group for place, group in TOGETHER.items() if nodeid.startswith(place))
            return next(shared, nodeid)

    return Spread(config, log)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """The fixture's institution, built with all models, tests and unit tests."""
    session = DbtSession(tmp_path_factory.mktemp("institution"))
    fill_raw(session, members=MEMBERS, days=DAYS)
    session.parse()
    session.build()
    return session
