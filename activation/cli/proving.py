"""Commands that show and prove: catalog, trace, reproduce, forget, audit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from activation.cli.completion import complete_run, complete_segment
from activation.cli.console import progress_bar, say, show_json, show_table
from activation.cli.options import AsJson
from activation.context import Context
from activation.delivery.replay import replay_run
from activation.forgetting import forget_member
from activation.ledger.log_keys import load_verifier
from activation.ledger.notes import Verifier
from activation.ledger.record_audit import are_records_handed_over
from activation.ledger.verify import verify_ledger
from activation.listing import catalogue
from activation.names import check_run, check_segment
from activation.tracing import trace_member
from activation.workplace import check_set_up, read_settings, working
from ingestion.keys import member_key
from tellerline.errors import CredentialsError, IntegrityError, UsageError
from tellerline.state import State

MEMBER_ID = re.compile(r"[0-9a-f]{64}")
MemberOption = Annotated[
    str,
    typer.Option("--member", "-m", help="Pseudonym (64 hexadecimal digits) or core member number."),
]


def catalog(as_json: AsJson = False) -> None:
    """Show segments, destinations, plans, requests and runs.

    Example: tellerline catalog
    """
    with working() as context:
        document = catalogue(context)
    if as_json:
        show_json(document)
        return
    _show_section(document, "segments", ("segment", "destination", "version", "members", "held"))
    _show_section(document, "destinations", ("destination", "type", "channel", "title"))
    _show_section(document, "plans", ("plan", "segment", "destination", "changes", "refusals"))
    _show_section(document, "requests", ("request", "segment", "destination", "kind", "decisions"))
    _show_section(document, "runs", ("run", "segment", "destination", "state", "finished_at"))


def trace(
    member: MemberOption,
    segment: Annotated[
        str,
        typer.Option("--segment", "-s", help="Only this segment.", autocompletion=complete_segment),
    ] = "",
    run: Annotated[
        str, typer.Option("--run", help="Only this run.", autocompletion=complete_run)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Tell a member's whole story, from consent and segment to the destination's answer.

    Example: tellerline trace --member 000012345
    """
    with working() as context:
        if segment:
            check_segment(context, segment)
        if run:
            check_run(context, run)
        story = trace_member(context, _member_id(context, member), segment, run)
    if as_json:
        show_json(story)
        return
    say(f"[bold]Member {story['member_id'][:16]}…[/] in publication {story['publication']}")
    if not (story["consent"] or story["segments"] or story["story"]):
        say("Nothing here names this member. Compare the number with that of the core system.")
        return
    _show_section(
        story, "consent", ("channel", "purpose", "action", "effective_at", "source", "text_version")
    )
    _show_section(story, "segments", ("segment", "version", "reason"))
    show_table("Plans and runs", STORY_COLUMNS, [_story_row(item) for item in story["story"]])


