"""dbt models, seeds, snapshots and tests as assets and checks of the warehouse."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.project import BUILD, BY_SELECTOR, LayerTranslator, load_project
from tellerline.settings import WAREHOUSE

PROJECT = load_project()
TARGET = PROJECT.project_dir / PROJECT.target_path


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
