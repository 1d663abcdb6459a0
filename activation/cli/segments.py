"""Commands of segment authors: lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from activation.cli.console import say, show_json, show_table
from activation.cli.options import AsJson
from activation.lineage import describe_segments
from activation.lineage.lock import LOCK_FILE, check_lock, read_lock, update_lock, write_lock
from activation.policies.lineage import Basis, refuse_forbidden_basis
from activation.policies.packs import packs_in_force
from activation.workplace import read_settings
from tellerline.canonical import parse_json
from tellerline.clock import SystemClock
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
    today = SystemClock().now().date()
    lineages = describe_segments(read_manifest(settings.target / "manifest.json"), settings.project)
    refuse_forbidden_basis(
        {
            segment_id: Basis(lineage.is_credit_related, lineage.tags)
            for segment_id, lineage in lineages.items()
        },
        lambda: packs_in_force(settings.governance, today),
    )
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


def read_manifest(path: Path) -> dict[str, Any]:
    """Return dbt's manifest.

    Raises:
        RunStoppedError: There is none yet.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunStoppedError(str(path), "is missing.", "Run `dbt compile`.") from None
    return dict(parse_json(data, path.name))
