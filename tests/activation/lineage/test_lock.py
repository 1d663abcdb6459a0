"""The lock file."""

from __future__ import annotations

from pathlib import Path

import pytest

from activation.lineage import SegmentLineage
from activation.lineage.lock import Lock, check_lock, read_lock, update_lock, write_lock
from tellerline.errors import ConfigurationError, ContractError

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def lineage(fingerprint: str, version: str = "1.0.0", **parts: str) -> SegmentLineage:
    used = {"rules": ONE, "profile": TWO, **parts}
    return SegmentLineage(fingerprint, version=version, parts=used)


@pytest.fixture
def lock() -> Lock:
    return update_lock(Lock(), {"coffee": lineage(ONE), "golf": lineage(TWO)})


def test_what_was_locked_passes(lock: Lock) -> None:
    check_lock(lock, {"coffee": lineage(ONE), "golf": lineage(TWO)})


def test_a_change_without_a_new_version_names_all_that_matters(lock: Lock) -> None:
    now = {"coffee": lineage(THREE, rules=THREE, members=ONE), "golf": lineage(TWO)}
    now["coffee"].parts.pop("profile")
    for hold in (check_lock, update_lock):
        with pytest.raises(ContractError) as caught:
            hold(lock, now)
        text = str(caught.value)
        assert "segment coffee" in text
        assert ONE in text
        assert THREE in text
        assert "changed: rules; new: members; no longer used: profile" in text
        assert "golf" not in text


def test_a_new_version_is_taken_and_the_old_one_kept(lock: Lock) -> None:
    now = {"coffee": lineage(THREE, "1.1.0"), "golf": lineage(TWO)}
    with pytest.raises(ContractError, match=r"coffee: has the new version 1\.1\.0"):
        check_lock(lock, now)
    after = update_lock(lock, now)
    check_lock(after, now)
    assert after.segments["coffee"].past == {"1.0.0": ONE}


def test_a_version_never_gets_another_fingerprint(lock: Lock) -> None:
    after = update_lock(lock, {"coffee": lineage(THREE, "1.1.0"), "golf": lineage(TWO)})
    with pytest.raises(ContractError, match="coffee"):
        update_lock(after, {"coffee": lineage(TWO, "1.0.0"), "golf": lineage(TWO)})


def test_going_back_to_a_locked_version_is_allowed(lock: Lock) -> None:
    after = update_lock(lock, {"coffee": lineage(THREE, "1.1.0"), "golf": lineage(TWO)})
    back = {"coffee": lineage(ONE, "1.0.0"), "golf": lineage(TWO)}
    with pytest.raises(ContractError, match=r"went back from version 1\.1\.0 to 1\.0\.0"):
        check_lock(after, back)
    assert update_lock(after, back).segments["coffee"].past == {"1.1.0": THREE}


def test_new_and_stale_segments_fail_the_check(lock: Lock) -> None:
    now = {"coffee": lineage(ONE), "museum": lineage(TWO)}
    with pytest.raises(ContractError) as caught:
        check_lock(lock, now)
    assert "segment golf: is locked but not in the project" in str(caught.value)
    assert "egment museum: is not locked" in str(caught.value)
    assert set(update_lock(lock, now).segments) == {"coffee", "museum"}


def test_the_file_reads_back_and_changes_by_line(tmp_path: Path, lock: Lock) -> None:
    path = tmp_path / "segments.lock"
    assert read_lock(path) == Lock()
    write_lock(path, lock)
    assert read_lock(path) == lock
    before = path.read_text().splitlines()
    write_lock(path, update_lock(lock, {"coffee": lineage(ONE), "golf": lineage(THREE, "2.0.0")}))
    changed = set(path.read_text().splitlines()) ^ set(before)
    assert len(changed) <= 6


@pytest.mark.parametrize("text", ["segments: {x: {version: '1'}}", "other: 1", "segments: ["])
def test_a_broken_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "segments.lock"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"segments\.lock"):
        read_lock(path)
