"""No process that has seen a member's data writes the warehouse, and none is left behind."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from feed_site import NAMES, Site, make_file
from processes import memory, open_files, warehouse_processes
from test_ingest_canaries import write_days

from ingestion.keys import KEY_VARIABLE
from ingestion.transfers import carried
from ingestion.warehouse import Database, open_databases, open_warehouse, started_warehouse
from ingestion.warehouse_link import linked
from tellerline.errors import RunStoppedError
from tests.databases import attached

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

# Canaries whole: shorter pieces of numbers stand in hashes by chance.
NUMBERS = re.compile(rb"736190[0-9]{4}")
WORDS = (b"quillfeather", b"quill.example", b"plumage", b"mariacanary")
HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from feed_site import Site
from test_ingest_warehouse_process import opened
with opened(Site(Path(sys.argv[2]))) as warehouse, warehouse.transaction():
    warehouse.run("insert into warehouse.numbers values (2)")
    print("written", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def opened(site: Site, wait_seconds: float = 0) -> Iterator[Database]:
    with (
        started_warehouse(site.settings) as link,
        open_warehouse(site.settings, link, wait_seconds) as warehouse,
    ):
        yield warehouse


def only_process() -> int:
    (process,) = warehouse_processes()
    return process


def test_the_process_that_ingests_never_opens_the_warehouse(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 30))
    ours, theirs = set(), set()

    def look(feed: str, _done: int, _total: int) -> None:
        if feed != "landing":
            ours.update(open_files(os.getpid(), site.root))
            theirs.update(open_files(only_process(), site.root))

    assert site.run(progress=look).exit_code == 0
    assert "home/vault.duckdb" in ours
    assert not [name for name in ours if name.startswith("home/warehouse.duckdb")]
    assert "home/warehouse.duckdb" in theirs
    assert theirs <= {"home/warehouse.duckdb", "home/warehouse.duckdb.wal"}
    assert warehouse_processes() == []


def test_the_process_of_the_warehouse_never_sees_what_identifies(site: Site) -> None:
    """Whatever it writes by mistake, it cannot write what was never in its memory."""
    remembered: list[set[bytes]] = []

    def look(feed: str, _done: int, _total: int) -> None:
        if feed == "landing":
            return
        try:
            seen = memory(only_process()).lower()
        except PermissionError:
            pytest.skip("this system lets nobody look into the memory of another process")
        assert b"warehouse.raw.loads" in seen
        if feed == "transactions":
            assert b"txn-260308-1" in seen
        words = {word for word in WORDS if word in seen}
        remembered.append(words | set(NUMBERS.findall(seen)))

    for feed in NAMES:
        write_days(site, feed)
    site.run(progress=look)
    assert remembered == [set()] * len(NAMES)


def test_the_process_of_the_warehouse_has_no_keys(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "5e" * 32)
    monkeypatch.setenv("HUBSPOT_TOKEN", "secret")
    with opened(site):
        told = Path(f"/proc/{only_process()}/environ").read_bytes()
    assert b"PATH=" in told
    assert b"5e5e" not in told
    assert b"secret" not in told


WRITER = """
import sys, duckdb
folder, query = sys.argv[1:]
connection = duckdb.connect(config={"threads": 1})
connection.execute(f"attach '{folder}/database' as written")
connection.execute(f"create table written.rows as {query.format(rows=200_000)}")
for rows in (1, 3000, 200_000):
    connection.execute(f"copy ({query.format(rows=rows)}) to '{folder}/{rows}' (format parquet)")
"""
EVERY_TYPE = """
    select
        'only one' as constant,
        'one of ' || i % 5 as word,
        case when i % 3 > 0 then sha256(i::varchar) end as id_or_null,
        repeat('x', (i % 300)::integer) || i as text,
        i as number,
        case when i % 7 > 0 then (i * 1.5)::decimal(18, 2) end as amount,
        (i / 1e6)::decimal(9, 6) as rate,
        i % 11 = 0 as flag,
        date '2026-01-01' + (i % 400)::integer as day,
        case when i % 2 > 0 then timestamp '2026-01-01' + to_seconds(i) end as moment,
        hash(i) as hashed,
        null::varchar as nothing
    from range({rows}) as rows(i)
