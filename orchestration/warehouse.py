"""The dbt models, seeds, snapshots and tests as assets and checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.project import LayerTranslator, load_project

PROJECT = load_project()
# Unit tests test code, not data: CI runs them.
BUILD = ["build", "--exclude-resource-type", "unit_test"]


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    dagster_dbt_translator=LayerTranslator(),
    name="dbt_build",
    pool="warehouse",
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test the warehouse; DuckDB lets one process write, hence the pool of one."""
    yield from dbt.cli(
        BUILD, context=context, target_path=PROJECT.project_dir / PROJECT.target_path
    ).stream()
