"""The sequencer: what it writes, and every state in which it has to stop (L3, L5, L8-L11, O3)."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_site import NOON, ORIGIN, Site, files_below, open_site, settings_of

from activation.ledger import Sequencer, create_log_key
from activation.ledger.checkpoints import checkpoint_text
from activation.ledger.heads import log_heads
from activation.ledger.log_keys import load_signer
from activation.ledger.notes import Signer
from tellerline.errors import (
    ConflictError,
    CredentialsError,
    IntegrityError,
    RunStoppedError,
)
from tellerline.outbox import outbox
from tellerline.state import State


def test_the_layout_of_a_small_log(site: Site) -> None:
    checkpoint = site.grow(3)
    assert checkpoint.size == 3
    assert set(site.files()) == {
        "checkpoint",
        "checkpoints/3",
        "tile/0/000.p/3",
        "tile/entries/000.p/3",
    }
    assert site.files()["checkpoints/3"] == site.files()["checkpoint"] == checkpoint.note
    origin, size, root, blank, signature, end = checkpoint.note.decode().split("\n")
    assert (origin, size, root, blank, end) == (ORIGIN, "3", checkpoint.root_base64, "", "")
    assert signature.startswith(f"\N{EM DASH} {ORIGIN} ")


def test_entries_keep_the_order_of_the_outbox(site: Site) -> None:
    site.grow(5, 5)
    with site.state.reading() as connection:
        rows = connection.execute(
            sa.select(outbox.c.log_index).order_by(outbox.c.outbox_id)
        ).scalars()
        assert list(rows) == list(range(10))


def test_nothing_to_log_signs_nothing_new(site: Site) -> None:
    first = site.grow(3)
    before = site.files()
    assert site.later(hours=1).drain() == first
    assert site.files() == before


def test_partial_tiles_stay_until_the_full_one_is_signed(site: Site) -> None:
    site.grow(100, 100)
    assert {"tile/0/000.p/100", "tile/0/000.p/200", "tile/entries/000.p/100"} <= set(site.files())
    site.grow(57)
    names = set(site.files())
    assert {"tile/0/000", "tile/entries/000", "tile/1/000.p/1", "tile/0/001.p/1"} <= names
    assert not [name for name in names if name.startswith(("tile/0/000.p", "tile/entries/000.p"))]
    assert not (site.ledger / "tile/0/000.p").exists()
    assert {"checkpoints/100", "checkpoints/200", "checkpoints/257"} <= names


def test_partial_tiles_go_when_the_tree_ends_with_the_full_one(site: Site) -> None:
    site.grow(100, 156)
    names = {name for name in site.files() if name.startswith("tile/")}
    assert names == {"tile/0/000", "tile/1/000.p/1", "tile/entries/000"}


def test_a_long_backlog_is_signed_in_steps(site: Site) -> None:
    site.record(25)
    assert site.drain(checkpoint_entries=10).size == 25
    names = {name for name in site.files() if name.startswith("checkpoints/")}
    assert names == {"checkpoints/10", "checkpoints/20", "checkpoints/25"}
    assert site.verify().is_sound


def test_the_checkpoint_is_replaced_only_after_its_tiles(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.grow(3)
    renamed: list[str] = []
    rename = os.rename
    monkeypatch.setattr(
        os, "rename", lambda old, new: (renamed.append(Path(new).name), rename(old, new))[1]
    )
    site.grow(3)
    assert renamed == ["6", "6", "checkpoint", "6"]


# L3
def test_a_second_sequencer_is_refused_while_one_works(site: Site) -> None:
    site.grow(3)
    with (site.settings.home / "ledger.state/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another sequencer"):
            site.drain(lock_wait_seconds=0)
    site.grow(1)


# L3
def test_sequencers_at_once_wait_for_each_other(site: Site) -> None:
    errors: list[BaseException] = []

    def produce() -> None:
        try:
            for _ in range(10):
                site.record(7)
                site.drain()
        except BaseException as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    threads = [threading.Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    report = site.verify()
    assert (report.size, report.findings, report.waiting) == (280, (), 0)


# L5
def test_a_ledger_that_came_back_from_a_backup_is_refused(site: Site, tmp_path: Path) -> None:
    site.grow(10)
    shutil.copytree(site.ledger, tmp_path / "backup")
    site.grow(10)
    shutil.rmtree(site.ledger)
    shutil.copytree(tmp_path / "backup", site.ledger)
    with pytest.raises(IntegrityError, match=r"10 entries although 20 were signed.*backup"):
        site.grow(1)


# L5
def test_a_checkpoint_that_was_rolled_back_alone_is_refused(site: Site) -> None:
    site.grow(10)
    old = (site.ledger / "checkpoint").read_bytes()
    site.grow(10)
    (site.ledger / "checkpoint").write_bytes(old)
    forget_heads(site)
    with pytest.raises(IntegrityError, match="older than checkpoints/20"):
        site.grow(1)


# L5
def test_a_checkpoint_with_another_root_than_was_signed_is_refused(site: Site) -> None:
    site.grow(10)
    with site.state.transaction() as connection:
        connection.execute(log_heads.update().values(root=bytes(32)))
    with pytest.raises(IntegrityError, match="another root than was signed for 10"):
        site.grow(1)
    assert [f.problem for f in site.verify().findings] == ["has another root than was signed."]


def test_an_archived_checkpoint_that_differs_is_refused(site: Site) -> None:
    site.grow(10)
    cosigned = (site.ledger / "checkpoint").read_bytes() + Signer("witness", bytes(32)).sign(
        "x\n"
    ).partition(b"\n\n")[2]
    (site.ledger / "checkpoints/10").write_bytes(cosigned)
    with pytest.raises(IntegrityError, match="checkpoints/10: differs from the checkpoint"):
        site.grow(1)
    assert [f.subject for f in site.verify().findings] == ["checkpoints/10"]


def test_an_archived_checkpoint_of_another_history_is_refused(site: Site) -> None:
    """T3: even under the true key."""
    site.grow(5, 5)
    signer = load_signer(site.settings)
    forged = signer.sign(checkpoint_text(ORIGIN, 5, bytes(32)))
    (site.ledger / "checkpoints/5").write_bytes(forged)
    assert "not consistent" in site.verify().findings[1].problem
    (site.ledger / "checkpoints/10").unlink()
    with pytest.raises(IntegrityError, match="checkpoints/5: is not the beginning of the log"):
        site.grow(1)


def test_an_archived_checkpoint_under_another_name_is_refused(site: Site) -> None:
    site.grow(5)
    shutil.copy(site.ledger / "checkpoints/5", site.ledger / "checkpoints/4")
    assert [(f.subject, f.problem) for f in site.verify().findings] == [
        ("checkpoints/4", "speaks of 5 entries.")
    ]


def test_an_archived_checkpoint_that_was_lost_is_written_again(site: Site) -> None:
    site.grow(5)
    before = site.files()
    (site.ledger / "checkpoints/5").unlink()
    site.drain()
    assert site.files() == before
    assert site.verify().is_sound


def test_a_log_that_began_empty_keeps_its_first_checkpoint(site: Site) -> None:
    site.drain()
    site.grow(5)
    assert site.verify().checkpoints == 2
    signer = load_signer(site.settings)
    (site.ledger / "checkpoints/0").write_bytes(signer.sign(checkpoint_text(ORIGIN, 0, bytes(32))))
    assert "checkpoints/0" in [f.subject for f in site.verify().findings]


def test_a_missing_checkpoint_is_refused(site: Site) -> None:
    site.grow(10)
    (site.ledger / "checkpoint").unlink()
    with pytest.raises(IntegrityError, match="missing although 10 entries"):
        site.drain()
    forget_heads(site)
    with pytest.raises(IntegrityError, match="older than checkpoints/10"):
        site.drain()


# O3
def test_a_database_that_came_back_from_a_backup_is_refused(site: Site, tmp_path: Path) -> None:
    site.grow(10)
    with site.state.transaction() as connection:
        connection.execute(outbox.delete().where(outbox.c.log_index >= 6))
    with pytest.raises(IntegrityError, match=r"knows 6 entries.*which has 10.*state\.sqlite"):
        site.grow(1)


def test_a_new_database_beside_an_old_log_is_refused(site: Site, tmp_path: Path) -> None:
    site.grow(10)
    with State(tmp_path / "other" / "state.sqlite") as other:
        sequencer = Sequencer(site.settings, other, site.clock)
        with pytest.raises(IntegrityError, match="knows 0 entries"):
            sequencer.drain()


def test_a_database_with_another_entry_is_refused(site: Site) -> None:
    site.grow(10)
    with site.state.transaction() as connection:
        connection.execute(outbox.update().where(outbox.c.log_index == 4).values(entry=b"{}"))
    with pytest.raises(IntegrityError, match="entry 4: is another in the log"):
        site.drain()


def test_a_gap_in_the_database_is_refused(site: Site) -> None:
    site.grow(256)
    site.record(3)
    with site.state.transaction() as connection:
        connection.execute(outbox.update().where(outbox.c.outbox_id == 259).values(log_index=258))
    with pytest.raises(IntegrityError, match="gap among the entries 256 to 258"):
        site.drain()


# L4
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tile/0/001.p/44", "is not the entry that its leaf hash stands for"),
        ("tile/1/000.p/1", "do not give the root"),
        ("tile/entries/001.p/44", "entry 299 in tile/entries/001.p/44"),
        ("checkpoint", "signature"),
        ("checkpoints/300", "signature"),
    ],
)
def test_a_changed_file_at_the_edge_is_refused(site: Site, name: str, message: str) -> None:
    site.grow(300)
    data = (site.ledger / name).read_bytes()
    place = len(data) - 20
    (site.ledger / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with pytest.raises(IntegrityError, match=message):
        site.grow(1)


# L4
@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_a_deleted_file_at_the_edge_is_refused(site: Site, name: str) -> None:
    site.grow(300)
    (site.ledger / name).unlink()
    with pytest.raises(IntegrityError, match=rf"{name}: is missing"):
        site.grow(1)


def test_a_foreign_file_in_the_way_is_not_overwritten(site: Site) -> None:
    site.grow(3)
    (site.ledger / "tile/0/000.p/4").write_bytes(b"something else")
    with pytest.raises(IntegrityError, match="exists with other content"):
        site.grow(1)
    assert (site.ledger / "tile/0/000.p/4").read_bytes() == b"something else"


# L8
def lose_key(site: Site) -> None:
    (site.settings.keys / "ledger.key").unlink()


def show_key(site: Site) -> None:
    (site.settings.keys / "ledger.key").chmod(0o644)


def link_key(site: Site) -> None:
    (site.settings.keys / "ledger.key").rename(site.settings.keys / "elsewhere")
    (site.settings.keys / "ledger.key").symlink_to("elsewhere")


def swap_key(site: Site) -> None:
    (site.settings.keys / "ledger.key").write_text(Signer(ORIGIN, bytes(32)).private_text)


def garble_key(site: Site) -> None:
    (site.settings.keys / "ledger.key").write_bytes(b"\xff\xfe")


def lose_vkey(site: Site) -> None:
    site.settings.ledger_vkey.unlink()


def garble_vkey(site: Site) -> None:
    site.settings.ledger_vkey.write_bytes(b"\xff\xfe")


# L8
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lose_key, "is missing"),
        (show_key, "can be read by others"),
        (link_key, "not a regular file"),
        (swap_key, "is not the key of ledger.vkey"),
        (garble_key, "not a signed-note private key"),
        (lose_vkey, "ledger.vkey: is missing"),
        (garble_vkey, "is not a verifier key"),
    ],
)
def test_an_unusable_key_is_refused(site: Site, harm: Callable[[Site], None], message: str) -> None:
    site.record(1)
    harm(site)
    with pytest.raises(CredentialsError, match=message) as refusal:
        site.drain()
    assert "PRIVATE" not in str(refusal.value)
    assert not site.ledger.exists()


def test_another_log_in_the_folder_is_refused(site: Site) -> None:
    site.grow(1)
    signer = Signer(ORIGIN, bytes(32))
    (site.settings.keys / "ledger.key").write_text(signer.private_text)
    site.settings.ledger_vkey.write_text(str(signer.verifier))
    with pytest.raises(IntegrityError, match="checkpoint: is not signed by"):
        site.grow(1)


# L9
def test_nothing_is_signed_while_the_clock_is_behind(site: Site) -> None:
    site.later(hours=1).grow(1)
    before = (site.ledger / "checkpoint").read_bytes()
    site.record(1)
    with pytest.raises(RunStoppedError, match=r"12:00:00.*signed at 2026-11-22T13:00:00"):
        site.drain()
    assert (site.ledger / "checkpoint").read_bytes() == before
    assert site.later(hours=1).drain().size == 2
    assert site.verify().is_sound


# L9
def test_what_a_crash_left_is_not_finished_while_the_clock_is_behind(site: Site) -> None:
    site.grow(1)
    site.later(hours=1).grow(1)
    with site.state.transaction() as connection:
        connection.execute(log_heads.delete().where(log_heads.c.size == 2))
    with pytest.raises(RunStoppedError, match="the clock"):
        site.later(hours=-1).drain()
    assert site.drain().size == 2


# L10
def test_an_entry_that_no_bundle_takes_stops_before_the_log(site: Site) -> None:
    site.grow(1)
    with site.state.transaction() as connection:
        connection.execute(
            outbox.insert().values(entry_id="X", entry_type="run.started", entry=bytes(65_536))
        )
    with pytest.raises(IntegrityError, match="65536 bytes"):
        site.drain()
    assert "tile/0/000.p/2" not in site.files()


def test_after_an_error_of_the_disk_the_sequencer_is_done(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.record(1)
    sequencer = Sequencer(site.settings, site.state, site.clock)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RunStoppedError, match="Input/output error"):
            sequencer.drain()
    with pytest.raises(RunStoppedError, match="stopped after an error"):
        sequencer.drain()
    assert site.drain().size == 1


def test_a_locked_database_is_an_error_and_not_a_traceback(site: Site) -> None:
    site.record(1)
    with site.state.transaction() as connection:
        connection.execute(sa.text("alter table outbox rename column entry to gone"))
    with pytest.raises(RunStoppedError, match=r"state\.sqlite: could not be used"):
        site.drain()


def test_a_log_key_is_made_once(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "state")
    verifier = create_log_key(settings, ORIGIN)
    assert create_log_key(settings, ORIGIN) == verifier
    assert (settings.keys / "ledger.key").stat().st_mode & 0o777 == 0o600
    assert settings.keys.stat().st_mode & 0o777 == 0o700
    assert settings.home.stat().st_mode & 0o055
    assert settings.ledger_vkey.read_text() == f"{verifier}\n"
    with pytest.raises(ConflictError, match=f"signs for {ORIGIN}, not for other.example/log"):
        create_log_key(settings, "other.example/log")


def test_a_verifier_key_lost_in_a_crash_is_made_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "state")
    verifier = create_log_key(settings, ORIGIN)
    settings.ledger_vkey.unlink()
    assert create_log_key(settings, ORIGIN) == verifier
    assert settings.ledger_vkey.exists()


def test_an_origin_that_cannot_name_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError):
        create_log_key(settings_of(tmp_path), "https://with space")


def test_two_sites_make_the_same_log_of_the_same_entries(tmp_path: Path) -> None:
    with open_site(tmp_path / "one") as one, open_site(tmp_path / "two") as two:
        for site in (one, two):
            site.record_many(600)
            site.drain()
        tiles = [files_below(site.ledger / "tile") for site in (one, two)]
    assert tiles[0] == tiles[1]
    assert NOON.year == 2026


def forget_heads(site: Site) -> None:
    with site.state.transaction() as connection:
        connection.execute(sa.text("delete from log_heads"))
