"""Everything in one graph, from landing to each destination. `dagster dev` opens it."""

from __future__ import annotations

import dagster as dg

from orchestration.automation import (
    approval_sensor,
    deliver,
    landing_sensor,
    nightly,
    nightly_schedule,
)
from orchestration.deliveries import DELIVERY_ASSETS, PLAN_ASSETS, ledger
from orchestration.feeds import ingest_feeds
from orchestration.project import dbt_resource
from orchestration.publication import publication
from orchestration.vault import vault
from orchestration.warehouse import PROJECT, warehouse

defs = dg.Definitions(
    assets=[ingest_feeds, warehouse, vault, publication, *PLAN_ASSETS, *DELIVERY_ASSETS, ledger],
    jobs=[nightly, deliver],
    schedules=[nightly_schedule],
    sensors=[landing_sensor, approval_sensor],
    # One machine, one warehouse file: steps run one after another in the run's process.
    executor=dg.in_process_executor,
    resources={"dbt": dbt_resource(PROJECT)},
)
