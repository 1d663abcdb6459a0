"""Small dbt projects made by hand: what lineage reads of a manifest, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from activation.lineage import SegmentLineage, describe_segments
from tellerline.canonical import sha256_hex

FACTS: dict[str, Any] = {
    "title": "A segment", "owner": "marketing", "purpose": "product_marketing",
    "goal_kli": "coffee", "legal_basis": "consent", "channels": ["email"], "destinations": {},
    "sensitivity": "confidential", "credit_related": False, "holdout_ratio": 0,
    "frequency_cap": {"maximum_touches": 2, "window_days": 30}, "minimum_size": 1,
    "maximum_size": 1000, "expires_on": "2027-01-01", "version": "1.0.0",
}  # fmt: skip


class Project:
    """A project in a folder. Relations lie in the schema `core`, sources in `raw`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = {"nodes": {}, "sources": {}}

    def copy(self, folder: Path) -> Project:
        other = Project(folder)
        other.manifest = deepcopy(self.manifest)
        for node in self.manifest["nodes"].values():
            if node["resource_type"] == "seed":
                text = (self.folder / node["original_file_path"]).read_text()
                other.seed(node["name"], text, node["config"]["column_types"])
        return other

    def source(self, name: str, columns: Mapping[str, Sequence[str]] | Sequence[str]) -> None:
        node = self._node("source", name, columns)
        node |= {"schema": "raw", "identifier": name, "source_name": "raw"}
        self.manifest["sources"][node["unique_id"]] = node

    def seed(self, name: str, text: str, types: Mapping[str, str] | None = None) -> None:
        path = self.folder / f"{name}.csv"
        path.write_text(text)
        columns = text.split("\n", 1)[0].split(",")
        node = self._node("seed", name, columns)
        node["config"]["column_types"] = types or dict.fromkeys(columns, "varchar")
        node |= {
            "original_file_path": path.name,
            "checksum": {"name": "sha256", "checksum": sha256_hex(text.strip().encode())},
        }
        self._add(node)

    def model(
        self,
        name: str,
        sql: str | None,
        columns: Mapping[str, Sequence[str]] | Sequence[str] = (),
        *,
        kind: str = "model",
        upstream: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        template: str = "",
        **meta: Any,
    ) -> None:
        node = self._node(kind, name, columns)
        node["config"] = {**(config or {}), "meta": meta}
        node["raw_code"] = template
        node["depends_on"] = {"nodes": list(upstream)}
        if sql is not None:
            node["compiled_code"] = sql
        self._add(node)

    def macro(self, name: str, body: str, arguments: str = "") -> None:
        self.manifest["metadata"] = {"project_name": "house"}
        self.manifest.setdefault("macros", {})[f"macro.house.{name}"] = {
            "name": name,
            "package_name": "house",
            "macro_sql": f"{{% macro {name}({arguments}) %}}{body}{{% endmacro %}}",
        }

    def segment(self, sql: str, name: str = "seg_one", **facts: Any) -> None:
        self.model(name, sql, ("member_id", "reason"), segment={**FACTS, **facts})

    def unique(self, model: str, column: str) -> None:
        """Add dbt's tests that hold a column of a model unique and not null."""
        for test in ("unique", "not_null"):
            node = self._node("test", f"{test}_{model}_{column}", ())
            node |= {
                "attached_node": f"model.house.{model}",
                "column_name": column,
                "test_metadata": {"name": test, "kwargs": {"column_name": column}},
            }
            self._add(node)

    def describe(self) -> dict[str, SegmentLineage]:
        return describe_segments(self.manifest, self.folder)

    def one(self) -> SegmentLineage:
        (found,) = self.describe().values()
        return found

    def _add(self, node: dict[str, Any]) -> None:
        self.manifest["nodes"][node["unique_id"]] = node

    @staticmethod
    def _node(
        kind: str, name: str, columns: Mapping[str, Sequence[str]] | Sequence[str]
    ) -> dict[str, Any]:
        tags = columns if isinstance(columns, Mapping) else dict.fromkeys(columns, ())
        return {
            "unique_id": f"{kind}.house.{name}",
            "resource_type": kind,
            "name": name,
            "alias": name,
            "database": "house",
            "schema": "core",
            "original_file_path": f"models/{name}.sql",
            "config": {"meta": {}},
            "columns": {
                column: {
                    "name": column,
                    "data_type": "varchar",
                    "config": {"meta": {"law_tags": list(words)}},
                }
                for column, words in tags.items()
            },
        }


def table(name: str) -> str:
    """Return the name of a relation as dbt compiles it."""
    schema, _, rest = name.rpartition(".")
    return f'"house"."{schema or "core"}"."{rest}"'
