"""Commands on the dictionary: show, lineage, pages, changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from activation.artefacts import COMPILE_EVERYTHING, MANIFEST, check_current, read_manifest
from activation.cli.completion import complete_segment
from activation.cli.console import say, show_json, show_table
from activation.cli.options import AsJson
from activation.generated import GeneratedFiles
from activation.governance.register import read_register
from activation.lineage.dependencies import Dependencies
from activation.lineage.dictionary_files import render_files
from activation.lineage.library import Library, refuse_too_deep
from activation.lineage.manifest import completed, read_project
from activation.lineage.origins import FeedColumn
from activation.lineage.pedigree import Pedigree, trace_lineage
from activation.pages.files import render_pages
from activation.publication import open_current
from activation.workplace import read_settings
from ingestion.conformance import load_contracts
from tellerline.errors import UsageError
from tellerline.scratch import scratch_database
from tellerline.settings import VAULT, Settings
from tellerline.suggestions import known_names

# Where a name is looked up: the dataset, the columns that hold names, and what a table shows.
PLACES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "dict_attributes",
        "$1 in (model_name, model_name || '.' || attribute_name, attribute_name)",
        (
            "model_name",
            "attribute_name",
            "owner",
            "data_type",
            "sensitivity",
            "law_tags",
            "description",
        ),
    ),
    (
        "dict_klis",
        "$1 in (kli_id, family)",
        ("kli_id", "title", "owner", "law_tags", "description"),
    ),
    (
        "dict_segments",
        "segment_id = $1 or model_name = $1",
        ("segment_id", "version", "title", "owner", "description"),
    ),
)
CHANGE_COLUMNS = (
    "changed_at", "entity_kind", "entity_id", "change_kind", "field_name", "is_breaking",
    "before_text", "after_text", "segments",
)  # fmt: skip


def show(
    name: Annotated[
        str, typer.Argument(help="A column, model, indicator, family or segment; all when absent.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the published dictionary says of something: meaning, owner, law tags, use.

    Example: tellerline dictionary show dim_member_profile.age_band
    """
    found = {
        dataset: _read(dataset, f"where {condition}" if name else "", [name] if name else [])
        for dataset, condition, _ in PLACES
    }
    if name and not any(found.values()):
        raise UsageError(
            name,
            "is not in the published dictionary.",
            f"{known_names(name, _names())} List all with `tellerline dictionary show`.".lstrip(),
        )
    if as_json:
        show_json(found)
        return
    for dataset, _, columns in PLACES:
        rows = found[dataset]
        if len(rows) == 1 and name:
            show_table(dataset, ("", ""), [(key, _text(rows[0][key])) for key in rows[0]])
        elif rows:
            show_table(dataset, columns, [[_text(row[key]) for key in columns] for row in rows])


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            help="A column, indicator, segment or destination field; a summary when absent."
        ),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Write seeds/dictionary, which brings it to dbt.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Fail when seeds/dictionary is out of date.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Trace something from feed fields to destination fields. Build or compile the project first.

    Example: tellerline dictionary lineage retention__dormant_digital
    """
    if (name and (write or check)) or (write and check):
        raise UsageError(
            "tellerline dictionary lineage", "takes either a name, --write or --check.", ""
        )
    settings = read_settings()
    manifest = _read_manifests(settings)
    feeds = _feed_columns(settings)
    register = read_register(settings.governance, settings.environment)
    if name:
        dependencies = Dependencies(Library(read_project(manifest, settings.project)))
        with refuse_too_deep(name):
            pedigree = trace_lineage(dependencies, name, feeds, register)
        _show_pedigree(pedigree, as_json=as_json)
        return
    with refuse_too_deep("the dbt project"):
        files = render_files(manifest, settings.project, feeds, register)
    _settle("Lineage", files, settings.project, write=write, check=check, as_json=as_json)


def pages(
    write: Annotated[
        bool, typer.Option("--write", help="Write models/dictionary/pages, which dbt docs shows.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Fail when models/dictionary/pages is out of date.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the pages of indicators, audiences and destinations in dbt docs. Nothing need be built.

    Example: tellerline dictionary pages --write
    """
    if write and check:
        raise UsageError("tellerline dictionary pages", "takes either --write or --check.", "")
    settings = read_settings()
    register = read_register(settings.governance, settings.environment)
    files = render_pages(settings.project, register)
    _settle("Pages", files, settings.project, write=write, check=check, as_json=as_json)


