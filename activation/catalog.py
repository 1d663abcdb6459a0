"""What dbt built, read from its own artefacts: the manifest and the results of the last build.

A build is two runs of dbt, since no process may both see contact data and write the warehouse: one
makes the warehouse, then one makes the vault and leaves its artefacts in a folder of its own.
Nothing here imports dbt: `manifest.json` (schema v12) and `run_results.json` are public formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from activation.artefacts import MANIFEST, RESULTS, read_manifest, read_results
from activation.governance.segments import SEGMENT_PREFIX, SegmentFacts
from tellerline.documents import check_document
from tellerline.errors import ContractError, RunStoppedError
from tellerline.settings import VAULT

GOOD = frozenset({"success", "pass", "warn", "no-op"})
GATE_WORDS = "A gate refused. "
BUILD_WAREHOUSE = "`dbt build`"
BUILD_VAULT = f"`dbt build --selector {VAULT} --target-path target/{VAULT}`"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table in the warehouse or the vault that dbt built.

    Args:
        unique_id: dbt's id of the model.
        database: The DuckDB database, which is the file's stem.
        schema: Its schema.
        name: Its name.
        columns: Column names in order.
    """

    unique_id: str
    database: str
    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The quoted name without the database."""
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as its author wrote it."""

    segment_id: str
    relation: Relation
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class Catalog:
    """The segments and published datasets of one build.

    Args:
        invocation_id: dbt's id of the run that built the warehouse.
        vault_invocation_id: dbt's id of the run that built the vault.
        built_at: When the warehouse was built, as dbt wrote it.
        segments: By segment id.
        datasets: Relations by dataset name.
        manifest: The manifest as parsed.
        manifest_data: Its bytes.
    """

    invocation_id: str
    vault_invocation_id: str
    built_at: str
    segments: Mapping[str, Segment]
    datasets: Mapping[str, Relation]
    manifest: Mapping[str, Any]
    manifest_data: bytes


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of dbt: the folder with its artefacts, how it is repeated, and what they say."""

    folder: Path
    command: str
    data: bytes
    manifest: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def statuses(self) -> dict[str, str]:
        """What became of each node."""
        return {result["unique_id"]: result["status"] for result in self.results["results"]}

    @property
    def finished_at(self) -> datetime:
        """When it ended."""
        return datetime.fromisoformat(self.results["metadata"]["generated_at"])


def read_catalog(target: Path) -> Catalog:
    """Return what the last `dbt build` in `target` made.

    Raises:
        RunStoppedError: There was no complete build, or a model or test of it failed.
        ConfigurationError: A segment's facts are wrong.
    """
    warehouse = _read_run(target, BUILD_WAREHOUSE)
    _check_passed(warehouse)
    vault = _read_run(target / VAULT, BUILD_VAULT)
    _check_passed(vault)
    _check_complete(warehouse, vault)
    _check_together(warehouse, vault)
    manifest, metadata = warehouse.manifest, warehouse.results["metadata"]
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return Catalog(
        invocation_id=metadata["invocation_id"],
        vault_invocation_id=vault.results["metadata"]["invocation_id"],
        built_at=metadata["generated_at"],
        segments=dict(sorted(_segments(models))),
        datasets=_datasets(models),
        manifest=manifest,
        manifest_data=warehouse.data,
    )


def check_segments(manifest: Mapping[str, Any]) -> None:
    """Hold every segment of a manifest to what a segment must say of itself.

    Raises:
        ConfigurationError: A segment's facts are wrong.
        ContractError: A segment has other columns than the two.
    """
    segment_pairs(manifest)


def segment_pairs(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every segment of a manifest with each destination that it allows, sorted.

    Raises:
        ConfigurationError: A segment's facts are wrong.
    """
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return sorted(
        (segment_id, destination_id)
        for segment_id, segment in _segments(models)
        for destination_id in segment.facts.destinations
    )


def _segments(models: list[dict[str, Any]]) -> list[tuple[str, Segment]]:
    found = []
    for model in models:
        meta = _meta(model)
        if "segment" not in meta:
            continue
        segment_id = model["name"].removeprefix(SEGMENT_PREFIX)
        facts = check_document(
            meta["segment"],
            SegmentFacts,
            f"segment {segment_id}: {model['original_file_path']} (meta.segment)",
        )
        relation = _relation(model)
        if sorted(relation.columns) != ["member_id", "reason"]:
            raise ContractError(
                f"segment {segment_id}",
                "has columns other than member_id and reason.",
                f"Correct {model['original_file_path']} and its YAML.",
            )
        found.append((segment_id, Segment(segment_id, relation, facts)))
    return found


