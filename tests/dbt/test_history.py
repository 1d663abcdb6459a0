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
OBSERVATIONS = "select * from history.observations order by all"


@pytest.fixture
def home(built: DbtSession, tmp_path: Path) -> DbtSession:
    """A copy of what was built, with its history."""
    return built.copied_to(tmp_path)


def enter_on_the_eve(home: DbtSession, collection: str, version: str, member_id: str) -> None:
    """Record that a member was in a segment when it was observed the day before the last."""
    subject = collection.removeprefix("seg_")
    record_on_the_eve(home, ("segment", collection, subject), collection, version, member_id)


def had_on_the_eve(home: DbtSession, kli: str, version: str, member_id: str) -> None:
    """Record that a member had an indicator when it was observed the day before the last."""
    record_on_the_eve(home, ("kli", "fct_member_klis", kli), kli, version, member_id)


def record_on_the_eve(
    home: DbtSession, subject: tuple[str, str, str], definition: str, version: str, member_id: str
) -> None:
    with home.connect(read_only=False) as connection:
        connection.execute(
            "insert into history.membership_changes values (?, ?, ?, ?, ?, ?, 'entered', 'why')",
            [*subject, version, member_id, EVE],
        )
        connection.execute(
            "insert into history.observations by name select ? as kind, ? as collection, "
            "? as definition_id, ? as subject_version, ? as observed_date, 1 as membership_count",
            [*subject[:2], definition, version, EVE],
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


def test_every_indicator_is_recorded_with_its_version_and_size(built):
    assert (
        built.rows("""
        from (
            select definition_id, subject_version, membership_count
            from history.observations where kind = 'kli'
        )
        except all
        select taxonomy.kli_id, cast(taxonomy.version as varchar), count(held.member_id)
        from seeds.kli_taxonomy as taxonomy
        left join klis.fct_member_klis as held on held.kli_id = taxonomy.kli_id
        where taxonomy.is_leaf
        group by all
    """)
        == []
    )
    assert built.rows("select count(*) from history.observations where kind = 'kli'") == built.rows(
        "select count(*) from seeds.kli_taxonomy where is_leaf"
    )


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


def test_who_has_an_indicator_no_more_is_told_whether_it_changed(home):
    [(version,)] = home.rows("select version from seeds.kli_taxonomy where kli_id = 'spend__golf'")
    had_on_the_eve(home, "spend__golf", str(version), "stranger")
    had_on_the_eve(home, "spend__pets", "0", "stranger")
    had_on_the_eve(home, "spend__gone", "1", "stranger")
    # Who entered by a former version and leaves long after it: what was observed last counts.
    had_on_the_eve(home, "spend__golf", str(version), "another")
    with home.connect(read_only=False) as connection:
        connection.execute(
            "update history.membership_changes set subject_version = '0' "
            "where member_id = 'another'"
        )
    home.invoke("run", "--select", "fct_member_klis")
    found = home.rows(
        "select subject_id, member_id, subject_version, reason from history.membership_changes "
        "where kind = 'kli' and change = 'left'"
    )
    assert sorted(found) == [
        ("spend__golf", "another", str(version), "conditions no longer met"),
        ("spend__golf", "stranger", str(version), "conditions no longer met"),
        ("spend__gone", "stranger", "1", "no longer defined"),
        ("spend__pets", "stranger", "1", "version 1 replaced 0"),
    ]


@pytest.mark.breadth
def test_days_before_the_last_one_and_beyond_the_data_are_not_recorded(home):
    recorded = home.rows(CHANGES), home.rows(OBSERVATIONS)
    with home.connect(read_only=False) as connection:
        # Named for that day and quarantined: none of the data.
        connection.execute(
            "insert into raw.loads by name select 'named' as load_id, 'transactions' as feed, "
            "date '2031-01-01' as business_date, 'quarantined' as state"
        )
    for day in ("2026-06-20", "2031-01-01"):
        asked = DbtSession(home.home)
        asked.invoke("run", "--select", "as_of", SEGMENT, "--vars", f"{{as_of_date: {day}}}")
        assert (home.rows(CHANGES), home.rows(OBSERVATIONS)) == recorded, day
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
