"""The evaluation of merchants runs against the project as it stands, and its goals hold."""

from __future__ import annotations

import pytest

from benchmarks.merchants import measure

pytestmark = pytest.mark.breadth


def test_each_merchant_shown_once_is_read_as_well_as_the_goals_ask():
    figures = list(measure(1))
    assert len(figures) == 4
    assert [item.figure for item in figures if not item.holds] == []
