"""The dbt project as Dagster sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

PROJECT_FOLDER = Path(__file__).resolve().parents[1]


def load_project(folder: Path = PROJECT_FOLDER) -> DbtProject:
    """Return the dbt project, parsed if it never was; needs no warehouse, network or secret."""
    project = DbtProject(project_dir=folder, profiles_dir=folder)
    project.prepare_if_dev()
    if not project.manifest_path.exists():
        project.preparer.prepare(project)
    return project


class LayerTranslator(DagsterDbtTranslator):
    """Shows each model in the group of its layer, and tests as asset checks."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer: the first folder below models, seeds or snapshots."""
        if dbt_resource_props["resource_type"] != "model":
            return str(dbt_resource_props["resource_type"])
        return str(dbt_resource_props["fqn"][1])


def published_keys(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    """Return the assets that a publication is made from: segments and published datasets."""
    translator = LayerTranslator()
    return sorted(
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and ({"segment", "publish"} & (node["config"].get("meta") or {}).keys())
    )