"""


def test_parquet_holds_nothing_of_its_writers_memory(tmp_path: Path) -> None:
    """Once the allocator fills what it hands out with zeros, once with other bytes."""
    folders = []
    for fill in ("zero", "junk"):
        folder = tmp_path / fill
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", WRITER, str(folder), EVERY_TYPE],
            env=os.environ | {"DUCKDB_JE_MALLOC_CONF": f"{fill}:true"},
            check=True,
        )
        folders.append(folder)
    zeroed, filled = folders
    for rows in ("1", "3000", "200000"):
        assert (zeroed / rows).read_bytes() == (filled / rows).read_bytes()
    # The look can find: a database file does hold such memory.
    assert (zeroed / "database").read_bytes() != (filled / "database").read_bytes()


def test_what_is_carried_is_private_and_short_lived(site: Site, tmp_path: Path) -> None:
    parquet = tmp_path / "odd [1]*'s.parquet"
    with duckdb.connect() as connection:
        database = Database(connection)
        with carried(database, parquet, "select ? as one", 7) as rows:
            assert database.run(f"select one from {rows}") == [(7,)]
        assert not parquet.exists()
        with pytest.raises(RunStoppedError), carried(database, parquet, "select nothing"):
            pass
    with opened(site) as warehouse, carried(warehouse, parquet, "select 1"):
        assert parquet.stat().st_mode & 0o077 == 0


def interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def insert_and_be_interrupted(site: Site) -> None:
    with opened(site) as warehouse, warehouse.transaction():
        warehouse.run("insert into warehouse.numbers values (1)")
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        warehouse.run("select sum(hash(i)) from range(1000000000000) as numbers(i)")


def test_an_interrupt_in_the_middle_of_a_step(site: Site) -> None:
    with opened(site) as warehouse:
        warehouse.run("create table warehouse.numbers (number integer)")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            insert_and_be_interrupted(site)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert warehouse_processes() == []
    assert site.query("select count(*) from numbers") == [(0,)]


def test_the_process_outlives_nobody(site: Site) -> None:
    with opened(site) as warehouse:
        warehouse.run("create table warehouse.numbers as select 1 as number")
    command = [sys.executable, "-c", HOLDER, str(Path(__file__).parent), str(site.root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "written\n"
        holder.kill()
    with opened(site, 30) as warehouse:
        assert warehouse.run("select number from warehouse.numbers") == [(1,)]


def write_more_than_may_be(site: Site) -> None:
    with opened(site) as warehouse:
        warehouse.run(
            "create table warehouse.texts as "
            "select sha256(i::varchar) as text from range(20000) as numbers(i)"
        )
        size = site.settings.warehouse.stat().st_size
        resource.prlimit(only_process(), resource.RLIMIT_FSIZE, (size, size))


def test_an_end_that_fails_is_told(site: Site) -> None:
    """What was committed is safe in the log, but the file could not be brought up to it."""
    with pytest.raises(RunStoppedError, match="refused a step"):
        write_more_than_may_be(site)
    assert warehouse_processes() == []
    with opened(site) as warehouse:
        assert warehouse.run("select count(*) from warehouse.texts") == [(20000,)]


def write_more_to_the_vault_than_may_be(site: Site) -> None:
    with (
        started_warehouse(site.settings) as link,
        open_databases(site.settings, link, 0) as databases,
    ):
        databases.run(
            "create table vault.texts as "
            "select sha256(i::varchar) as text from range(20000) as numbers(i)"
        )
        size = site.settings.vault.stat().st_size
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )


def test_an_end_of_the_vault_that_fails_is_told(site: Site) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(RunStoppedError, match="refused a step"):
            write_more_to_the_vault_than_may_be(site)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert warehouse_processes() == []
    with attached(vault=site.settings.vault) as connection:
        assert connection.execute("select count(*) from texts").fetchall() == [(20000,)]


def ask_and_kill() -> None:
    with linked({}) as link:
        assert link.execute("select 1").fetchall() == [(1,)]
        os.kill(only_process(), signal.SIGKILL)


def test_a_process_that_does_not_end_in_order() -> None:
    with pytest.raises(RunStoppedError, match=r"did not end in order \(SIGKILL\)"):
        ask_and_kill()
