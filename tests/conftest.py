"""How the tests are spread over the workers of a run."""

from __future__ import annotations

from typing import Any

import pytest

# Tests that share what is dear to make: one worker makes it once for all of them.
TOGETHER = {
    "tests/dbt/": "the built institution",
    "tests/activation/segments/test_diff.py": "the built institution",
    "tests/activation/lineage/test_project.py": "the compiled project",
    "tests/demo/": "the demo",
    "tests/orchestration/": "the graph",
    "tests/sandbox/feeds/test_feeds_behaviour.py": "a simulated world",
}


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
