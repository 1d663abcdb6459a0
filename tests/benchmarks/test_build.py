"""The script by hand and dbt make the same tables; what a command takes is told."""

from __future__ import annotations

import sys

import duckdb
import pytest
import yaml

from benchmarks.build.by_hand import make_by_hand
from benchmarks.build.processes import run
from benchmarks.build.raw import MEMORY_LIMIT, PROJECT
from benchmarks.build.sides import FINAL_TABLES, Home, check_equal
from tellerline.errors import RunStoppedError
from tests.dbt.sessions import DbtSession

GIGABYTE = 10**9


@pytest.fixture(scope="module")
def by_hand(built: DbtSession, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("by_hand") / "by_hand.duckdb"
    make_by_hand(built.home / "warehouse.duckdb", out)
    return out


def test_the_script_by_hand_makes_the_tables_that_dbt_builds(built, by_hand):
    check_equal(Home(built.home), by_hand)
    assert len(FINAL_TABLES) == 23


def test_both_sides_may_use_the_same_memory():
    profile = (PROJECT / "profiles.yml").read_text(encoding="utf-8")
    assert f"env_var('TELLERLINE_MEMORY_LIMIT', '{MEMORY_LIMIT}')" in profile
    # Or a model would share it with another one.
    assert yaml.safe_load(profile)["tellerline"]["outputs"]["local"]["threads"] == 1


def test_one_row_too_few_is_found(built, by_hand, tmp_path):
    fewer = tmp_path / "fewer.duckdb"
    fewer.write_bytes(by_hand.read_bytes())
    with duckdb.connect(str(fewer)) as connection:
        connection.execute("delete from seg_suppression__new_members where rowid = 0")
    with pytest.raises(RunStoppedError, match="seg_suppression__new_members"):
        check_equal(Home(built.home), fewer)


def test_a_run_tells_its_time_and_the_most_memory_it_had():
    taken = run([sys.executable, "-c", f"import time; b'.' * {GIGABYTE // 4}; time.sleep(0.2)"])
    assert taken.seconds >= 0.2
    assert 0 < taken.processor_seconds < taken.seconds * 4
    assert 0.25 <= taken.peak_gigabytes < 0.5


def test_a_run_that_fails_stops_with_its_words():
    with pytest.raises(RunStoppedError, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"])
