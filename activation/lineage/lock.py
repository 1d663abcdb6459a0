"""The lock file: which fingerprint each version of each segment has.

`segments.lock` stands at the project root and in git. A changed fingerprint under an unchanged
version fails the check, so that nobody changes an audience without saying so, and a review shows
what moved: the file keeps one short hash for each part that a segment uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import yaml
from pydantic import Field

from activation.lineage.segments import SegmentLineage
from tellerline.documents import Document, read_document
from tellerline.durable import replace_file
from tellerline.errors import ConfigurationError, ContractError

LOCK_FILE = "segments.lock"
SHORT = 12
_HEADER = """\
# What each segment uses, by version. Written by `tellerline segment lock`: do not edit.
# A segment whose fingerprint changes needs a new version in its YAML.
"""
_UNLOCKED = "Run `tellerline segment lock` and commit segments.lock."

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class LockedSegment(Document):
    """One segment as it was locked.

    `parts` holds the first 12 digits of the hash of each relation that it uses; `past` the
    fingerprints of former versions.
    """

    version: Version
    fingerprint: Fingerprint
    parts: dict[str, str]
    past: dict[Version, Fingerprint] = Field(default_factory=dict)


class Lock(Document):
    """The lock file."""

    segments: dict[str, LockedSegment] = Field(default_factory=dict)


class Difference(NamedTuple):
    """Where the lock and the project disagree.

    Args:
        segment_id: The segment.
        problem: In what.
        remedy: What to do.
        needs_version: Whether only a new version can settle it.
    """

    segment_id: str
    problem: str
    remedy: str
    needs_version: bool = False


def read_lock(path: Path) -> Lock:
    """Return the lock file; an empty one when there is none yet.

    Raises:
        ConfigurationError: It is not a lock file.
    """
    try:
        return read_document(path, Lock) if path.exists() else Lock()
    except ConfigurationError as error:
        raise ConfigurationError(
            error.subject,
            error.problem,
            f"`git checkout {LOCK_FILE}` brings back the one that was committed.",
        ) from None


def write_lock(path: Path, lock: Lock) -> None:
    """Replace the lock file atomically."""
    text = yaml.safe_dump(lock.model_dump(mode="json"), sort_keys=True, width=100)
    replace_file(path, (_HEADER + text).encode("utf-8"))


def find_differences(lock: Lock, lineages: Mapping[str, SegmentLineage]) -> list[Difference]:
    """Return where `lock` disagrees with the segments of the project, by segment id."""
    found = []
    for segment_id in sorted(lock.segments.keys() | lineages.keys()):
        locked, lineage = lock.segments.get(segment_id), lineages.get(segment_id)
        if lineage is None:
            found.append(
                Difference(segment_id, "is locked but not in the project.", _UNLOCKED),
            )
        elif locked is None:
            found.append(Difference(segment_id, "is not locked.", _UNLOCKED))
        else:
            difference = _compare(segment_id, locked, lineage)
            found += [difference] if difference is not None else []
    return found


def check_lock(lock: Lock, lineages: Mapping[str, SegmentLineage]) -> None:
    """Hold the project to the lock.

    Raises:
        ContractError: A segment changed without a new version, is new, or is gone; the error names
            it, both fingerprints and the parts that changed.
    """
    _refuse(find_differences(lock, lineages))


def update_lock(lock: Lock, lineages: Mapping[str, SegmentLineage]) -> Lock:
    """Return the lock with new segments and versions in, and segments that are gone out.

    Raises:
        ContractError: A segment changed without a new version, or went back to a version that was
            locked with another fingerprint.
    """
    _refuse([item for item in find_differences(lock, lineages) if item.needs_version])
    return Lock(
        segments={
            segment_id: _locked(lock.segments.get(segment_id), lineage)
            for segment_id, lineage in sorted(lineages.items())
        }
    )


def _compare(segment_id: str, locked: LockedSegment, lineage: SegmentLineage) -> Difference | None:
    known = {**locked.past, locked.version: locked.fingerprint}
    before = known.get(lineage.version)
    if before is None:
        return Difference(segment_id, f"has the new version {lineage.version}.", _UNLOCKED)
    if before != lineage.fingerprint:
        return Difference(
            segment_id,
            f"has version {lineage.version} with fingerprint {lineage.fingerprint}, but it was "
            f"locked with {before}; {_changes(locked, lineage)}.",
            "Give it a new version in its YAML, then run `tellerline segment lock`.",
            needs_version=True,
        )
    if lineage.version != locked.version:
        problem = f"went back from version {locked.version} to {lineage.version}."
        return Difference(segment_id, problem, _UNLOCKED)
    return None


def _changes(locked: LockedSegment, lineage: SegmentLineage) -> str:
    """Say which parts differ from those that were locked last."""
    now = _short(lineage.parts)
    changed = [name for name in now if locked.parts.get(name, now[name]) != now[name]]
    words = [
        ("changed", changed),
        ("new", [name for name in now if name not in locked.parts]),
        ("no longer used", [name for name in locked.parts if name not in now]),
    ]
    listed = [f"{word}: {', '.join(sorted(names))}" for word, names in words if names]
    return "; ".join(listed) or "no part differs, so the form of fingerprints changed"


def _locked(before: LockedSegment | None, lineage: SegmentLineage) -> LockedSegment:
    past = {} if before is None else {**before.past, before.version: before.fingerprint}
    past.pop(lineage.version, None)
    return LockedSegment(
        version=lineage.version,
        fingerprint=lineage.fingerprint,
        parts=_short(lineage.parts),
        past=past,
    )


def _short(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: digest[:SHORT] for name, digest in parts.items()}


def _refuse(differences: list[Difference]) -> None:
    if not differences:
        return
    first, *others = differences
    more = "".join(f"\nSegment {item.segment_id}: {item.problem} {item.remedy}" for item in others)
    raise ContractError(f"segment {first.segment_id}", first.problem, first.remedy + more)
