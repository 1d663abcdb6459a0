from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from tellerline.scratch import scratch_database


def count(number: int) -> int:
    with scratch_database() as connection:
        connection.execute(f"create table t as from range({number})")
        connection.execute("create view v as select count(*) from t")
        return int(connection.execute("from v").fetchall()[0][0])


def test_what_one_makes_another_does_not_see() -> None:
    with scratch_database() as one, scratch_database() as other:
        one.execute("create table t as select 1 as n")
        with pytest.raises(duckdb.CatalogException):
            other.execute("from t")
        other.execute("create table t as select 2 as n")
        assert one.execute("from t").fetchall() == [(1,)]


def test_nothing_is_left_behind() -> None:
    with scratch_database() as connection:
        connection.execute("create table t as select 1 as n")
        before = connection.execute("select count(*) from duckdb_databases()").fetchall()
    with scratch_database() as connection:
        assert connection.execute("select count(*) from duckdb_databases()").fetchall() == before
        with pytest.raises(duckdb.CatalogException):
            connection.execute("from t")


def test_it_goes_even_in_the_middle_of_a_transaction_that_failed() -> None:
    with scratch_database() as connection:
        connection.execute("begin; create table t as select 1 as n")
        with pytest.raises(duckdb.ConversionException):
            connection.execute("select cast('x' as integer)")
    assert count(3) == 3


def test_threads_have_their_own() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(40))) == list(range(40))


def test_a_forked_process_begins_anew() -> None:
    assert count(5) == 5
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool:
        assert pool.map_async(count, [1000, 2000]).get(timeout=30) == [1000, 2000]
    assert count(6) == 6
