"""Commands of segment authors: new, lock, diff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from activation.artefacts import MANIFEST, check_current, read_manifest
from activation.catalog import check_segments
from activation.cli.console import err, say, show_json, show_table
from activation.cli.options import AsJson
from activation.governance.register import read_register
from activation.lineage import describe_segments
from activation.lineage.lock import LOCK_FILE, check_lock, read_lock, update_lock, write_lock
from activation.pages.files import render_pages
from activation.policies.lineage import Basis, refuse_forbidden_basis
from activation.policies.packs import packs_in_force
from activation.segments.audiences import AudienceDifference
from activation.segments.changes import Change
from activation.segments.comparison import compare_audiences
from activation.segments.revisions import WORKING_TREE
from activation.segments.template import make_segment
from activation.workplace import read_settings
from tellerline.clock import SystemClock


def new(
    goal: Annotated[str, typer.Argument(help="A folder below models/segments, such as retention.")],
    audience: Annotated[str, typer.Argument(help="Whom it selects, such as wages_stopped.")],
    owner: Annotated[
        str, typer.Option(help="The team that answers for it.")
    ] = "marketing_analytics",
    goal_kli: Annotated[
        str, typer.Option(help="The indicator that counts as success.")
    ] = "behaviour__recent_login",
    as_json: AsJson = False,
) -> None:
    """Make the SQL and the YAML of a new segment, which hold as they stand and go nowhere yet.

    Example: tellerline segment new cross_sell savings_without_checking
    """
    settings = read_settings()
    project = settings.project
    made = make_segment(
        project, goal, audience, owner=owner, goal_kli=goal_kli, today=SystemClock().now().date()
    )
    # Its description shows its page, which dbt asks for before it parses anything.
    render_pages(project, read_register(settings.governance, settings.environment)).write(project)
    files = [str(path.relative_to(project)) for path in made.files]
    if as_json:
        show_json({"files": files, "segment": made.segment_id})
        return
    model = made.files[0].stem
    say(f"Made {' and '.join(files)}. Next:")
    for number, step in enumerate(
        (
            "Write whom it selects: the SQL, one plain sentence in the YAML, the unit test.",
            "Set goal_kli, channels, sizes and expiry; name destinations with their attributes.",
            f"Add {model} to macros/segments.sql, and to its destinations' exposures.",
            f"dbt build -s {model}, breaking each threshold once to see the unit test fail.",
            "dbt compile --selector everything && tellerline dictionary lineage --write",
            "tellerline dictionary pages --write && dbt build && tellerline segment lock",
            "tellerline segment diff main",
        ),
        start=1,
    ):
        say(f"  {number}. {step}")


def diff(
    base: Annotated[str, typer.Argument(help="The commit, branch or tag before.")],
    head: Annotated[
        str | None, typer.Argument(help="The one after; the working tree when absent.")
    ] = None,
    members: Annotated[
        bool, typer.Option("--members", help="Name who comes in and goes out, by pseudonym.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a change does to every audience: members in, out and unchanged on the same data.

    Works on a copy of the warehouse; see activation/segments/comparison.py for what it cannot see.

    Example: tellerline segment diff main
    """
    settings = read_settings()
    with err.status("Comparing") as status:
        found = compare_audiences(
            settings, base, head, with_members=members, progress=status.update
        )
    if as_json:
        show_json({"base": base, "head": head, "segments": [_difference(d) for d in found]})
        return
    show_table(
        f"{base} → {head or WORKING_TREE}",
        ("segment", "change", "version", "in", "out", "unchanged"),
        [
            (
                item.change.segment_id,
                None if item.change.change is Change.NONE else str(item.change.change),
                " → ".join(dict.fromkeys(v or "none" for v in item.change.versions)),
                item.entered,
                item.left,
                item.stayed,
            )
            for item in found
        ],
    )
    for item in found:
        if item.change.change is not Change.NONE:
            _explain(item)


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
    manifest, _ = read_manifest(settings.target / MANIFEST)
    check_current(settings.target / MANIFEST, settings.project)
    check_segments(manifest)
    lineages = describe_segments(manifest, settings.project)
    refuse_forbidden_basis(
        {
            segment_id: Basis(lineage.is_held_to_fair_lending, lineage.tags, lineage.unresolved)
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


def _difference(item: AudienceDifference) -> dict[str, Any]:
    """Return one difference as JSON has it; members only where they were asked for."""
    change = item.change
    document: dict[str, Any] = {
        "change": change.change,
        "differs_in": {"facts": change.facts, "upstream": change.parts},
        "in": item.entered,
        "lacks_version": change.lacks_version,
        "out": item.left,
        "overlaps": item.overlaps,
        "reach": {
            channel: {"after": after, "before": before}
            for channel, (before, after) in item.reach.items()
        },
        "reasons": {"in": item.reasons_in, "out": item.reasons_out},
        "segment": change.segment_id,
        "unchanged": item.stayed,
        "version": {"after": change.versions[1], "before": change.versions[0]},
    }
    if item.members_in or item.members_out:
        document["members"] = {"in": item.members_in, "out": item.members_out}
    return document


def _explain(item: AudienceDifference) -> None:
    change = item.change
    say(f"{change.segment_id} ({change.change})")
    lines = (
        ("differs in", ", ".join(change.parts)),
        ("facts", ", ".join(change.facts)),
        ("version", "unchanged: give it a new one." if change.lacks_version else ""),
        ("in because", _counts(item.reasons_in)),
        ("out, was in because", _counts(item.reasons_out)),
        ("overlaps", _counts(item.overlaps)),
        ("reach", "; ".join(f"{c}: {b:,} → {a:,}" for c, (b, a) in item.reach.items())),
        ("members in", " ".join(item.members_in)),
        ("members out", " ".join(item.members_out)),
    )
    for name, text in lines:
        if text:
            say(f"  {name}: {text}")


def _counts(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name}: {count:,}" for name, count in counts.items())
