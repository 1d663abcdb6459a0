"""The project itself, compiled once as on a first build and once as on a later one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from activation.lineage import SegmentLineage, describe_segments
from activation.lineage.dictionary import ColumnFacts, describe_columns
from tellerline.canonical import sha256_hex
from tests.dbt.sessions import ROOT, DbtSession

# What lineage reads of a test is in the manifest without being compiled.
NO_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")
COMPILE = ("compile", *NO_TESTS)


@dataclass
class Compiled:
    """The manifests of two compilations, and what lineage says of the first.

    Args:
        first: Nothing is built yet.
        later: Every incremental model has a table.
        segments: The segments of `first`.
    """

    first: Mapping[str, Any]
    later: Mapping[str, Any]
    segments: Mapping[str, SegmentLineage]

    @cached_property
    def facts(self) -> list[ColumnFacts]:
        """What the dictionary says of every column of `first`."""
        return describe_columns(self.first, ROOT)

    def lineage_with(self, segment: str, old: str, new: str) -> SegmentLineage:
        """Return the lineage of a segment when a text in its own SQL is replaced."""
        unique_id = f"model.tellerline.seg_{segment}"
        node = self.first["nodes"][unique_id]
        code = node["compiled_code"].replace(old, new)
        assert code != node["compiled_code"]
        nodes = {**self.first["nodes"], unique_id: {**node, "compiled_code": code}}
        return describe_segments({**self.first, "nodes": nodes}, ROOT, {segment})[segment]

    def changed_by(self, folder: Path, edits: Mapping[str, tuple[str, str]]) -> set[str]:
        """Return the segments whose fingerprint moves when texts in models or seeds are replaced.

        Args:
            folder: An empty folder for the seeds.
            edits: By name of the model or seed, a text in it and what stands there instead.
        """
        nodes = dict(self.first["nodes"])
        shutil.copytree(ROOT / "seeds", folder / "seeds")
        for unique_id, node in self.first["nodes"].items():
            if node["name"] not in edits or node["resource_type"] not in {"model", "seed"}:
                continue
            old, new = edits[node["name"]]
            if node["resource_type"] == "model":
                assert old in node["compiled_code"], f"{node['name']} does not hold {old}"
                code = node["compiled_code"].replace(old, new)
                nodes[unique_id] = {**node, "compiled_code": code}
            else:
                path = folder / node["original_file_path"]
                text = path.read_text()
                assert old in text, f"{node['name']} does not hold {old}"
                path.write_text(text.replace(old, new, 1))
                checksum = sha256_hex(path.read_text().strip().encode())
                nodes[unique_id] = {**node, "checksum": {**node["checksum"], "checksum": checksum}}
        after = describe_segments({**self.first, "nodes": nodes}, folder)
        return {
            name
            for name, lineage in self.segments.items()
            if after[name].fingerprint != lineage.fingerprint
        }


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    session = DbtSession(tmp_path_factory.mktemp("compiled"))
    session.parse()
    session.invoke(*COMPILE)
    first = session.manifest
    # Tables of other logic than the project's would be made anew, and compiled so.
    session.invoke("build", "--empty", "--select", "+config.materialized:incremental", *NO_TESTS)
    session.invoke(*COMPILE)
    return Compiled(first, session.manifest, describe_segments(first, ROOT))
