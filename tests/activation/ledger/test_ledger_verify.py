"""The full verification finds every change and names what was changed (L4, T3)."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from ledger_site import RUN, Site, open_site, record_row

from activation.ledger import verify_ledger
from activation.ledger.notes import Signer
from tellerline.canonical import canonical_json
from tellerline.outbox import outbox

GROWTH = (3, 200, 300, 1, 60)


def grow(site: Site) -> None:
    site.grow(*GROWTH)
    site.log_batch("b_1", [record_row(number) for number in range(300)])


@pytest.fixture
def grown(copy_of: Callable[..., Site]) -> Site:
    return copy_of("grown", grow)


def test_a_sound_ledger(grown: Site) -> None:
    report = grown.verify()
    assert report.is_sound
    assert report.size == sum(GROWTH) + 1
    assert report.entries_by_type == {"file.received": sum(GROWTH), "records.batch": 1}
    assert (report.checkpoints, report.batches, report.records) == (6, 1, 300)
    assert (report.waiting, report.unsigned) == (0, ())
    assert report.as_json()["verified"] is True


def test_an_auditor_needs_only_the_folder_and_the_key(grown: Site, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(grown.ledger, copy)
    assert verify_ledger(copy, grown.verifier).is_sound
    shutil.rmtree(copy / "records")
    report = verify_ledger(copy, grown.verifier)
    assert [finding.problem for finding in report.findings] == [
        f"is missing. It belongs to entry {sum(GROWTH)}."
    ]
    report = verify_ledger(copy, grown.verifier, are_records_present=False)
    assert (report.is_sound, report.batches, report.withheld) == (True, 0, 1)


def flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(bytes(data))


@pytest.mark.breadth
def test_a_changed_bit_in_any_file_is_found_and_the_file_is_named(grown: Site) -> None:
    generator = random.Random(7)
    names = sorted(grown.files())
    assert len(names) > 15
    for name in names:
        path = grown.ledger / name
        before = path.read_bytes()
        places = {0, len(before) - 1, *generator.sample(range(len(before)), min(len(before), 3))}
        is_record_file = name.startswith("records/")
        for place in sorted(places):
            flip(path, place, generator.randrange(8))
            report = verify_ledger(grown.ledger, grown.verifier, are_records_present=is_record_file)
            assert not report.is_sound, (name, place)
            told = " ".join(f"{f.subject} {f.problem}" for f in report.findings)
            assert name in told, (name, place, report.findings)
            path.write_bytes(before)
    assert grown.verify().is_sound


@pytest.mark.parametrize("index", [0, 255, 256, 563])
def test_a_changed_entry_is_named_by_its_index_alone(grown: Site, index: int) -> None:
    number, width = divmod(index, 256)[0], 53 if index >= 512 else None
    name = f"tile/entries/{number:03d}" + (f".p/{width}" if width else "")
    path = grown.ledger / name
    entries = split(path.read_bytes())
    entries[index % 256] = entries[index % 256].replace(b"svc-test", b"svc-pest")
    path.write_bytes(b"".join(len(e).to_bytes(2, "big") + e for e in entries))
    report = verify_ledger(grown.ledger, grown.verifier)
    assert [finding.subject for finding in report.findings] == [f"entry {index}"]
    assert name in report.findings[0].problem


def split(bundle: bytes) -> list[bytes]:
    entries, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        entries.append(bundle[at + 2 : end])
        at = end
    return entries


@pytest.mark.parametrize(
    ("name", "place", "place_name"),
    [
        ("tile/0/000", 17 * 32, "hash 17"),
        ("tile/0/002.p/53", 52 * 32 + 31, "hash 52"),
        ("tile/1/000.p/2", 32, "hash 1"),
    ],
)
def test_a_changed_hash_is_named_by_tile_and_place(
    grown: Site, name: str, place: int, place_name: str
) -> None:
    flip(grown.ledger / name, place, 0)
    report = verify_ledger(grown.ledger, grown.verifier)
    assert name in {finding.subject for finding in report.findings}
    told = next(finding for finding in report.findings if finding.subject == name)
    assert place_name in told.problem


@pytest.mark.parametrize(
    "name", ["tile/0/000", "tile/0/002.p/53", "tile/1/000.p/2", "tile/entries/001", "checkpoint"]
)
def test_a_deleted_file_is_named(grown: Site, name: str) -> None:
    (grown.ledger / name).unlink()
    report = verify_ledger(grown.ledger, grown.verifier)
    assert (name, "is missing.") in [(f.subject, f.problem) for f in report.findings]


def test_a_truncated_tile_is_named(grown: Site) -> None:
    path = grown.ledger / "tile/0/001"
    path.write_bytes(path.read_bytes()[:-1])
    report = verify_ledger(grown.ledger, grown.verifier)
    assert [(f.subject, f.problem) for f in report.findings] == [
        ("tile/0/001", "has 8191 bytes instead of 8192.")
    ]


def test_when_bundle_and_tile_are_both_gone_the_rest_is_said_to_be_unchecked(grown: Site) -> None:
    (grown.ledger / "tile/0/001").unlink()
    (grown.ledger / "tile/entries/001").unlink()
    report = verify_ledger(grown.ledger, grown.verifier)
    assert "entry 256" in {finding.subject for finding in report.findings}


def test_when_nothing_vouches_for_a_leaf_both_files_are_named(grown: Site) -> None:
    bundle = grown.ledger / "tile/entries/002.p/53"
    bundle.write_bytes(bundle.read_bytes().replace(b"svc-test", b"svc-pest", 1))
    (grown.ledger / "tile/1/000.p/2").unlink()
    named = {finding.subject for finding in verify_ledger(grown.ledger, grown.verifier).findings}
    assert {"tile/1/000.p/2", "tile/0/002.p/53", "checkpoint"} <= named


def test_a_changed_entry_under_a_missing_tile_is_found(grown: Site) -> None:
    bundle = grown.ledger / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"svc-test", b"svc-pest", 1))
    (grown.ledger / "tile/1/000.p/2").unlink()
    named = {finding.subject for finding in verify_ledger(grown.ledger, grown.verifier).findings}
    assert {"tile/1/000.p/2", "tile/0/000", "checkpoint"} <= named


def test_tiles_of_another_log_contradict_the_checkpoint(site: Site, tmp_path: Path) -> None:
    site.grow(5)
    with open_site(tmp_path / "other") as other:
        other.grow(5)
        shutil.rmtree(site.ledger / "tile")
        shutil.copytree(other.ledger / "tile", site.ledger / "tile")
    report = verify_ledger(site.ledger, site.verifier)
    assert ("checkpoint", "signs another root than the entries give.") in [
        (finding.subject, finding.problem) for finding in report.findings
    ]


def test_a_rewritten_history_under_the_true_key_contradicts_the_archive(site: Site) -> None:
    """T3: the holder of the key makes another log and keeps the old checkpoints out of sight."""
    site.grow(5)
    kept = (site.ledger / "checkpoints/5").read_bytes()
    shutil.rmtree(site.ledger)
    with site.state.transaction() as connection:
        connection.execute(sa.text("delete from log_heads"))
        connection.execute(outbox.update().values(log_index=None).where(outbox.c.outbox_id != 2))
        connection.execute(outbox.delete().where(outbox.c.outbox_id == 2))
    site.grow(5)
    assert verify_ledger(site.ledger, site.verifier).is_sound
    (site.ledger / "checkpoints/5").write_bytes(kept)
    report = verify_ledger(site.ledger, site.verifier)
    assert "checkpoints/5" in [finding.subject for finding in report.findings]


def test_a_tail_cut_off_contradicts_what_the_database_remembers(site: Site, tmp_path: Path) -> None:
    site.grow(5)
    shutil.copytree(site.ledger, tmp_path / "old")
    site.grow(5)
    shutil.rmtree(site.ledger)
    shutil.copytree(tmp_path / "old", site.ledger)
    assert verify_ledger(site.ledger, site.verifier).is_sound
    findings = site.verify().findings
    assert "rolled back" in findings[0].problem
    assert findings[1].subject == "checkpoints/10"


def test_a_ledger_of_another_key_is_refused(grown: Site) -> None:
    stranger = Signer(grown.verifier.name, bytes(32)).verifier
    report = verify_ledger(grown.ledger, stranger)
    assert {finding.subject for finding in report.findings} >= {"checkpoint", "checkpoints/3"}
    assert not report.is_sound


def test_names_that_the_standard_does_not_know_are_named(grown: Site) -> None:
    (grown.ledger / "tile/0/extra").write_bytes(b"")
    (grown.ledger / "checkpoints/latest").write_bytes(b"")
    (grown.ledger / "tile/0/.000.1.tmp").write_bytes(b"torn")
    (grown.ledger / "tile/0/000.tmp").write_bytes(b"")
    (grown.ledger / "tile/0/.hidden").write_bytes(b"")
    report = verify_ledger(grown.ledger, grown.verifier)
    assert {finding.subject for finding in report.findings} == {
        "tile/0/extra",
        "tile/0/000.tmp",
        "tile/0/.hidden",
        "checkpoints/latest",
    }


def test_files_beyond_the_checkpoint_are_told_apart(grown: Site) -> None:
    (grown.ledger / "tile/0/002.p/200").write_bytes(bytes(6400))
    (grown.ledger / "records/2026/11/orphan.parquet").write_bytes(b"")
    report = verify_ledger(grown.ledger, grown.verifier)
    assert report.is_sound
    assert report.unsigned == ("tile/0/002.p/200", "records/2026/11/orphan.parquet")


def test_a_left_over_partial_tile_must_begin_its_successor(grown: Site) -> None:
    tile = grown.ledger / "tile/0/000"
    leftover = grown.ledger / "tile/0/000.p/9"
    leftover.parent.mkdir()
    leftover.write_bytes(tile.read_bytes()[: 9 * 32])
    assert verify_ledger(grown.ledger, grown.verifier).is_sound
    leftover.write_bytes(bytes(9 * 32))
    report = verify_ledger(grown.ledger, grown.verifier)
    assert [finding.subject for finding in report.findings] == ["tile/0/000.p/9"]
    tile.write_bytes(tile.read_bytes()[:-1])
    report = verify_ledger(grown.ledger, grown.verifier)
    assert [finding.subject for finding in report.findings] == ["tile/0/000", "tile/0/000.p/9"]
    assert "cannot be checked" in report.findings[1].problem


def log_raw(site: Site, entry: bytes, entry_id: str = "X") -> None:
    with site.state.transaction() as connection:
        connection.execute(
            outbox.insert().values(entry_id=entry_id, entry_type="run.started", entry=entry)
        )
    site.drain()


GOOD = {
    "actor": {"id": "svc", "kind": "service"},
    "body": {},
    "code": "git:test",
    "id": "01JDN000000000000000000009",
    "refs": [],
    "run": "",
    "ts": "2026-11-22T12:00:00.000Z",
    "type": "file.received",
    "v": 1,
}


def test_a_well_formed_entry_is_accepted(site: Site) -> None:
    log_raw(site, canonical_json(GOOD))
    assert site.verify().is_sound


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"type": "file.eaten"}, "unknown type"),
        ({"v": 2}, "unknown version"),
        ({"id": "short"}, "no ULID"),
        ({"ts": "2026-11-22"}, "malformed time"),
        ({"body": []}, "no object"),
        ({"run": None}, "no text"),
        ({"code": 1}, "no text"),
        ({"actor": {"id": "svc"}}, "malformed actor"),
        ({"actor": {"id": "", "kind": "service"}}, "malformed actor"),
        ({"refs": [{"sha256": "x", "bytes": 1}]}, "malformed reference"),
        ({"refs": ["x"]}, "malformed reference"),
        ({"refs": [{"sha256": "ab" * 32, "bytes": "1"}]}, "malformed reference"),
        ({"refs": {}}, "malformed reference"),
        ({"id": 5}, "no ULID"),
        ({"ts": None}, "malformed time"),
        ({"actor": "svc"}, "malformed actor"),
        ({"actor": {"id": 1, "kind": "service"}}, "malformed actor"),
        ({"more": 1}, "does not have the keys"),
        ({"type": "run.started"}, "names no run"),
        ({"body": {"pad": "x" * 17_000}}, "longer than"),
    ],
)
def test_an_entry_that_breaks_the_schema_is_named(site: Site, change, problem: str) -> None:
    site.grow(2)
    log_raw(site, canonical_json({**GOOD, **change}))
    report = site.verify()
    assert [finding.subject for finding in report.findings] == ["entry 2"]
    assert re.search(problem, report.findings[0].problem)


@pytest.mark.parametrize("entry", [b"not json", b'{"a": 1}', b'{"a":1,"a":1}', b"[]", b'{"a":1.5}'])
def test_an_entry_that_is_not_canonical_is_named(site: Site, entry: bytes) -> None:
    log_raw(site, entry)
    assert [finding.subject for finding in site.verify().findings] == ["entry 0"]


def test_an_id_twice_is_named(site: Site) -> None:
    log_raw(site, canonical_json(GOOD), "X")
    log_raw(site, canonical_json(GOOD), "Y")
    assert [f.problem for f in site.verify().findings] == ["repeats the id of an earlier entry."]


def log_run(site: Site, *types: str, run: str = RUN) -> None:
    with site.state.transaction() as connection:
        for entry_type in types:
            site.reporter.record(connection, entry_type, {}, run_id=run)
    site.drain()


@pytest.mark.parametrize(
    "types",
    [("run.started",), ("run.started", "run.finished"), ("run.started", "recon.result")],
)
def test_a_run_that_keeps_its_rule(site: Site, types: tuple[str, ...]) -> None:
    log_run(site, *types)
    assert site.verify().is_sound


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        (("run.started", "run.started"), "two run.started entries: 0 and 1"),
        (("run.started", "run.finished", "run.finished"), "two run.finished entries: 1 and 2"),
        (("run.finished", "run.started"), "finished at entry 0 before it was started"),
        (("recon.result",), "named by entry 0 but has no run.started"),
    ],
)
def test_a_run_that_breaks_its_rule_is_named(
    site: Site, types: tuple[str, ...], problem: str
) -> None:
    log_run(site, *types)
    findings = site.verify().findings
    assert [finding.subject for finding in findings] == [f"run {RUN}"]
    assert problem in findings[0].problem


def test_the_database_must_agree_with_the_log(site: Site) -> None:
    site.grow(10)
    with site.state.transaction() as connection:
        connection.execute(outbox.delete().where(outbox.c.log_index == 3))
        connection.execute(outbox.update().where(outbox.c.log_index == 5).values(entry=b"{}"))
    site.record(2)
    report = site.verify()
    assert [(f.subject, f.problem) for f in report.findings] == [
        ("entry 3", "is in the log but not in state.sqlite."),
        ("entry 5", "differs from the one in state.sqlite."),
    ]
    assert report.waiting == 2
    assert verify_ledger(site.ledger, site.verifier).is_sound


def test_entries_that_the_database_lost_at_the_end_are_named(site: Site) -> None:
    site.grow(10)
    with site.state.transaction() as connection:
        connection.execute(outbox.delete().where(outbox.c.log_index >= 8))
    assert [finding.subject for finding in site.verify().findings] == ["entry 8", "entry 9"]


def test_an_entry_with_an_index_that_is_not_signed_yet_waits(site: Site) -> None:
    site.grow(10)
    site.record(2)
    with site.state.transaction() as connection:
        connection.execute(outbox.update().where(outbox.c.outbox_id == 11).values(log_index=10))
    report = site.verify()
    assert (report.waiting, report.is_sound) == (2, True)


def test_a_head_of_the_database_must_be_archived(site: Site) -> None:
    site.grow(3, 4)
    (site.ledger / "checkpoints/3").unlink()
    assert [(f.subject, f.problem) for f in site.verify().findings] == [
        ("checkpoints/3", "is missing although it was signed.")
    ]


def test_an_empty_folder_has_no_checkpoint(site: Site) -> None:
    assert [f.subject for f in site.verify().findings] == ["checkpoint"]


def test_a_record_file_exchanged_with_its_hash_still_contradicts_the_root(site: Site) -> None:
    batch = site.write_batch("b_1", [record_row(number) for number in range(5)])
    other = site.write_batch("b_2", [record_row(number) for number in range(4)])
    shutil.copy(site.ledger / other.path, site.ledger / batch.path)
    reference = {**other.reference(), "name": batch.path}
    with site.state.transaction() as connection:
        site.reporter.record(connection, "records.batch", batch.body(), references=[reference])
    site.drain()
    report = site.verify()
    assert [finding.subject for finding in report.findings] == [batch.path]
    assert "another `n`" in report.findings[0].problem


@pytest.mark.parametrize(
    ("key", "value"),
    [("root", "A" * 43 + "="), ("by_op", {"add": 4}), ("by_outcome", {"confirmed": 4})],
)
def test_a_batch_entry_that_lies_about_its_records_is_named(site: Site, key: str, value) -> None:
    batch = site.write_batch("b_1", [record_row(number) for number in range(5)])
    body = {**batch.body(), key: value}
    with site.state.transaction() as connection:
        site.reporter.record(connection, "records.batch", body, references=[batch.reference()])
    site.drain()
    findings = site.verify().findings
    assert [f.problem for f in findings] == [
        f"gives another `{key}` than its entry says. It belongs to entry 0."
    ]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("select * exclude (commitment) from records", "cannot be read as a record file"),
        ("select * from records where position <> 2", "without a gap"),
        ("select * replace (position // 2 as position) from records", "without a gap"),
    ],
)
def test_a_record_file_of_another_shape_is_named(
    site: Site, tmp_path: Path, query: str, problem: str
) -> None:
    batch = site.write_batch("b_1", [record_row(number) for number in range(5)])
    path, changed = site.ledger / batch.path, tmp_path / "changed.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create view records as from read_parquet('{path}')")
        connection.execute(f"copy ({query}) to '{changed}' (format parquet)")
    shutil.copy(changed, path)
    data = path.read_bytes()
    reference = {
        "name": batch.path,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    with site.state.transaction() as connection:
        site.reporter.record(connection, "records.batch", batch.body(), references=[reference])
    site.drain()
    [finding] = site.verify().findings
    assert finding.subject == batch.path
    assert problem in finding.problem


def test_a_batch_entry_may_name_other_files_too(site: Site) -> None:
    batch = site.write_batch("b_1", [record_row(1)])
    other = {"name": "runs/outcomes.parquet", "bytes": 1, "sha256": "ab" * 32}
    with site.state.transaction() as connection:
        site.reporter.record(
            connection, "records.batch", batch.body(), references=[other, batch.reference()]
        )
    site.drain()
    assert site.verify().batches == 1


def test_a_batch_entry_without_its_file_is_named(site: Site) -> None:
    with site.state.transaction() as connection:
        site.reporter.record(connection, "records.batch", {"batch": "b_1"})
    site.drain()
    assert [f.problem for f in site.verify().findings] == ["names no record file of its batch."]
