"""Who entered and left: recorded once a day by runs that succeed, and never rewritten."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.sessions import LAST_DAY, DbtSession

SEGMENT = "seg_retention__dormant_digital"
OTHER = "seg_recapture__mortgage_elsewhere"
EVE = date(2026, 6, 29)
CHANGES = "select * from history.membership_changes order by all"


@pytest.fixture
def home(built: DbtSession, tmp_path: Path) -> DbtSession:
    """A copy of what was built, with its history."""
    return built.copied_to(tmp_path)


def enter_on_the_eve(home: DbtSession, collection: str, version: str, member_id: str) -> None:
    """Record that a member was in a segment when it was observed the day before the last."""
    with home.connect(read_only=False) as connection:
        connection.execute(
            "insert into history.membership_changes values "
            "('segment', ?, replace(?, 'seg_', ''), ?, ?, ?, 'entered', 'why')",
            [collection, collection, version, member_id, EVE],
        )
        connection.execute(
            "insert into history.observations values ('segment', ?, ?, ?, 1)",
            [collection, version, EVE],
        )


def leaves_of(home: DbtSession) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = home.rows(
        "select segment_id, member_id, left_date, leave_reason "
        "from measurement.msr_segment_memberships where left_date is not null"
    )
    return {(segment, member): (left, reason) for segment, member, left, reason in rows}


def test_every_segment_is_recorded_without_being_named(built, models):
    segments = {m["name"] for m in models if "segment" in m["config"]["meta"]}
    observed = built.rows(
        "select collection, membership_count, observed_date from history.observations "
        "where kind = 'segment'"
    )
    assert {collection for collection, _, _ in observed} == segments
    for collection, count, day in observed:
        assert built.rows(f"select count(*) from segments.{collection}") == [(count,)]
        assert day == LAST_DAY


def test_who_is_in_now_is_who_the_segments_hold(built, models):
    for model in models:
        if "segment" not in model["config"]["meta"]:
            continue
        query = f"""
            select member_id, reason from segments.{model["name"]}
            except all
            select member_id, entry_reason from measurement.msr_segment_memberships
            where 'seg_' || segment_id = '{model["name"]}' and left_date is null
        """
        assert built.rows(query) == [], model["name"]
    assert (
        built.rows("""
        select member_id, kli_id, rationale from klis.fct_member_klis
        except all
        select member_id, kli_id, entry_reason from measurement.msr_kli_memberships
        where left_date is null
    """)
        == []
    )


def test_a_leave_says_why(home):
    deceased = home.rows(
        "select min(member_id) from core.dim_members where member_status = 'deceased'"
    )[0][0]
    enter_on_the_eve(home, SEGMENT, "1.0.0", "stranger")
    enter_on_the_eve(home, SEGMENT, "1.0.0", deceased)
    enter_on_the_eve(home, OTHER, "0.9.0", "stranger")
    enter_on_the_eve(home, "seg_goal__gone", "1.0.0", "stranger")
    home.invoke("run", "--select", SEGMENT, OTHER)
    assert leaves_of(home) == {
        ("retention__dormant_digital", "stranger"): (LAST_DAY, "conditions no longer met"),
        ("retention__dormant_digital", deceased): (LAST_DAY, "member is deceased"),
        ("recapture__mortgage_elsewhere", "stranger"): (LAST_DAY, "version 1.0.0 replaced 0.9.0"),
        ("goal__gone", "stranger"): (LAST_DAY, "no longer defined"),
    }
    # The same run again changes nothing.
    once = home.rows(CHANGES)
    home.invoke("run", "--select", SEGMENT, OTHER)
    assert home.rows(CHANGES) == once


@pytest.mark.breadth
def test_days_before_the_last_one_and_beyond_the_data_are_not_recorded(home):
    recorded = home.rows(CHANGES)
    for day in ("2026-06-20", "2031-01-01"):
        asked = DbtSession(home.home)
        asked.invoke("run", "--select", "as_of", SEGMENT, "--vars", f"{{as_of_date: {day}}}")
        assert home.rows(CHANGES) == recorded, day
    with home.connect(read_only=False) as connection:
        connection.execute("update core.as_of set as_of_date = date '2026-06-20'")
    # Seen from a day before anything was observed, nobody has entered.
    assert home.rows("select count(*) from measurement.msr_segment_memberships") == [(0,)]


def test_what_was_known_then_is_not_recorded(home):
    recorded = home.rows(CHANGES)
    enter_on_the_eve(home, SEGMENT, "1.0.0", "stranger")
    entered = home.rows(CHANGES)
    assert entered != recorded
    asked = DbtSession(home.home)
    variables = f'{{as_of_date: "{LAST_DAY}", known_until: "2031-01-01"}}'
    asked.invoke("run", "--select", "as_of", SEGMENT, "--vars", variables)
    assert home.rows(CHANGES) == entered
    # A later command without the variable, on the same clock.
    home.invoke("run", "--select", SEGMENT)
    assert home.rows(CHANGES) == entered
    home.invoke("run", "--select", "as_of", SEGMENT)
    assert home.rows(CHANGES) != entered


def test_a_run_in_which_anything_fails_is_not_recorded(home):
    enter_on_the_eve(home, SEGMENT, "1.0.0", "stranger")
    recorded = home.rows(CHANGES)
    with home.connect(read_only=False) as connection:
        connection.execute(
            "insert into klis.dim_member_profile select * from klis.dim_member_profile"
        )
    with pytest.raises(AssertionError, match=f"{SEGMENT}__holds"):
        home.invoke("build", "--select", SEGMENT, "--exclude-resource-type", "unit_test")
    assert home.rows(CHANGES) == recorded