def changes(
    segment: Annotated[
        str,
        typer.Option(
            "--segment",
            "-s",
            help="Only what touches this segment.",
            autocompletion=complete_segment,
        ),
    ] = "",
    breaking: Annotated[
        bool, typer.Option("--breaking", help="Only what may change a reader's result.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what changed in the published dictionary, and which segments each change touches.

    Example: tellerline dictionary changes --segment retention__dormant_digital
    """
    conditions = ["is_breaking"] if breaking else []
    conditions += ["list_contains(segments, $1)"] if segment else []
    where = f"where {' and '.join(conditions)}" if conditions else ""
    if segment:
        _check_segment(segment)
    rows = _read("dict_changes", where, [segment] if segment else [])
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("No change is on record that fits.")
        return
    show_table(
        "Changes", CHANGE_COLUMNS, [[_text(row[key]) for key in CHANGE_COLUMNS] for row in rows]
    )


def _names() -> set[str]:
    """Return what the published dictionary has names for."""
    attributes = _read("dict_attributes", "", [])
    return {
        *(str(row["model_name"]) for row in attributes),
        *(f"{row['model_name']}.{row['attribute_name']}" for row in attributes),
        *(str(row["kli_id"]) for row in _read("dict_klis", "", [])),
        *(str(row["segment_id"]) for row in _read("dict_segments", "", [])),
    }


def _check_segment(segment: str) -> None:
    """Refuse a segment that neither is nor was in the dictionary."""
    known = {str(row["segment_id"]) for row in _read("dict_segments", "", [])}
    known.update(*(row["segments"] or () for row in _read("dict_changes", "", [])))
    if segment not in known:
        raise UsageError(
            f"segment {segment!r}",
            "is not in the published dictionary, and no change touched it.",
            known_names(segment, known),
        )


def _settle(
    title: str, files: GeneratedFiles, project: Path, *, write: bool, check: bool, as_json: bool
) -> None:
    """Check or write generated files, and show what they are."""
    if check:
        files.check(project)
    written = files.write(project) if write else []
    lines = files.lines()
    if as_json:
        show_json({"lines": lines, "written": written})
        return
    show_table(title, ("file", "lines"), sorted(lines.items()))
    if write:
        say(f"Written: {', '.join(written) or 'nothing, it is up to date'}.")


def _read(dataset: str, where: str, values: Sequence[str]) -> list[dict[str, Any]]:
    settings = read_settings()
    publication = open_current(settings.published)
    with scratch_database() as connection:
        publication.view(connection, dataset, dataset)
        found = connection.execute(f"select * from {dataset} {where} order by all", values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _read_manifests(settings: Settings) -> Mapping[str, Any]:
    """Return dbt's manifest, with what only the run that wrote the vault has compiled."""
    path, vault = settings.target / MANIFEST, settings.target / VAULT / MANIFEST
    manifest, _ = read_manifest(path, COMPILE_EVERYTHING)
    check_current(path, settings.project, COMPILE_EVERYTHING)
    if not vault.is_file():
        return manifest
    both = completed(manifest, read_manifest(vault, COMPILE_EVERYTHING)[0])
    if any(
        node.get("compiled_code") and not manifest["nodes"][unique_id].get("compiled_code")
        for unique_id, node in both["nodes"].items()
    ):
        check_current(vault, settings.project, COMPILE_EVERYTHING)
    return both


def _feed_columns(settings: Settings) -> list[FeedColumn]:
    feeds = load_contracts(settings.contracts, settings.contracts).feeds.values()
    return [
        FeedColumn(feed.feed, field.origin, field.name)
        for feed in feeds
        for field in feed.delivered
    ]


def _show_pedigree(pedigree: Pedigree, *, as_json: bool) -> None:
    if as_json:
        show_json(pedigree.to_document())
        return
    show_table(
        f"{pedigree.name} comes from",
        ("to", "from", "kind"),
        [
            (f"{edge.to_relation}.{edge.to_column}", f"{edge.from_relation}.{edge.from_column}",
             edge.kind)
            for edge in pedigree.upstream
        ],
    )  # fmt: skip
    for title, items in (
        ("Feed fields", pedigree.feed_fields),
        ("Segments that read it", pedigree.segments),
        (
            "Destination fields that it goes into (* decides who is there)",
            pedigree.destination_fields,
        ),
    ):
        say(f"{title}: {', '.join(items) or 'none'}.")
    show_table("Law tags", ("tag", "path"), _escaped(pedigree.law_tags))
    for relation, reason in pedigree.unresolved.items():
        say(f"{relation} cannot be followed ({reason}): all that it might read is told.")


def _escaped(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """A path ends with its tag in brackets, which a table would take for its own markup."""
    return [(tag, escape(path)) for tag, path in tags.items()]


def _text(value: object) -> object:
    if isinstance(value, list | tuple):
        return escape(", ".join(map(str, value))) or None
    return escape(value) if isinstance(value, str) else value
