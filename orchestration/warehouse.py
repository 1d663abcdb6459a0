"""dbt models, seeds, snapshots and tests as assets and checks: the warehouse, then the vault."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.project import LayerTranslator, load_project
from tellerline.settings import VAULT, WAREHOUSE

PROJECT = load_project()
TARGET = PROJECT.project_dir / PROJECT.target_path
# Unit tests test code, not data: CI runs them.
BUILD = ["build", "--exclude-resource-type", "unit_test"]
# The default would be passed on beside the selector, and dbt warns of two selections.
BY_SELECTOR = ""


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    select=BY_SELECTOR,
    selector=WAREHOUSE,
    dagster_dbt_translator=LayerTranslator(),
    name="dbt_build",
    pool=WAREHOUSE,
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test the warehouse; DuckDB lets one process write, hence the pool of one."""
    yield from dbt.cli(BUILD, context=context, target_path=TARGET).stream()


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    select=BY_SELECTOR,
    selector=VAULT,
    dagster_dbt_translator=LayerTranslator(),
    name="dbt_build_vault",
    pool=WAREHOUSE,
)
def vault(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test what reads the vault, in a process that cannot write the warehouse."""
    if context.is_subset:
        # dbt is told nodes by name then, and the selector is what opens the vault.
        raise dg.Failure("Identities are built together: materialise all assets of their group.")
    yield from dbt.cli(BUILD, context=context, target_path=TARGET / VAULT).stream()
