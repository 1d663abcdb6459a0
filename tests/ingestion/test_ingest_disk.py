"""A disk that is full: a clear error, nothing half loaded, and the next run makes up for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from feed_site import NAMES, Site, make_file

HERE = Path(__file__).resolve().parent
CHILD = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from feed_site import Site
from tellerline.errors import TellerlineError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    print("errors", Site(Path(sys.argv[2])).run().errors)
except TellerlineError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "limit",
    [
        20_000,
        *(pytest.param(limit, marks=pytest.mark.breadth) for limit in (90_000, 300_000, 600_000)),
    ],
)
def test_no_file_may_grow_beyond_a_limit(site: Site, limit: int) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 1500))
    command = [sys.executable, "-c", CHILD, str(HERE), str(site.root), str(limit)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    told = child.stdout
    assert child.returncode == 0, child.stderr
    assert told.startswith(("RunStoppedError", "IntegrityError", "errors ['")), told
    assert "Traceback" not in child.stderr
    assert "Example" not in told
    report = site.run()
    assert report.errors == []
    assert {feed: counts.total.loaded for feed, counts in report.feeds.items()} == dict.fromkeys(
        NAMES, 1500
    )
    assert {feed: site.count(feed) for feed in NAMES} == dict.fromkeys(NAMES, 1500)