def reproduce(
    run_id: Annotated[str, typer.Argument(help="Run id.", autocompletion=complete_run)],
    output: Annotated[
        Path | None,
        typer.Option(help="Write the payloads here. They hold personal data: guard the folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Render a past run's payloads again and compare their hashes with the recorded ones.

    Example: tellerline reproduce 01KB2X9Q8Y3Z
    """
    batches = different = 0
    with working() as context, progress_bar("Reproducing", None, quiet=as_json) as bar:
        for batch in replay_run(context, run_id):
            batches += 1
            different += not batch.is_equal
            if output is not None:
                output.mkdir(mode=0o700, parents=True, exist_ok=True)
                (output / f"{batch.batch_id}.payload").write_bytes(batch.payload)
            bar.advance(1)
        if output is not None:
            _tell_read(context, run_id, batches)
    document = {"batches": batches, "different": different, "run": run_id}
    if as_json:
        show_json(document)
    else:
        say(f"{batches} payloads rendered again, {batches - different} byte-identical.")
    if different:
        raise IntegrityError(
            f"run {run_id}",
            f"has {different} payloads whose bytes differ from the record.",
            "Compare the code version in the ledger's run.started entry with this checkout.",
        )


def forget(
    member: MemberOption,
    request: Annotated[
        str, typer.Option("--request", help="The erasure request's id in your own files.")
    ],
    even_if_unknown: Annotated[
        bool,
        typer.Option("--even-if-unknown", help="Erase a member whom nothing here names, too."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a member at every destination and destroy the key to the member's records.

    Example: tellerline forget --member 000012345 --request DSR-2026-0042
    """
    with working() as context:
        result = forget_member(
            context, _member_id(context, member), request, even_if_unknown=even_if_unknown
        )
    if as_json:
        show_json(result)
    else:
        show_table(
            f"Erasure {request}",
            ("destination", "erased", "to do"),
            [(r["destination"], r["erased"], r["problem"]) for r in result["receipts"]],
        )
        say(f"The key to the records is destroyed (ledger entry {result['ledger_entry']}).")
    if not result["complete"]:
        raise typer.Exit(4)


def verify(
    ledger: Annotated[
        Path | None, typer.Option(help="Folder of the log; HOME/ledger when absent.")
    ] = None,
    vkey: Annotated[
        Path | None, typer.Option(help="Verifier key file; HOME/ledger.vkey when absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the whole ledger: signature, every tile and entry, every record file.

    Of a copy without its records folder everything else is verified.

    Example: tellerline audit verify
    """
    settings = read_settings()
    if ledger is None or vkey is None:
        check_set_up(settings)
    if ledger is not None and not ledger.is_dir():
        raise UsageError(str(ledger), "is no folder.", "Name the folder of a ledger.")
    verifier = _read_verifier(vkey) if vkey else load_verifier(settings)
    if ledger is not None:
        # Our own ledger has its records or is damaged; a copy may rightly come without them.
        is_whole = are_records_handed_over(ledger)
        report = verify_ledger(ledger, verifier, are_records_present=is_whole)
    elif settings.state.is_file():
        with State(settings.state) as state:
            report = verify_ledger(settings.ledger, verifier, state=state)
    else:
        report = verify_ledger(settings.ledger, verifier)
    document = report.as_json()
    if as_json:
        show_json(document)
    else:
        types = sorted(report.entries_by_type.items())
        show_table("Entries", ("type", "entries"), types)
        say(f"{report.origin}: {report.size} entries, root {report.root}")
        say(f"{report.batches} record files with {report.records} records hashed again.")
        if report.withheld:
            say(
                "[yellow]Records were not handed over: their hashes are not compared "
                f"({report.withheld} record files).[/]"
            )
        for finding in report.findings:
            say(f"[red]{finding.subject}[/]: {finding.problem}")
        say("[green]Verified.[/]" if report.is_sound else "[red]Not verified.[/]")
    if not report.is_sound:
        first = report.findings[0]
        raise IntegrityError(
            first.subject, first.problem, "Treat it as an incident; keep a copy of the folder."
        )


def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the auditor.")],
    records: Annotated[
        bool, typer.Option(help="Also copy the record files, which are access-controlled.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger and its verifier key for an auditor, who needs none of our code.

    Example: tellerline audit export /media/auditor/2026-11
    """
    settings = read_settings()
    check_set_up(settings)
    if folder.exists():
        raise UsageError(str(folder), "exists already.", "Name a new folder.")
    ignored = None if records else shutil.ignore_patterns("records")
    shutil.copytree(settings.ledger, folder / "ledger", ignore=ignored)
    shutil.copy2(settings.ledger_vkey, folder / "ledger.vkey")
    report = verify_ledger(folder / "ledger", load_verifier(settings), are_records_present=records)
    if as_json:
        show_json({"folder": str(folder), **report.as_json()})
    else:
        say(f"{report.size} entries copied to {folder}, root {report.root}.")
        if report.withheld:
            say(f"{report.withheld} record files were left out; --records copies them too.")
        say("Any verifier of C2SP tlog-tiles can check them with ledger.vkey.")
    if not report.is_sound:
        raise IntegrityError(report.findings[0].subject, report.findings[0].problem)


STORY_COLUMNS = (
    "planned at", "segment", "destination", "operation", "why", "outcome", "delivered at", "proved",
)  # fmt: skip


def _story_row(chapter: dict[str, Any]) -> tuple[Any, ...]:
    row, delivery, late = chapter["row"], chapter["delivery"] or {}, chapter["withheld"] or {}
    return (
        chapter["created_at"],
        chapter["segment"],
        chapter["destination"],
        row["operation"],
        late.get("reason") or row["excluded_reason"] or row["audience_reason"],
        delivery.get("outcome"),
        delivery.get("delivered_at"),
        delivery.get("ledger", {}).get("verified"),
    )


def _show_section(document: dict[str, Any], name: str, columns: tuple[str, ...]) -> None:
    rows = [
        tuple(
            ", ".join(item[column]) if isinstance(item[column], list) else item[column]
            for column in columns
        )
        for item in document[name]
    ]
    show_table(name.capitalize(), [column.replace("_", " ") for column in columns], rows)


def _read_verifier(path: Path) -> Verifier:
    try:
        return Verifier.parse(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise CredentialsError(
            str(path), "is no verifier key: it is not text.", "Name the file ledger.vkey."
        ) from None


def _member_id(context: Context, member: str) -> str:
    if MEMBER_ID.fullmatch(member):
        return member
    return member_key(context.settings).token("member", member)


def _tell_read(context: Context, run_id: str, batches: int) -> None:
    with context.state.transaction() as connection:
        context.reporter.record(
            connection, "pii.read", {"payloads": batches, "why": "reproduce"}, run_id=run_id
        )
