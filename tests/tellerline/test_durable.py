"""Writes reach the disk in the one order that survives a power cut, and never by halves."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tellerline.durable import (
    append_line,
    create_file,
    make_folder,
    publish_folder,
    replace_file,
    sync_file,
    sync_folder,
)
from tellerline.errors import IntegrityError

STEPS = ("open", "write", "fsync", "rename", "mkdir")


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, fail_at: int = 0) -> Iterator[list[tuple[str, str]]]:
    """Yield the steps made on the file system; step number `fail_at` fails instead."""
    steps: list[tuple[str, str]] = []
    paths: dict[int, str] = {}

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            first = arguments[0]
            path = paths.get(first, "") if isinstance(first, int) else Path(first).name
            if name == "open" and not arguments[1] & os.O_CREAT:
                descriptor = original(*arguments, **named)
                paths[descriptor] = path
                return descriptor
            steps.append((name, path))
            if len(steps) == fail_at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            result = original(*arguments, **named)
            if name == "open":
                paths[result] = path
            return result

        return step

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, wrap(name, getattr(os, name)))
        yield steps


def test_the_order_of_replacing_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch) as steps:
        replace_file(tmp_path / "file", b"data")
    temporary = f".file.{os.getpid()}.tmp"
    assert steps == [
        ("open", temporary),
        ("write", temporary),
        ("fsync", temporary),
        ("rename", temporary),
        ("fsync", tmp_path.name),
    ]
    assert (tmp_path / "file").read_bytes() == b"data"


def test_the_order_of_making_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch) as steps:
        make_folder(tmp_path / "a" / "b")
    assert steps == [("mkdir", "a"), ("fsync", tmp_path.name), ("mkdir", "b"), ("fsync", "a")]
    with watched(monkeypatch) as steps:
        make_folder(tmp_path / "a" / "b")
    assert steps == []


def test_the_order_of_appending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    # Each time, because whoever made the file may have died before its name was on disk.
    for line in (b"one", b"two"):
        with watched(monkeypatch) as steps:
            append_line(path, line)
        assert steps == [
            ("open", "journal"),
            ("write", "journal"),
            ("fsync", "journal"),
            ("fsync", tmp_path.name),
        ]
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_torn_by_a_crash_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\ntw")
    append_line(path, b"three")
    assert path.read_bytes() == b"one\nthree\n"
    path.write_bytes(b"torn")
    append_line(path, b"one")
    assert path.read_bytes() == b"one\n"


def test_the_order_of_publishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = tmp_path / "staging"
    (staging / "sub").mkdir(parents=True)
    (staging / "sub" / "part").write_bytes(b"1")
    (staging / "manifest").write_bytes(b"2")
    with watched(monkeypatch) as steps:
        publish_folder(staging, tmp_path / "final")
    assert steps == [
        ("fsync", "part"),
        ("fsync", "sub"),
        ("fsync", "manifest"),
        ("fsync", "staging"),
        ("rename", "staging"),
        ("fsync", tmp_path.name),
    ]
    assert (tmp_path / "final" / "sub" / "part").read_bytes() == b"1"


def test_a_published_folder_is_never_replaced(tmp_path: Path) -> None:
    for name in ("staging", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text(name)
    with pytest.raises(IntegrityError, match="exists already"):
        publish_folder(tmp_path / "staging", tmp_path / "final")
    assert (tmp_path / "final" / "part").read_text() == "final"


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    replace_file(tmp_path / "file", b"0123456789")
    append_line(tmp_path / "journal", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    assert (tmp_path / "journal").read_bytes() == b"0123456789\n"


@pytest.mark.parametrize("fail_at", range(1, 6))
def test_a_replacement_that_fails_leaves_the_old_file_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    with watched(monkeypatch, fail_at), pytest.raises(OSError, match="Input/output"):
        replace_file(path, b"new and longer")
    # Only the last step, the sync of the folder, comes after the rename.
    assert path.read_bytes() == (b"new and longer" if fail_at == 5 else b"old")
    replace_file(path, b"next")
    assert path.read_bytes() == b"next"


def test_a_failed_sync_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch, fail_at=3) as steps, pytest.raises(OSError, match="Input/output"):
        replace_file(tmp_path / "file", b"data")
    assert [name for name, _ in steps] == ["open", "write", "fsync"]
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("fail_at", range(1, 7))
def test_a_publication_that_fails_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    staging, final = tmp_path / "staging", tmp_path / "final"
    (staging / "sub").mkdir(parents=True)
    (staging / "sub" / "part").write_bytes(b"1")
    (staging / "manifest").write_bytes(b"2")
    with watched(monkeypatch, fail_at), pytest.raises(OSError, match="Input/output"):
        publish_folder(staging, final)
    assert final.exists() == (fail_at == 6)
    whole = final if final.exists() else staging
    assert (whole / "sub" / "part").read_bytes() + (whole / "manifest").read_bytes() == b"12"


def test_a_file_is_created_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    create_file(path, b"data", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    with watched(monkeypatch) as steps:
        create_file(path, b"data")
    # The writer before may have died between its rename and its sync.
    assert steps == [("fsync", "file"), ("fsync", tmp_path.name)]
    with pytest.raises(IntegrityError, match="exists with other content"):
        create_file(path, b"other")
    assert path.read_bytes() == b"data"


def test_what_others_wrote_can_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with watched(monkeypatch) as steps:
        sync_file(tmp_path / "file")
        sync_folder(tmp_path)
    assert steps == [("fsync", "file"), ("fsync", tmp_path.name)]
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
