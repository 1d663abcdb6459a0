"""The play itself: two runs of the real Dagster jobs, with the signatures of two people between."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from activation.approvals.check import find_approval
from activation.approvals.desk import ask_approval, decide
from activation.approvals.request import Envelope
from activation.cli.console import show_table
from activation.context import Context
from activation.installation import initialise
from activation.plan.document import Plan
from activation.plan.index import newest_plan
from activation.workplace import working
from demo.people import CHECKER, MAKER, key_of
from demo.stage import PROJECT, Stage
from demo.summary import deliveries, faults_of, summarise_demo
from ingestion.keys import create_member_key
from tellerline.errors import ApprovalMissingError
from tellerline.outbox import Actor

ORIGIN = "ledger.tellerline.example/demo"
# Routine refreshes may go on for a month inside this band without another signature.
ENVELOPE_DAYS = 30
CHANGE_PERCENT = 50
# The run's events are in Dagster's own storage; the terminal tells the story.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
console = Console(soft_wrap=True)


def play(
    stage: Stage,
    feeds: dict[str, int],
    writing: subprocess.Popen[bytes] | None,
    *,
    has_new_keys: bool,
) -> None:
    """Play the demo and write its summary.

    Args:
        stage: Where.
        feeds: Which feeds there are.
        writing: The process that still writes them, if there is one.
        has_new_keys: Whether the demo's keys were made just now.
    """
    with working(Actor("demo", "service"), setting_up=True) as context:
        initialise(context.settings, ORIGIN)
        create_member_key(context.settings)
    with _step("Loading the Dagster graph"):
        from orchestration.definitions import defs  # noqa: PLC0415 - needs the environment
    if writing is not None:
        with _step(f"Simulating feeds of {feeds['members']:,} members, {feeds['days']} days"):
            if writing.wait() != 0:
                raise SystemExit("The feeds could not be written.")
        feeds["written"] = feeds["days"]
        (stage.folder / "feeds.json").write_text(json.dumps(feeds))
    if has_new_keys:
        console.print(
            f"Two OpenSSH keys were made in {_shown(stage.keys)}, for this demo only: "
            "one asks, the other approves."
        )
    with dg.DagsterInstance.get() as instance:
        _run(
            stage,
            defs,
            "nightly",
            instance,
            "Dagster job nightly: landing, dbt, publication, plans",
        )
        with _step("Two people sign: one asks, the other approves"):
            signed = _sign(stage)
        if signed:
            _run(stage, defs, "deliver", instance, "Dagster job deliver: approved audiences leave")
    with working(Actor("demo", "service")) as context:
        delivered = deliveries(context)
        document = summarise_demo(context, delivered)
    stage.summary.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    _show(stage, document)
    faults = faults_of(delivered)
    if not document["ledger"]["verified"]:
        faults.append("The ledger does not verify: `tellerline audit verify` says why.")
    if faults:
        raise SystemExit("\n".join(["The demo did not end as planned.", *faults]))


def _run(
    stage: Stage, defs: dg.Definitions, name: str, instance: dg.DagsterInstance, title: str
) -> None:
    log = stage.folder / f"{name}.log"
    with (
        _step(title),
        log.open("w", encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
    ):
        result = defs.resolve_job_def(name).execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )
    if result.success:
        return
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            while error.cause:
                error = error.cause
            console.print(f"[red]{event.step_key}[/]: {error.message.strip()}", highlight=False)
    raise SystemExit(f"The Dagster job {name} failed; see {_shown(log)} and `make dagster`.")


def _sign(stage: Stage) -> int:
    """Let the maker ask and the checker approve whatever no approval covers yet."""
    from orchestration.deliveries import PAIRS  # noqa: PLC0415 - needs the environment

    signed = 0
    with working(Actor(MAKER, "person")) as maker, working(Actor(CHECKER, "person")) as checker:
        for segment_id, destination_id in PAIRS:
            plan = newest_plan(maker.settings, maker.state, segment_id, destination_id)
            if plan is None or not plan.changes or plan.document["refusals"]:
                continue
            if not _is_covered(maker, plan):
                _approve(stage, maker, checker, plan, envelope=None)
                signed += 1
                if _may_have_envelope(plan):
                    _approve(stage, maker, checker, plan, envelope=_envelope(plan))
                    signed += 1
    return signed


def _approve(
    stage: Stage, maker: Context, checker: Context, plan: Plan, *, envelope: Envelope | None
) -> None:
    days = ENVELOPE_DAYS if envelope else 7
    request = ask_approval(
        maker, plan, key_of(stage.keys, MAKER), valid_for=timedelta(days=days), envelope=envelope
    )
    decide(checker, request.request_id, key_of(stage.keys, CHECKER), "approve", "demo")


def _is_covered(context: Context, plan: Plan) -> bool:
    try:
        find_approval(context, plan, run_id="")
    except ApprovalMissingError:
        return False
    return True


def _may_have_envelope(plan: Plan) -> bool:
    return plan.document["approval"]["reasons"] in ([], ["it is a new export"])


def _envelope(plan: Plan) -> Envelope:
    counts = plan.counts
    members = counts["add"] + counts["update"] + counts["unchanged"]
    return Envelope(
        minimum_members=members // 2,
        maximum_members=members * 2 + 10,
        maximum_change_percent=CHANGE_PERCENT,
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)


@contextmanager
def _step(title: str) -> Iterator[None]:
    with console.status(title):
        yield
    console.print(f"[green]✓[/] {title}")


def _show(stage: Stage, document: dict[str, Any]) -> None:
    feeds = document["feeds"]
    show_table(
        "Feeds",
        ("feed", "read", "loaded", "rejected", "duplicate"),
        [(name, *(counts[key] for key in counts)) for name, counts in feeds.items()],
    )
    show_table(
        "Deliveries",
        (
            "segment", "destination", "add", "update", "remove", "same", "excluded", "confirmed",
            "accepted", "rejected", "unknown", "counted",
        ),
        [
            tuple(
                sum(value.values()) if isinstance(value, dict) else value
                for value in item.values()
            )
            for item in document["deliveries"]
        ],
    )  # fmt: skip
    ledger = document["ledger"]
    verdict = "[green]verified[/]" if ledger["verified"] else "[red]NOT verified[/]"
    console.print(f"Ledger: {ledger['size']} entries, root {ledger['root']}, {verdict}.")
    console.print(f"Summary: {_shown(stage.summary)}")
