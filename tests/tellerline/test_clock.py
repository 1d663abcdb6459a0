"""Time is passed in, written in one form, and identifiers sort by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tellerline.clock import FixedClock, SystemClock, new_id, parse_timestamp, timestamp

FIRST, LAST = datetime(1970, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis adds it
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(MOMENTS)
def test_a_timestamp_reads_back_to_the_millisecond(moment: datetime) -> None:
    text = timestamp(moment)
    assert len(text) == 24
    assert parse_timestamp(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(MOMENTS, MOMENTS)
def test_timestamps_sort_as_text(one: datetime, other: datetime) -> None:
    if timestamp(one) != timestamp(other):
        assert (timestamp(one) < timestamp(other)) == (one < other)


def test_other_zones_are_written_in_utc() -> None:
    moment = datetime(2026, 3, 8, 1, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert timestamp(moment) == "2026-03-08T06:30:00.000Z"
    assert parse_timestamp("2026-03-08T01:30:00-05:00") == moment


@pytest.mark.parametrize("text", ["2026-03-08T01:30:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_a_time_without_a_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp(text)


def test_clocks_are_aware_and_in_utc() -> None:
    fixed = FixedClock(datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=2))))
    assert fixed.now() == datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert fixed.now().tzinfo is UTC
    assert SystemClock().now().tzinfo is UTC


@given(MOMENTS, st.integers(1, 10**9))
@example(datetime(2528, 1, 1, 0, 0, 0, 9997, tzinfo=UTC), 1)
def test_identifiers_sort_by_the_millisecond_they_were_made_in(moment: datetime, step: int) -> None:
    later = min(moment + timedelta(milliseconds=step), datetime(9999, 12, 31, tzinfo=UTC))
    first, second = new_id(FixedClock(moment)), new_id(FixedClock(later))
    assert len(first) == len(second) == 26
    assert first[:10] < second[:10]


def test_the_time_of_the_published_example() -> None:
    # The specification of ULID: 01ARYZ6S41 is 1469918176385 milliseconds.
    moment = datetime.fromtimestamp(1469918176.385, tz=UTC)
    assert new_id(FixedClock(moment)).startswith("01ARYZ6S41")


def test_identifiers_of_one_moment_differ() -> None:
    clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
    assert len({new_id(clock) for _ in range(1000)}) == 1000
