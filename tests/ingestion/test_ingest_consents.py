"""The live consent journal: withdrawals are readable before dbt has seen them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from feed_site import NOW, Site, before, lines_of, make_file, make_rows, name_of, pack

from tellerline.clock import FixedClock
from tellerline.consent_journal import COLUMNS, INDEX, Addition, ConsentJournal
from tellerline.errors import IntegrityError

CLOCK = FixedClock(NOW)
FEED = "consent_changes"


def parquet(path: Path, rows: int) -> Path:
    duckdb.execute(f"copy (select range as n from range({rows})) to '{path}' (format parquet)")
    return path


def read(site: Site) -> list[tuple]:
    entries = ConsentJournal(site.settings.consent_journal).entries()
    paths = [str(entry.path) for entry in entries]
    return duckdb.execute(
        f"select {', '.join(COLUMNS)} from read_parquet(?) order by all", [paths]
    ).fetchall()


def test_accepted_changes_are_in_the_journal(site: Site) -> None:
    for days in (1, 0):
        site.put(FEED, make_file(FEED, 20, before(days), start=50 * days), before(days))
    site.run()
    loaded = site.query(f"select {', '.join(COLUMNS)} from raw.{FEED} order by all")
    assert len(loaded) == 40
    assert read(site) == loaded
    entries = ConsentJournal(site.settings.consent_journal).entries()
    assert [entry.rows for entry in entries] == [20, 20]
    hashes = site.query("select file_sha256 from raw.loads order by business_date")
    assert [(entry.source_sha256,) for entry in entries] == hashes


def test_duplicates_and_quarantined_files_are_not(site: Site) -> None:
    rows = make_rows(FEED, 10)
    site.put(FEED, pack(FEED, lines_of(FEED, [*rows, rows[0]])), before(1))
    bad = [row | {"action": "maybe"} for row in make_rows(FEED, 10, start=50)]
    site.put(FEED, pack(FEED, lines_of(FEED, bad)))
    site.run()
    assert site.state_of(name_of(FEED))[0] == "quarantined"
    assert len(read(site)) == 10


def test_a_change_of_bytes_is_found(site: Site) -> None:
    site.put(FEED, make_file(FEED, 20))
    site.run()
    journal = ConsentJournal(site.settings.consent_journal)
    (entry,) = journal.entries()
    data = bytearray(entry.path.read_bytes())
    data[len(data) // 2] ^= 1
    entry.path.write_bytes(data)
    with pytest.raises(IntegrityError, match=entry.path.name):
        journal.entries()
    entry.path.unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        journal.entries()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text[:-5] + "\n",
        lambda text: text + "{}\n",
        lambda text: text.replace('"rows":3', '"rows":"3"'),
        lambda text: text.replace('"file":"', '"file":"../'),
        lambda text: text.replace(":", ": "),
    ],
)
def test_a_damaged_index_is_found(tmp_path: Path, damage) -> None:
    journal = ConsentJournal(tmp_path / "journal")
    journal.append(parquet(tmp_path / "a", 3), "ab" * 32, 3, CLOCK)
    index = tmp_path / "journal" / INDEX
    index.write_text(damage(index.read_text()))
    with pytest.raises(IntegrityError):
        journal.entries()
    with pytest.raises(IntegrityError):
        journal.append(parquet(tmp_path / "b", 3), "cd" * 32, 3, CLOCK)


def test_a_source_counts_once(tmp_path: Path) -> None:
    journal = ConsentJournal(tmp_path / "journal")
    first = journal.append(parquet(tmp_path / "a", 3), "ab" * 32, 3, CLOCK)
    assert journal.append(parquet(tmp_path / "b", 4), "ab" * 32, 4, CLOCK) == first
    assert journal.entries() == [first]
    assert not (tmp_path / "b").exists()
    more = journal.append_all(
        [
            Addition(parquet(tmp_path / "c", 1), "ab" * 32, 1),
            Addition(parquet(tmp_path / "d", 5), "cd" * 32, 5),
        ],
        CLOCK,
    )
    assert more[0] == first
    assert [entry.rows for entry in journal.entries()] == [3, 5]


def test_what_the_index_does_not_name_does_not_count(tmp_path: Path) -> None:
    journal = ConsentJournal(tmp_path / "journal")
    assert journal.entries() == []
    first = journal.append(parquet(tmp_path / "a", 3), "ab" * 32, 3, CLOCK)
    parquet(tmp_path / "journal" / f"{'ef' * 32}.parquet", 2)
    (tmp_path / "journal" / "tmp_x.parquet").write_bytes(b"half")
    (tmp_path / "journal" / ".INDEX.1.tmp").write_bytes(b"half")
    assert journal.entries() == [first]


def test_the_index_is_canonical_lines(tmp_path: Path) -> None:
    journal = ConsentJournal(tmp_path / "journal")
    entry = journal.append(parquet(tmp_path / "a", 3), "ab" * 32, 3, CLOCK)
    (line,) = (tmp_path / "journal" / INDEX).read_text().splitlines()
    assert json.loads(line) == {
        "appended_at": "2026-03-10T12:00:00.000Z",
        "file": entry.path.name,
        "file_sha256_of_parquet": entry.parquet_sha256,
        "rows": 3,
        "source_sha256": "ab" * 32,
    }
