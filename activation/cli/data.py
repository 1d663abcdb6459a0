"""Commands on data: set up, ingest, publish."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Annotated

import typer

from activation.catalog import read_catalog
from activation.cli.console import progress_bar, say, show_json, show_table
from activation.cli.options import AsJson
from activation.installation import initialise
from activation.lineage import describe_segments
from activation.listing import list_outcome_files
from activation.publisher import publish as publish_build
from activation.workplace import working
from ingestion.keys import KEY_FILE, create_member_key
from ingestion.outcomes import load_outcomes
from ingestion.pipeline import ingest as ingest_feeds


def init(
    origin: Annotated[
        str, typer.Option(help="Name of the ledger, such as ledger.bank.example/prod.")
    ] = "ledger.tellerline.example/local",
    as_json: AsJson = False,
) -> None:
    """Make the state folder with its keys. What exists is left as it is.

    Example: tellerline init --origin ledger.bank.example/prod
    """
    with working(setting_up=True) as context:
        is_first = not (context.settings.keys / KEY_FILE).exists()
        made = initialise(context.settings, origin)
        create_member_key(context.settings)
    if is_first:
        made.append(KEY_FILE)
    if as_json:
        show_json({"home": str(context.settings.home), "made": made})
        return
    say(f"State folder: {context.settings.home}")
    say(f"Made: {', '.join(made) or 'nothing, everything is there'}.")
    say(f"Verifier key of the ledger: {context.settings.ledger_vkey}")
    say("Back up the keys folder apart from the data; without it members cannot be recognised.")


def ingest(
    landing: Annotated[
        Path | None, typer.Option(help="Folder where files arrive; HOME/landing when absent.")
    ] = None,
    contracts: Annotated[
        Path | None, typer.Option(help="Folder of feed contracts; ingestion/feeds when absent.")
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(help="Let this stopped file pass: name, SHA-256 or feed. May be repeated."),
    ] = None,
    discard: Annotated[
        list[str] | None,
        typer.Option(
            help="Keep this stopped or quarantined file out for good: name, SHA-256 or feed."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Land and load every complete file; what breaks its contract is set aside with a reason.

    Example: tellerline ingest --landing /data/alkami
    """
    with working() as context, progress_bar("Ingesting", None, quiet=as_json) as bar:
        report = ingest_feeds(
            context.settings,
            landing=landing,
            contracts=contracts,
            clock=context.clock,
            reporter=context.reporter,
            release=frozenset(release or ()),
            discard=frozenset(discard or ()),
            progress=lambda *_: bar.advance(1),
        )
        load_outcomes(context.settings, list_outcome_files(context))
    if as_json:
        show_json(report.to_dict())
    else:
        show_table(
            "Ingested",
            ("feed", "files", "read", "loaded", "rejected", "duplicate"),
            [
                (name, sum(feed.files.values()), *astuple(feed.run))
                for name, feed in sorted(report.feeds.items())
            ],
        )
        for line in report.warnings:
            say(f"[yellow]Note[/]: {line}")
        for line in report.errors:
            say(f"[red]Look at this[/]: {line}")
    raise typer.Exit(report.exit_code)


def publish(as_json: AsJson = False) -> None:
    """Freeze what the last build of warehouse and vault made into a published version.

    Example: dbt build --selector vault --target-path target/vault && tellerline publish
    """
    with working() as context, progress_bar("Publishing", None, quiet=as_json) as bar:
        catalog = read_catalog(context.settings.target)
        lineages = describe_segments(catalog.manifest, context.settings.project)
        publication = publish_build(context, catalog, lineages, lambda _: bar.advance(1))
    document = {
        "business_date": publication.business_date,
        "manifest_sha256": publication.manifest_sha256,
        "segments": {
            segment.segment_id: {
                "fingerprint": segment.fingerprint,
                "members": segment.members,
                "version": segment.version,
            }
            for segment in publication.segments.values()
        },
        "version": publication.version,
    }
    if as_json:
        show_json(document)
        return
    say(f"Published {publication.version} for {publication.business_date}.")
    show_table(
        "Segments",
        ("segment", "version", "fingerprint", "members"),
        [
            (segment.segment_id, segment.version, segment.fingerprint[:12], segment.members)
            for segment in publication.segments.values()
        ],
    )
