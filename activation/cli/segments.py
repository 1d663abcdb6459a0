"""Commands of segment authors: lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activation.cli.console import say, show_json, show_table
from activation.cli.options import AsJson
from activation.lineage import SegmentLineage, describe_segments
from activation.lineage.lock import LOCK_FILE, check_lock, read_lock, update_lock, write_lock
from activation.workplace import read_settings
from tellerline.canonical import parse_json
from tellerline.errors import RunStoppedError


def lock(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail when the lock is out of date.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write segments.lock: the fingerprint of each segment's version. Compile the project first.

    Example: dbt compile && tellerline segment lock --check
    """
    settings = read_settings()
    lineages = _describe(settings.target / "manifest.json", settings.project)
    path = settings.project / LOCK_FILE
    before = read_lock(path)
    if check:
        check_lock(before, lineages)
    else:
        after = update_lock(before, lineages)
        if after != before:
            write_lock(path, after)
    if as_json:
        show_json(
            {
                segment_id: {
                    "fingerprint": lineage.fingerprint,
                    "law_tags": dict(lineage.tags),
                    "unresolved": dict(lineage.unresolved),
                    "version": lineage.version,
                }
                for segment_id, lineage in lineages.items()
            }
        )
        return
    show_table(
        "Segments",
        ("segment", "version", "fingerprint", "law tags upstream"),
        [
            (segment_id, lineage.version, lineage.fingerprint[:12], ", ".join(lineage.tags) or None)
            for segment_id, lineage in lineages.items()
        ],
    )
    for segment_id, lineage in lineages.items():
        for name, reason in lineage.unresolved.items():
            say(f"{segment_id}: {name} counts whole, because it cannot be followed ({reason}).")


def _describe(manifest: Path, project: Path) -> dict[str, SegmentLineage]:
    try:
        data = manifest.read_bytes()
    except FileNotFoundError:
        raise RunStoppedError(str(manifest), "is missing.", "Run `dbt compile`.") from None
    return describe_segments(parse_json(data, manifest.name), project)
