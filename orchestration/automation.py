"""When things run: every night, when files arrive, when somebody approves."""

import dagster as dg

from activation.approvals.check import signature_of_folder
from orchestration.deliveries import DELIVERIES, LEDGER
from orchestration.work import at_work

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="From landing to every destination; what nobody has approved waits.",
)
deliver = dg.define_asset_job(
    "deliver",
    selection=dg.AssetSelection.groups(DELIVERIES) | dg.AssetSelection.assets(LEDGER),
    description="Send what has been approved since it was planned.",
)
nightly_schedule = dg.ScheduleDefinition(
    name="nightly_at_three",
    job=nightly,
    cron_schedule="0 3 * * *",
    execution_timezone="America/Chicago",
)


@dg.sensor(job=nightly, minimum_interval_seconds=60)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Run when complete files have arrived that were not there at the last look."""
    with at_work() as work:
        files = sorted(
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for path in work.settings.landing.rglob("*.done")
        )
    cursor = f"{len(files)}-{max((entry[2] for entry in files), default=0)}"
    if cursor == (context.cursor or "0-0"):
        return dg.SkipReason("No new file.")
    context.update_cursor(cursor)
    return dg.RunRequest(run_key=cursor)


@dg.sensor(job=deliver, minimum_interval_seconds=30)
def approval_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Send when a request or decision was added."""
    with at_work() as work:
        seen = signature_of_folder(work.settings.approvals)
    cursor = f"{len(seen)}-{max(seen, default=0)}"
    if cursor == (context.cursor or ""):
        return dg.SkipReason("No new decision.")
    context.update_cursor(cursor)
    return dg.RunRequest(run_key=cursor)
