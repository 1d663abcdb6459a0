"""What a build of dbt leaves behind, made by hand: warehouse and vault, two artefacts of each."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from activation.catalog import read_catalog
from activation.lineage import SegmentLineage
from activation.publication import Publication
from activation.publisher import publish
from tests.activation.installation import SEGMENT, SEGMENT_FACTS, Installation, default_queries

NAME = f"seg_{SEGMENT}"
DATASETS = (
    "attributes", "caps", "consents", "dict_attributes", "dict_klis", "dict_segments", "holdouts",
    "identities", "suppressions",
)  # fmt: skip


@dataclass
class Build:
    """A build in the folders of an installation.

    Args:
        installation: Where.
        facts: The segment's facts.
        statuses: The status of a node where it is not success.
        changes: Changes to nodes by id, level by level.
        command: What dbt ran.
        invocations: dbt's ids of the manifest and of the results.
        said: The error of the hook that says which gates refused.
        business_date: The day that the build is of.
        loaded_date: The last day of which files were loaded; that of the build where it is empty.
        received_until: From when on it leaves files out, as an expression.
        vault: What differs in the artefacts of the vault, by file, level by level; None for no
            artefacts.
    """

    installation: Installation
    facts: dict[str, Any] = field(default_factory=lambda: dict(SEGMENT_FACTS))
    statuses: dict[str, str] = field(default_factory=dict)
    command: str = "build"
    invocations: tuple[str, str] = ("i1", "i1")
    extra_nodes: list[dict[str, Any]] = field(default_factory=list)
    left_out: tuple[str, ...] = ()
    said: str = ""
    business_date: str = "2026-11-19"
    loaded_date: str = ""
    received_until: str = "null"
    vault: dict[str, dict[str, Any]] | None = field(default_factory=dict)

    @property
    def target(self) -> Path:
        return self.installation.settings.home.parent / "target"

    def make(self, members: int = 12) -> None:
        """Write the databases and the artefacts."""
        settings = self.installation.settings
        settings.home.mkdir(parents=True, exist_ok=True)
        queries = default_queries() | {
            "dict_klis": "select 'kli' as kli_id",
            "dict_segments": "select 'segment' as segment_id",
        }
        columns: dict[str, list[str]] = {}
        for path in (settings.warehouse, settings.vault):
            path.unlink(missing_ok=True)
        with duckdb.connect(str(settings.warehouse)) as connection:
            connection.execute(f"attach '{settings.vault}' as vault")
            connection.execute(
                "create temp table people as select n, sha256('member ' || n) as member_id "
                f"from range(1, {members + 1}) as t(n)"
            )
            connection.execute("create schema raw; create schema vault.identity")
            loaded = self.loaded_date or self.business_date
            connection.execute(
                f"create table raw.loads as select 'load' as load_id, 'loaded' as state, "
                f"date '{loaded}' as business_date union all select 'held', 'quarantined', "
                "date '2031-01-01'"
            )
            connection.execute(
                f"create table as_of as select date '{self.business_date}' as as_of_date, "
                f"{self.received_until}::timestamp as received_until_ts"
            )
            for dataset, query in queries.items():
                table = NAME if dataset == "audience" else f"act_{dataset}"
                where = f"vault.identity.{table}" if dataset == "identities" else f"main.{table}"
                connection.execute(f"create table {where} as {query}")
                described = connection.execute(f"describe {where}").fetchall()
                columns[dataset] = [row[0] for row in described]
        nodes = [self._segment()]
        nodes += [self._dataset(name, columns[name]) for name in DATASETS]
        clock = ["as_of_date", "received_until_ts"]
        nodes += [node("as_of", "main", clock, {"parameter": True}), *self.extra_nodes]
        nodes = [found for found in nodes if found["unique_id"] not in self.left_out]
        results = [
            {"unique_id": n["unique_id"], "status": self.statuses.get(n["unique_id"], "success")}
            for n in nodes
            if self.statuses.get(n["unique_id"]) != "missing"
        ]
        identities = [r for r in results if r["unique_id"] == "model.tellerline.act_identities"]
        results = [result for result in results if result not in identities]
        if self.said:
            hook = "operation.tellerline.tellerline-on-run-end-2"
            results.append({"unique_id": hook, "status": "error", "message": self.said})
        documents: dict[str, dict[str, Any]] = {
            "manifest.json": {
                "metadata": {"invocation_id": self.invocations[0]},
                "nodes": {n["unique_id"]: n for n in nodes},
            },
            "run_results.json": {
                "args": {"which": self.command, "vars": {}},
                "metadata": {
                    "invocation_id": self.invocations[1],
                    "generated_at": "2026-11-20T03:10:00.000000Z",
                },
                "results": results,
            },
        }
        self._write(self.target, documents)
        shutil.rmtree(self.target / "vault", ignore_errors=True)
        if self.vault is not None:
            documents["manifest.json"]["metadata"] = {"invocation_id": "v1"}
            documents["run_results.json"] |= {
                "args": {"which": "build", "vars": {}},
                "metadata": {"invocation_id": "v1", "generated_at": "2026-11-20T03:11:00.000000Z"},
                "results": identities,
            }
            for name, changes in self.vault.items():
                documents[name] |= changes
            self._write(self.target / "vault", documents)

    def publish(self) -> Publication:
        """Publish what was built."""
        lineage = SegmentLineage("e" * 64, {"npi": "a → b"})
        catalog = read_catalog(self.target)
        return publish(self.installation.context(), catalog, {SEGMENT: lineage})

    def _segment(self) -> dict[str, Any]:
        return node(NAME, "main", ["member_id", "reason"], {"segment": self.facts})

    def _dataset(self, name: str, columns: list[str]) -> dict[str, Any]:
        schema = "identity" if name == "identities" else "main"
        return node(f"act_{name}", schema, columns, {"publish": name})

    def _write(self, folder: Path, documents: dict[str, dict[str, Any]]) -> None:
        folder.mkdir(exist_ok=True)
        for name, document in documents.items():
            (folder / name).write_text(json.dumps(document))


def node(name: str, schema: str, columns: list[str], meta: dict[str, Any]) -> dict[str, Any]:
    """Return a model as dbt's manifest has it."""
    return {
        "alias": name,
        "columns": {column: {} for column in columns},
        "config": {"enabled": True, "materialized": "table", "meta": meta},
        "database": "vault" if schema == "identity" else "warehouse",
        "name": name,
        "original_file_path": f"models/{name}.sql",
        "resource_type": "model",
        "schema": schema,
        "unique_id": f"model.tellerline.{name}",
    }