def _datasets(models: list[dict[str, Any]]) -> dict[str, Relation]:
    datasets: dict[str, Relation] = {}
    for model in models:
        name = _meta(model).get("publish")
        if not name:
            continue
        if name in datasets:
            raise ContractError(
                f"dataset {name}",
                f"is published by {model['name']} and by another model.",
                "Leave `publish` on one of them.",
            )
        datasets[name] = _relation(model)
    return datasets


def _meta(model: dict[str, Any]) -> dict[str, Any]:
    meta = model["config"].get("meta") or {}
    return dict(meta)


def _relation(model: dict[str, Any]) -> Relation:
    return Relation(
        unique_id=model["unique_id"],
        database=model["database"],
        schema=model["schema"],
        name=model["alias"],
        columns=tuple(model["columns"]),
    )


def _read_run(folder: Path, command: str) -> _Run:
    manifest, data = read_manifest(folder / MANIFEST, command)
    results = read_results(folder / RESULTS, command)
    if manifest.get("metadata", {}).get("invocation_id") != results["metadata"]["invocation_id"]:
        raise RunStoppedError(
            str(folder / "manifest.json"),
            "is not of the last build: the project was parsed again since.",
            f"Run {command}.",
        )
    return _Run(folder, command, data, manifest, results)


def _check_passed(run: _Run) -> None:
    """Refuse a run that was no build, or in which something failed."""
    which = run.results.get("args", {}).get("which")
    if which != "build":
        raise RunStoppedError(
            str(run.folder / "run_results.json"),
            f"is of `dbt {which}`, not of `dbt build`.",
            f"Run {run.command}.",
        )
    failed = sorted(name for name, status in run.statuses.items() if status not in GOOD)
    if failed:
        # The hook that says why the others failed is no reason of its own.
        named = [name for name in failed if not name.startswith("operation.")] or failed
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""  # noqa: PLR2004
        raise RunStoppedError(
            ", ".join(named[:3]) + more,
            f"did not pass in the last build{_words(run.results)}.",
            f"Mend it and run {run.command}; nothing was published.",
        )


def _check_complete(warehouse: _Run, vault: _Run) -> None:
    """Refuse a build that left out a model, test, seed or snapshot of the project."""
    expected = {
        unique_id
        for unique_id, node in warehouse.manifest["nodes"].items()
        if node["resource_type"] in {"model", "test", "seed", "snapshot"}
        and node["config"].get("enabled", True)
        and node["config"].get("materialized") != "ephemeral"
    }
    missing = sorted(expected - warehouse.statuses.keys() - vault.statuses.keys())
    if missing:
        raise RunStoppedError(
            f"{len(missing)} nodes, such as {missing[0]},",
            "were not part of the last build.",
            f"Run {BUILD_WAREHOUSE} without a selection, then {BUILD_VAULT}.",
        )


def _check_together(warehouse: _Run, vault: _Run) -> None:
    """Refuse a vault that was made from another warehouse, other files or for another day."""
    problem = ""
    if vault.finished_at < warehouse.finished_at:
        problem = "is of a run before the warehouse was built last."
    elif vault.results.get("args", {}).get("vars") != warehouse.results.get("args", {}).get("vars"):
        problem = "is of a run with other variables than that of the warehouse."
    elif _files(vault.manifest) != _files(warehouse.manifest):
        problem = "is of another state of the project than the warehouse."
    if problem:
        raise RunStoppedError(
            str(vault.folder / "run_results.json"), problem, f"Run {BUILD_VAULT}."
        )


def _files(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checksum of each node's file."""
    return {unique_id: node.get("checksum") for unique_id, node in manifest["nodes"].items()}


def _words(results: Mapping[str, Any]) -> str:
    """Return what the gates said, as `say_what_failed` in `macros/gates.sql` put it."""
    said = [
        " ".join(str(result.get("message")).partition(GATE_WORDS)[2].split())
        for result in results["results"]
        if result["unique_id"].startswith("operation.")
    ]
    return "".join(f": {words}" for words in said if words)
