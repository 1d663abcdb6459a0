"""Training and measures of scorecards on cases whose answers are known."""

from __future__ import annotations

from datetime import date
from math import isclose, log

import pytest

from benchmarks.scoring.features import BINS, FEATURES, bin_of
from benchmarks.scoring.measures import Scored, area_under_curve, calibration, stability_index
from benchmarks.scoring.training import fit
from benchmarks.scoring.worlds import outcome

AS_OF = date(2026, 10, 31)


def test_area_under_the_curve_counts_pairs_and_halves_of_ties():
    scored = [
        Scored(3, 0.0, True), Scored(1, 0.0, True), Scored(1, 0.0, False), Scored(2, 0.0, False),
    ]  # fmt: skip
    assert area_under_curve(scored) == (1 + 1 + 0.5 + 0) / 4


def test_calibration_compares_decile_by_decile():
    scored = [Scored(i, i / 100, i >= 90) for i in range(100)]
    found = calibration(scored)
    assert len(found) == 10
    assert isclose(found[0][0], 0.045)
    assert found[0][1] == 0.0
    assert found[9][1] == 1.0


def test_stability_is_zero_for_the_same_and_grows_with_the_shift():
    before = list(range(1000))
    assert stability_index(before, before) == 0.0
    small, large = (stability_index(before, [s + by for s in before]) for by in (50, 400))
    assert 0 < small < large


def test_stability_survives_scores_that_are_all_equal():
    assert stability_index([500] * 20, [500] * 30) == 0.0


def test_training_finds_the_odds_of_each_bin():
    # One in two with a mortgage against one in ten without: nine times the odds.
    rows = [{"mortgage_count": 0}] * 5000 + [{"mortgage_count": 1}] * 5000
    outcomes = [i % 10 == 0 for i in range(5000)] + [i % 2 == 0 for i in range(5000)]
    base, without, with_one = fit(("mortgage_count",), rows, outcomes)
    assert base.feature_id == "base"
    assert without.points == -with_one.points
    assert abs((with_one.points - without.points) - 100 * log(9) / log(2)) <= 4


def test_points_of_a_feature_are_centred_on_those_trained_on():
    rows = [{"mortgage_count": 0}] * 900 + [{"mortgage_count": 1}] * 100
    outcomes = [i % 20 == 0 for i in range(900)] + [i % 4 == 0 for i in range(100)]
    _, without, with_one = fit(("mortgage_count",), rows, outcomes)
    assert abs(without.points * 900 + with_one.points * 100) <= 1000


@pytest.mark.parametrize(
    ("value", "index"), [(0, 0), (364, 0), (365, 1), (1824, 1), (1825, 2), (9_999_999, 2)]
)
def test_a_bin_begins_at_its_lower_bound(value, index):
    assert bin_of("tenure_days", value) == index


def test_scores_read_features_that_have_bins():
    assert {feature for read in FEATURES.values() for feature in read} <= set(BINS)


@pytest.mark.parametrize(
    ("fate", "ends_on", "expected"),
    [
        ("closed", "2026-10-31", False),
        ("closed", "2026-11-01", True),
        ("closed", "2027-01-29", True),
        ("closed", "2027-01-30", False),
        ("deceased", "2026-11-01", None),
        ("deceased", "2027-01-30", False),
        ("active", None, False),
    ],
)
def test_leavers_leave_within_the_days_that_count(fate, ends_on, expected):
    truth = {"fate": fate, "ends_on": ends_on}
    assert outcome(truth, None, AS_OF, 90) is expected


@pytest.mark.parametrize(
    ("code", "started", "expected"),
    [
        ("VISA-CASH", "2026-10-31", False),
        ("VISA-CASH", "2026-11-01", True),
        ("VISA-PLAT", "2027-01-29", True),
        ("VISA-PLAT", "2027-01-30", False),
        ("AL-NEW", "2026-11-01", False),
    ],
)
def test_those_who_want_a_product_apply_within_the_days_that_count(code, started, expected):
    application = {"product_code": code, "steps": [["application.started", started]]}
    truth = {"fate": "active", "ends_on": None, "applications": [application]}
    assert outcome(truth, "credit_card", AS_OF, 90) is expected


@pytest.mark.parametrize(
    ("where", "since", "until", "expected"),
    [
        ("elsewhere", "2026-10-31", None, True),
        ("elsewhere", "2026-05-05", "2026-11-01", True),
        ("elsewhere", "2026-05-05", "2026-10-31", False),
        ("elsewhere", "2026-11-01", None, False),
        ("here", "2026-05-05", None, False),
        ("nowhere", "2026-05-05", None, False),
    ],
)
def test_wages_elsewhere_are_earned_on_the_day(where, since, until, expected):
    stint = {"meaning": "wages", "where": where, "from": since, "to": until}
    truth = {"fate": "active", "ends_on": None, "income": [stint]}
    assert outcome(truth, "direct_deposit", AS_OF, 0) is expected
