"""What reads the vault, as assets and checks: identities, and tests that compare with contact data.

dbt runs in this process, which has seen contact data before and cannot write the warehouse either:
loading it once more would take longer than all that it does here.
"""

import shutil
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.constants import PARTIAL_PARSE_FILE_NAME
from dbt_common.events.functions import msg_to_dict

from activation.catalog import BUILD_VAULT, GOOD
from orchestration.project import BUILD, BY_SELECTOR, LayerTranslator, run_here
from orchestration.warehouse import PROJECT, TARGET
from tellerline.settings import VAULT, WAREHOUSE

TRANSLATOR = LayerTranslator()


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    select=BY_SELECTOR,
    selector=VAULT,
    dagster_dbt_translator=TRANSLATOR,
    name="dbt_build_vault",
    pool=WAREHOUSE,
)
def vault(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build and test what reads the vault. The warehouse is there to be read."""
    if context.is_subset:
        # dbt would be told nodes by name, and the selector is what opens the vault.
        raise dg.Failure("Identities are built together: materialise all assets of their group.")
    target = TARGET / VAULT
    target.mkdir(parents=True, exist_ok=True)
    if (TARGET / PARTIAL_PARSE_FILE_NAME).is_file():
        shutil.copyfile(TARGET / PARTIAL_PARSE_FILE_NAME, target / PARTIAL_PARSE_FILE_NAME)
    events: list[Any] = []
    # Without a word: an error of the database may quote a value.
    command = ["--log-level", "none", *BUILD, "--selector", VAULT]
    try:
        done = run_here(PROJECT.project_dir, target, command, events.append)
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    for event in events:
        message = DbtCoreCliEventMessage(raw_event=msg_to_dict(event), event_history_metadata={})
        yield from message.to_default_asset_events(
            PROJECT.manifest_path, TRANSLATOR, context, target, PROJECT
        )
    if not done.success:
        failed = [
            result.node.name
            for result in getattr(done.result, "results", ())
            if result.status not in GOOD and result.status != "skipped"
        ]
        raise dg.Failure(
            f"dbt could not build {', '.join(failed) or 'the vault'}. Run {BUILD_VAULT} to see why."
        )
