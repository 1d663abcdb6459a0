"""The member key, and who else holds the databases."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from feed_site import Site, make_file

from ingestion.keys import KEY_VARIABLE, MemberKey, create_member_key, member_key
from tellerline.databases import attach
from tellerline.errors import (
    ConfigurationError,
    ConflictError,
    CredentialsError,
    IntegrityError,
    UsageError,
)
from tellerline.settings import Settings


def settings_at(home: Path, **environment: str) -> Settings:
    return Settings.from_environment({"TELLERLINE_HOME": str(home), **environment}, home)


def test_a_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "home")
    path = create_member_key(settings)
    text = path.read_text()
    assert len(bytes.fromhex(text)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert create_member_key(settings) == path
    assert path.read_text() == text
    assert os.listdir(path.parent) == ["member.key"]  # noqa: PTH208 - names alone
    key = member_key(settings)
    assert key.material == bytes.fromhex(text)
    expected = hashlib.sha256(b"tellerline-member-key-id:" + key.material).hexdigest()[:8]
    assert key.key_id == expected
    assert text.strip() not in repr(key)
    assert str(key.material) not in repr(key)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, **{KEY_VARIABLE: "ab" * 32})
    create_member_key(settings)
    assert member_key(settings).material == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 65, "not hex"])
def test_a_key_that_is_none(tmp_path: Path, text: str) -> None:
    settings = settings_at(tmp_path)
    create_member_key(settings).write_text(text)
    with pytest.raises(CredentialsError) as caught:
        member_key(settings)
    assert text == "" or text not in str(caught.value)


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    create_member_key(settings).chmod(0o640)
    with pytest.raises(CredentialsError, match="read by others"):
        member_key(settings)


def test_no_key_at_all(site: Site) -> None:
    site.key = ""
    site.put("transactions", make_file("transactions", 3))
    with pytest.raises(CredentialsError, match="tellerline init"):
        site.run()


def test_another_key_than_the_vaults_is_refused(site: Site) -> None:
    site.put("transactions", make_file("transactions", 3))
    site.run()
    site.key = "77" * 32
    site.put("contacts", make_file("contacts", 3))
    with pytest.raises(CredentialsError) as caught:
        site.run()
    assert "vault was made with" in str(caught.value)
    assert "77" * 32 not in str(caught.value)
    site.key = "5e" * 32
    assert site.run().feeds["contacts"].run.loaded == 3


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("database", ["warehouse", "vault"])
def test_a_database_held_by_another_process(site: Site, database: str) -> None:
    site.put("transactions", make_file("transactions", 3))
    site.run()
    site.put("contacts", make_file("contacts", 3))
    path = getattr(site.settings, database)
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError) as caught:
            site.run(lock_wait_seconds=0.3)
        assert f"process {holder.pid}" in str(caught.value)
        assert str(path) in str(caught.value)
        holder.stdin.write("\n")
    assert site.run().feeds["contacts"].run.loaded == 3


def test_a_database_held_by_the_very_process_that_ingests(site: Site) -> None:
    site.put("transactions", make_file("transactions", 3))
    site.run()
    with (
        duckdb.connect(str(site.settings.warehouse)),
        pytest.raises(ConflictError, match=f"held by process {os.getpid()}"),
    ):
        site.run()
    with duckdb.connect() as connection:
        attach(connection, "vault", site.settings.vault, wait_seconds=0)
        with pytest.raises(ConflictError, match="open in this very process"):
            attach(connection, "again", site.settings.vault, wait_seconds=0)
    assert site.run().exit_code == 0


def test_a_database_attached_for_reading(site: Site, tmp_path: Path) -> None:
    site.put("contacts", make_file("contacts", 3))
    site.run()
    missing = tmp_path / "o'locked.duckdb"
    with duckdb.connect() as connection:
        attach(connection, "vault", site.settings.vault, wait_seconds=0, read_only=True)
        assert connection.execute("select count(*) from vault.raw.contacts").fetchall() == [(3,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("delete from vault.raw.contacts")
        with pytest.raises(IntegrityError, match="cannot be opened"):
            attach(connection, "missing", missing, wait_seconds=60, read_only=True)
    assert not missing.exists()


def test_a_second_ingestion_waits_for_the_first(site: Site) -> None:
    site.put("transactions", make_file("transactions", 3))
    site.run()
    with (site.settings.home / "ingestion.lock").open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match=f"process {os.getpid()}"):
            site.run()
    assert site.run().exit_code == 0


def test_a_warehouse_that_is_no_database(site: Site) -> None:
    site.settings.home.mkdir()
    site.settings.warehouse.write_bytes(b"x" * 10_000)
    with pytest.raises(IntegrityError, match="cannot be opened"):
        site.run()


def test_a_home_whose_path_the_database_cannot_have(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="question mark"):
        Site(tmp_path / "what?").run()


def test_a_lost_warehouse_is_loaded_again_from_what_was_received(site: Site) -> None:
    for feed in ("transactions", "contacts", "consent_changes"):
        site.put(feed, make_file(feed, 30))
    site.run()
    before = {feed: site.rows(feed) for feed in ("transactions", "contacts", "consent_changes")}
    site.settings.warehouse.unlink()
    report = site.run()
    assert report.errors == []
    assert {feed: site.rows(feed) for feed in before} == before
    # Of the contacts, too: what stood in the vault without a warehouse to speak of it was removed.
    assert {report.feeds[feed].run.loaded for feed in before} == {30}


def test_files_of_ours_are_private(site: Site) -> None:
    site.put("contacts", make_file("contacts", 3))
    site.put("consent_changes", make_file("consent_changes", 3))
    old = os.umask(0o022)
    try:
        site.run()
    finally:
        assert os.umask(old) == 0o022
    loose = [
        path
        for path in site.settings.home.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert loose == []


@pytest.mark.parametrize(("number", "problem"), [("", "is empty"), (" ", "is empty"),
                                                 ("1\udcff", "no UTF-8")])  # fmt: skip
def test_what_is_no_number_is_refused_without_repeating_it(number: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f"the member number: .*{problem}") as caught:
        MemberKey(b"k" * 32).token("member", number)
    str(caught.value).encode()
