"""Publish once, activate everywhere: one atomic, unchanging version of all that may be activated.

A version is a folder of Parquet files and a manifest with the hash of each; `CURRENT` names the
version and the hash of its manifest. Readers pin a version, check every hash, and list files from
the manifest, never by glob. Activation reads nothing else of what dbt built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tellerline.canonical import canonical_json, parse_canonical, sha256_hex
from tellerline.errors import ConflictError, IntegrityError, RunStoppedError
from tellerline.sql import literal

MANIFEST = "manifest.json"
CURRENT = "CURRENT"
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a version.

    Args:
        path: Where it is.
        rows: Number of rows; 0 for a document.
        sha256: Its hash in hexadecimal.
    """

    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedSegment:
    """One segment of a version, as its author described it."""

    segment_id: str
    version: str
    fingerprint: str
    facts: Mapping[str, Any]
    lineage_tags: Mapping[str, str]
    members: int


@dataclass(frozen=True, slots=True)
class Publication:
    """One pinned version.

    Args:
        version: Its ULID.
        manifest_sha256: The hash that approvals and plans name.
        folder: Where it is.
        business_date: The day the data speaks of, ISO 8601.
        published_at: When it was published, ISO 8601.
        files: Its files by dataset, `audience:<segment>` for audiences.
        segments: Its segments by id.
    """

    version: str
    manifest_sha256: str
    folder: Path
    business_date: str
    published_at: str
    files: Mapping[str, PublishedFile]
    segments: Mapping[str, PublishedSegment]

    def segment(self, segment_id: str) -> PublishedSegment:
        """Return a segment.

        Raises:
            RunStoppedError: This version has none of that id.
        """
        try:
            return self.segments[segment_id]
        except KeyError:
            known = ", ".join(sorted(self.segments)) or "none"
            raise RunStoppedError(
                f"segment {segment_id}",
                f"is not in publication {self.version} ({known}).",
                "Build and publish it, or correct the name.",
            ) from None

    def verified(self, dataset: str) -> PublishedFile:
        """Return a file after checking its bytes against the manifest.

        Raises:
            IntegrityError: The file is gone or holds other bytes.
            RunStoppedError: The version has no such dataset.
        """
        published = self.files.get(dataset)
        if published is None:
            raise RunStoppedError(
                f"publication {self.version}", f"has no dataset {dataset}.", "Publish again."
            )
        check_file(published.path, published.sha256)
        return published

    def view(self, connection: duckdb.DuckDBPyConnection, dataset: str, name: str) -> None:
        """Make the view `name` over a dataset whose bytes were checked."""
        path = literal(str(self.verified(dataset).path))
        connection.execute(f'create or replace view "{name}" as from read_parquet({path})')


def open_current(published: Path) -> Publication:
    """Return the version that `CURRENT` names.

    Raises:
        RunStoppedError: Nothing is published yet.
        IntegrityError: `CURRENT` or the manifest is damaged.
    """
    current = published / CURRENT
    if not current.is_file():
        raise RunStoppedError(str(published), "holds no publication.", "Run `tellerline publish`.")
    words = current.read_text(encoding="ascii", errors="replace").split()
    if len(words) != 2:  # noqa: PLR2004 - version and hash
        raise IntegrityError(str(current), "does not name a version and its hash.")
    return open_version(published, words[0], words[1])


def open_version(published: Path, version: str, manifest_sha256: str) -> Publication:
    """Return one version whose manifest has that hash.

    Raises:
        IntegrityError: The manifest is missing or has other bytes.
    """
    folder = published / version
    path = folder / MANIFEST
    if not version.isalnum() or not path.is_file():
        raise IntegrityError(f"publication {version}", "is gone.", "Publish and plan again.")
    data = path.read_bytes()
    if sha256_hex(data) != manifest_sha256:
        raise IntegrityError(
            str(path),
            "has other bytes than its hash says.",
            "Treat it as an incident; publish again.",
        )
    manifest = parse_canonical(data, str(path))
    return Publication(
        version=version,
        manifest_sha256=manifest_sha256,
        folder=folder,
        business_date=manifest["business_date"],
        published_at=manifest["published_at"],
        files={
            dataset: PublishedFile(folder / entry["file"], entry["rows"], entry["sha256"])
            for dataset, entry in manifest["files"].items()
        },
        segments={
            segment_id: PublishedSegment(
                segment_id,
                entry["version"],
                entry["fingerprint"],
                entry["facts"],
                entry["lineage_tags"],
                entry["members"],
            )
            for segment_id, entry in manifest["segments"].items()
        },
    )


def check_file(path: Path, sha256: str) -> None:
    """Check that `path` holds the bytes with that hash.

    Raises:
        IntegrityError: It is missing or holds others.
    """
    if file_sha256(path) != sha256:
        raise IntegrityError(
            str(path),
            "has other bytes than its hash says.",
            "Nothing was sent. Treat it as an incident; publish again.",
        )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal; empty when it is missing."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def manifest_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of a manifest."""
    return canonical_json(dict(document))


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file for reading.

    Raises:
        RunStoppedError: It is missing.
        ConflictError: Another process holds it.
    """
    if not path.is_file():
        raise RunStoppedError(str(path), "is missing.", "Run `tellerline ingest` and `dbt build`.")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.IOException as error:
        raise _held(path, error) from None


def attach_vault(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach the vault as `vault` for reading.

    Raises:
        ConflictError: Another process holds it.
    """
    quoted = literal(str(path))
    try:
        connection.execute(f"attach {quoted} as vault (read_only)")
    except duckdb.IOException as error:
        raise _held(path, error) from None


def _held(path: Path, error: duckdb.IOException) -> ConflictError:
    holder = str(error).partition("PID ")[2].partition(")")[0]
    return ConflictError(
        str(path),
        f"is held by another process{f' (PID {holder})' if holder else ''}.",
        "Close it, then run again.",
    )
