"""Freeze what dbt built into a published version.

Staged beside the versions, forced to disk, hashed, renamed, told to the ledger, and only then named
in `CURRENT`. A build with a failed test is not published, nor is one of an earlier day, of a day
beyond the data, or of what was known at an earlier time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from activation.catalog import Catalog, Relation, Segment
from activation.context import Context
from activation.lineage import SegmentLineage
from activation.locks import exclusive
from activation.policies.lineage import Basis, refuse_forbidden_basis
from activation.policies.packs import packs_in_force
from activation.publication import (
    CURRENT,
    MANIFEST,
    Publication,
    attach_vault,
    file_sha256,
    manifest_bytes,
    open_current,
    open_version,
    open_warehouse,
)
from tellerline.canonical import sha256_hex
from tellerline.clock import new_id, timestamp
from tellerline.durable import make_folder, publish_folder, replace_file
from tellerline.errors import ContractError, PolicyRefusedError, RunStoppedError
from tellerline.settings import Settings
from tellerline.sql import literal

DBT_MANIFEST = "dbt_manifest"
REQUIRED_DATASETS = frozenset(
    {
        "attributes",
        "caps",
        "consents",
        "dict_attributes",
        "dict_klis",
        "dict_segments",
        "holdouts",
        "identities",
        "suppressions",
    }
)
LOADS = Relation("source.raw.loads", "warehouse", "raw", "loads", ())
STAGING_PREFIX = ".staging-"


@dataclass(frozen=True, slots=True)
class _Source:
    """A DuckDB connection to the warehouse, read-only, with the vault beside it."""

    connection: duckdb.DuckDBPyConnection
    warehouse: str

    def name(self, relation: Relation) -> str:
        database = self.warehouse if relation.database == "warehouse" else relation.database
        return f'"{database}".{relation.sql}'


def publish(
    context: Context,
    catalog: Catalog,
    lineages: Mapping[str, SegmentLineage],
    progress: Callable[[str], None] = lambda _: None,
) -> Publication:
    """Publish one build as a new version and return it.

    Args:
        context: Who publishes, and where.
        catalog: What dbt built.
        lineages: What each segment really uses.
        progress: Called with the name of each dataset before it is written.

    Raises:
        ContractError: The build lacks a dataset that activation needs.
        PolicyRefusedError: A credit-related segment has a prohibited basis or a proxy upstream, or
            the build is of an earlier day than the current version, of one beyond the data, or
            leaves files out.
        ConflictError: Another process publishes, or holds the warehouse.
    """
    missing = sorted(REQUIRED_DATASETS - catalog.datasets.keys())
    if missing:
        raise ContractError(
            "the dbt project",
            f"publishes no {', '.join(missing)}.",
            "Set `meta.publish` on a model.",
        )
    settings, clock = context.settings, context.clock
    refuse_forbidden_basis(
        {
            segment_id: Basis(
                lineages[segment_id].is_held_to_fair_lending,
                lineages[segment_id].tags,
                lineages[segment_id].unresolved,
            )
            for segment_id in catalog.segments
            if segment_id in lineages
        },
        lambda: packs_in_force(settings.governance, clock.now().date()),
    )
    make_folder(settings.published)
    with exclusive(settings.published / ".lock", "publication"):
        for leftover in settings.published.glob(f"{STAGING_PREFIX}*"):
            shutil.rmtree(leftover)
        version = new_id(clock)
        staging = settings.published / f"{STAGING_PREFIX}{version}"
        make_folder(staging / "audiences")
        document = {
            **_stage(settings, staging, catalog, lineages, progress),
            "dbt_built_at": catalog.built_at,
            "dbt_invocation": catalog.invocation_id,
            "dbt_vault_invocation": catalog.vault_invocation_id,
            "published_at": timestamp(clock.now()),
            "v": 1,
            "version": version,
        }
        data = manifest_bytes(document)
        (staging / MANIFEST).write_bytes(data)
        publish_folder(staging, settings.published / version)
        with context.state.transaction() as connection:
            context.reporter.record(
                connection,
                "dataset.published",
                {
                    "business_date": document["business_date"],
                    "dbt_invocation": catalog.invocation_id,
                    "dbt_vault_invocation": catalog.vault_invocation_id,
                    "manifest_sha256": sha256_hex(data),
                    "segments": {
                        segment_id: entry["members"]
                        for segment_id, entry in document["segments"].items()
                    },
                    "version": version,
                },
            )
        replace_file(
            settings.published / CURRENT, f"{version} {sha256_hex(data)}\n".encode("ascii")
        )
    return open_version(settings.published, version, sha256_hex(data))


def _stage(
    settings: Settings,
    staging: Path,
    catalog: Catalog,
    lineages: Mapping[str, SegmentLineage],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    files: dict[str, dict[str, Any]] = {}
    segments: dict[str, dict[str, Any]] = {}
    with open_warehouse(settings.warehouse) as connection:
        if settings.vault.is_file():
            attach_vault(connection, settings.vault)
        source = _Source(connection, settings.warehouse.stem)
        business_date, received_until = _clock(source, catalog)
        _refuse_as_known_then(business_date, received_until)
        _refuse_future(source, business_date)
        _refuse_past(settings.published, business_date)
        for dataset, relation in sorted(catalog.datasets.items()):
            progress(dataset)
            files[dataset] = _copy(source, relation, staging, f"{dataset}.parquet")
        files["loads"] = _copy(source, LOADS, staging, "loads.parquet")
        for segment_id, segment in catalog.segments.items():
            progress(segment_id)
            entry = _copy(source, segment.relation, staging, f"audiences/{segment_id}.parquet")
            files[f"audience:{segment_id}"] = entry
            segments[segment_id] = _describe(segment, lineages[segment_id], entry["rows"])
    (staging / "dbt_manifest.json").write_bytes(catalog.manifest_data)
    files[DBT_MANIFEST] = _entry(staging, "dbt_manifest.json", 0)
    return {"business_date": business_date, "files": files, "segments": segments}


def _refuse_as_known_then(business_date: str, received_until: str) -> None:
    """Refuse a build that leaves files out: a withdrawal may stand in one of them."""
    if received_until:
        raise PolicyRefusedError(
            f"the build of {business_date}",
            f"leaves out all files received from {received_until} UTC on: it says what was known "
            "then, and plans are made from what is known now.",
            "Build warehouse and vault again without `known_until`, then publish. Nothing was "
            "published.",
        )


def _refuse_future(source: _Source, business_date: str) -> None:
    """Refuse a build of a day that no file has come of: what it says of that day is a guess.

    Windows and expiries would be counted by it, and no real day could be published any more.
    """
    try:
        row = source.connection.execute(
            f"select max(business_date) from {source.name(LOADS)} where state = 'loaded'"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise _differs(LOADS.schema, LOADS.name, error) from None
    last = str(row[0]) if row and row[0] is not None else ""
    if business_date > last:
        raise PolicyRefusedError(
            f"the build of {business_date}",
            f"is of a later day than {last}, the last one that was loaded."
            if last
            else "is of a day, but no file was loaded.",
            "Build warehouse and vault again without `as_of_date`, then publish. Nothing was "
            "published.",
        )


def _refuse_past(published: Path, business_date: str) -> None:
    """Refuse a build of an earlier day than the current version's, from which plans are made.

    A current version that is damaged says no day, and is mended by publishing again.
    """
    try:
        current = open_current(published)
    except RunStoppedError:
        return
    if business_date < current.business_date:
        raise PolicyRefusedError(
            f"the build of {business_date}",
            f"is of an earlier day than {current.business_date}, which is published "
            f"({current.version}).",
            "Build warehouse and vault again without `as_of_date`, then publish. Nothing was "
            "published.",
        )


def _describe(segment: Segment, lineage: SegmentLineage, members: int) -> dict[str, Any]:
    return {
        "facts": segment.facts.model_dump(mode="json"),
        "fingerprint": lineage.fingerprint,
        "lineage_tags": dict(lineage.tags),
        "members": members,
        "version": segment.facts.version,
    }


def _copy(source: _Source, relation: Relation, staging: Path, name: str) -> dict[str, Any]:
    columns = ", ".join(f'"{column}"' for column in relation.columns) or "*"
    path = literal(str(staging / name))
    try:
        row = source.connection.execute(
            f"copy (select {columns} from {source.name(relation)} order by all) "
            f"to {path} (format parquet, compression zstd)"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise _differs(relation.schema, relation.name, error) from None
    return _entry(staging, name, int(row[0]) if row else 0)


def _differs(schema: str, name: str, error: Exception) -> ContractError:
    return ContractError(
        f"relation {schema}.{name}",
        f"is not in the warehouse as the manifest has it ({type(error).__name__}).",
        "Run `dbt build`; nothing was published.",
    )


def _entry(staging: Path, name: str, rows: int) -> dict[str, Any]:
    path = staging / name
    return {
        "bytes": path.stat().st_size,
        "file": name,
        "rows": rows,
        "sha256": file_sha256(path),
    }


def _clock(source: _Source, catalog: Catalog) -> tuple[str, str]:
    """Return the day of the build, and from when on files are left out; empty where none are."""
    for node in catalog.manifest["nodes"].values():
        if node["resource_type"] == "model" and (node["config"].get("meta") or {}).get("parameter"):
            name = f'"{node["schema"]}"."{node["alias"]}"'
            try:
                row = source.connection.execute(
                    f"select as_of_date, received_until_ts from {name}"
                ).fetchone()
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                raise _differs(node["schema"], node["alias"], error) from None
            if row and row[0] is not None:
                return str(row[0]), str(row[1] or "")
    raise ContractError(
        "the dbt project", "names no business date.", "Ingest feeds, then run `dbt build`."
    )
