"""HubSpot misbehaves: nothing is lost, nothing is doubled, nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from activation.delivery.run import apply_plan
from activation.delivery.sync import send_plan, sync
from activation.reconciliation import reconcile_all
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import CredentialsError, RetryableError, RunStoppedError
from tests.activation.installation import (
    SEGMENT,
    Installation,
    approve,
    grant_all,
    member,
    plan,
    publish,
    send,
    withdraw,
    write_register,
)
from tests.activation.observations import (
    assert_ledger_is_sound,
    calls,
    contacts,
    entries,
    listed,
    record_bodies,
    recorded_bodies,
    unsubscribed,
)

UPSERT, ADD, REMOVE, STATUSES = (
    "batch/upsert", "memberships/add", "memberships/remove", "batch/write",
)  # fmt: skip


def members(*numbers: int) -> set[str]:
    return {member(number) for number in numbers}


def prepare(installation: Installation, count: int = 12, records: int = 4, **limits: int) -> Any:
    """Publish and grant, let batches be small and sent one after another; return the plan."""
    write_register(
        installation,
        hubspot={"limits": {"records_per_batch": records, "concurrency": 1, **limits}},
    )
    publish(installation, count)
    grant_all(installation, count)
    made = plan(installation)
    approve(installation, made)
    return made


PASSING: list[dict[str, Any]] = [
    {"effect": "drop_before_apply"},
    {"effect": "drop_after_apply"},
    {"effect": "http_503", "retry_after": 0},
    {"effect": "http_429", "policy": "SECONDLY"},
    {"effect": "html_200", "applied": True},
    {"effect": "truncated_json"},
    {"effect": "gzip_bomb", "megabytes": 32},
    {"effect": "body_200_with_errors"},
]
# Other faces of the same faults.
MORE_PASSING: list[dict[str, Any]] = [
    {"effect": "http_500"},
    {"effect": "http_status", "status": 408},
    {"effect": "http_status", "status": 423},
    {"effect": "http_status", "status": 477},
    {"effect": "http_429", "retry_after": 1},
    {"effect": "html_200"},
    {"effect": "empty_200"},
    {"effect": "empty_200", "applied": True},
]


@pytest.mark.parametrize(
    "fault",
    PASSING + [pytest.param(fault, marks=pytest.mark.breadth) for fault in MORE_PASSING],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_a_passing_fault_changes_nothing_in_the_end(
    installation: Installation, sandbox: SandboxProcess, fault: dict[str, Any]
) -> None:
    made = prepare(installation)
    sandbox.set_faults(*(fault | {"path": path, "nth": 2} for path in (UPSERT, ADD)))
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.rejected, summary.unknown) == (12, 0, 0)
    assert summary.destination_count == 12
    assert listed(sandbox) == members(*range(1, 13))
    bodies = record_bodies(sandbox)
    # Six batches and each fault's second attempt, with the very same bytes.
    assert len(bodies) == 8
    assert set(bodies) == recorded_bodies(installation)


def test_faults_on_removal_and_withdrawal_pass_too(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    prepare(installation)
    send(installation)
    withdraw(installation, [1, 2])
    publish(installation, 12, audience="n <> 3")
    sandbox.set_faults(
        {"effect": "drop_after_apply", "path": REMOVE, "times": 1},
        {"effect": "body_200_with_errors", "path": REMOVE, "nth": 2},
        {"effect": "body_200_with_errors", "path": STATUSES, "times": 1},
        {"effect": "truncated_json", "path": STATUSES, "nth": 2},
    )
    summary = send(installation)
    assert (summary.remove, summary.confirmed, summary.unknown) == (3, 3, 0)
    assert listed(sandbox) == members(*range(4, 13))
    assert unsubscribed(sandbox) == {"member1@example.com", "member2@example.com"}


LASTING: list[tuple[dict[str, Any], str, type[Exception]]] = [
    ({"effect": "http_503"}, UPSERT, RetryableError),
    ({"effect": "drop_after_apply"}, ADD, RetryableError),
    ({"effect": "html_200", "applied": True}, ADD, RetryableError),
    ({"effect": "http_status", "status": 401}, ADD, CredentialsError),
    ({"effect": "http_status", "status": 403}, UPSERT, CredentialsError),
    ({"effect": "token_expired"}, UPSERT, CredentialsError),
    ({"effect": "redirect"}, UPSERT, RunStoppedError),
]


@pytest.mark.parametrize(
    ("fault", "path", "failure"),
    LASTING,
    ids=[f"{case[0]['effect']}-{n}" for n, case in enumerate(LASTING)],
)
def test_a_lasting_fault_stops_the_run_which_goes_on_later(
    installation: Installation,
    sandbox: SandboxProcess,
    fault: dict[str, Any],
    path: str,
    failure: type[Exception],
) -> None:
    made = prepare(installation)
    sandbox.set_faults(fault | {"path": path, "after": 1})
    with pytest.raises(failure):
        apply_plan(installation.context(), made.plan_id)
    assert not entries(installation, "run.finished")
    before = record_bodies(sandbox)
    sandbox.clear_faults()
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.confirmed, summary.unknown, summary.destination_count) == (12, 0, 12)
    assert listed(sandbox) == members(*range(1, 13))
    assert len(entries(installation, "run.started")) == 1
    assert len(entries(installation, "run.finished")) == 1
    bodies = record_bodies(sandbox)
    assert set(bodies) == recorded_bodies(installation)
    # What was confirmed before the fault is not sent again.
    confirmed = before[:1] if path == UPSERT else before[:4]
    assert not set(confirmed) & set(bodies[len(before) :])
    assert_ledger_is_sound(installation)


def test_a_fault_while_the_list_is_made_passes(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults(
        {"effect": "drop_after_apply", "method": "POST", "path": "lists", "times": 1},
        {"effect": "http_503", "method": "POST", "path": "properties", "times": 1},
    )
    send_plan(installation.context(), made)
    assert len(sandbox.show("lists")["lists"]) == 1
    assert listed(sandbox) == members(*range(1, 13))


def test_results_in_any_order_find_their_rows(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, 40, 20)
    sandbox.set_faults({"effect": "shuffled_results", "path": UPSERT, "seed": 5})
    sandbox.set_quirks(echo_trace_ids=False)
    send_plan(installation.context(), made)
    shown = contacts(sandbox)
    assert all(shown[member(n)]["email"] == f"member{n}@example.com" for n in range(1, 41))
    assert reconcile_all(installation.context())[0].agrees


def test_refused_rows_are_told_apart_and_planned_again(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    ids = [member(2), member(7)]
    sandbox.set_faults({"effect": "partial_reject", "path": UPSERT, "ids": ids})
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.rejected, summary.unknown) == (10, 2, 0)
    assert sum(summary.rejections.values()) == 2
    assert not summary.is_complete
    assert listed(sandbox) == members(*range(1, 13)) - set(ids)
    sandbox.clear_faults()
    again = send(installation)
    assert (again.add, again.unchanged, again.confirmed) == (2, 10, 2)
    assert listed(sandbox) == members(*range(1, 13))


def test_refused_members_and_statuses_are_refused_rows_too(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "partial_reject", "path": ADD, "first": 1, "times": 1})
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.rejections) == (11, {"RECORD_MISSING": 1})
    sandbox.clear_faults()
    send(installation)
    withdraw(installation, [5])
    sandbox.set_faults({"effect": "partial_reject", "path": STATUSES, "first": 1, "times": 1})
    summary = send(installation)
    assert (summary.remove, summary.rejected) == (1, 1)
    assert member(5) not in listed(sandbox)
    # Not unsubscribed yet, so it is not done yet.
    summary = send(installation)
    assert (summary.remove, summary.confirmed) == (1, 1)
    assert unsubscribed(sandbox) == {"member5@example.com"}


def test_an_answer_that_never_says_enough_is_unknown_and_never_success(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "body_200_with_errors", "path": UPSERT})
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.unknown) == (0, 12)
    assert not listed(sandbox)
    sandbox.clear_faults()
    again = send(installation)
    assert (again.add, again.confirmed, again.destination_count) == (12, 12, 12)


def test_members_of_unknown_outcome_are_taken_off_when_they_leave(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "body_200_with_errors", "path": ADD, "applied": True, "after": 2})
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.unknown) == (8, 4)
    # Batches are made in the order of the pseudonyms: the last four are of unknown outcome.
    uncertain = sorted(range(1, 13), key=member)[-4:]
    assert listed(sandbox) == members(*range(1, 13))
    sandbox.clear_faults()
    publish(installation, 12, audience=f"n not in ({uncertain[0]}, {uncertain[1]})")
    again = send(installation)
    assert (again.add, again.remove, again.unchanged, again.unknown) == (2, 2, 8, 0)
    assert listed(sandbox) == members(*range(1, 13)) - members(*uncertain[:2])
    assert again.is_reconciled


def test_a_refused_batch_is_bisected_down_to_its_one_bad_row(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, 16, 16)
    # The whole, its first half, the first quarter … always the part with the first row.
    sandbox.set_faults(
        {"effect": "http_status", "status": 400, "path": UPSERT, "nth": [1, 2, 4, 6, 8]}
    )
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.rejected) == (15, 1)
    assert list(summary.rejections.values()) == [1]
    assert len(listed(sandbox)) == 15
    assert calls(sandbox)["POST /crm/objects/2026-09/contacts/batch/upsert"] == 9
    assert_ledger_is_sound(installation)


def test_batches_that_are_too_large_are_halved_until_they_fit(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, 20, 20)
    sandbox.set_quirks(membership_limit=3)
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.rejected) == (20, 0)
    assert listed(sandbox) == members(*range(1, 21))


def test_a_destination_that_refuses_every_row_stops_the_run(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, 130, 100)
    sandbox.set_faults({"effect": "http_status", "status": 400, "path": UPSERT})
    with pytest.raises(RunStoppedError, match="refuses every row"):
        send_plan(installation.context(), made)
    assert not entries(installation, "run.finished")


def test_rows_that_are_dropped_in_silence_are_found_and_named(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "silently_drop_rows", "path": ADD, "first": 1})
    summary = send_plan(installation.context(), made)
    assert not summary.is_reconciled
    assert (summary.destination_count, summary.expected_count) == (9, 12)
    (found,) = reconcile_all(installation.context())
    assert (found.missing, found.extra, found.agrees) == (3, 0, False)
    assert set(found.missing_members) == members(*range(1, 13)) - listed(sandbox)
    told = entries(installation, "recon.result")[-1]["body"]
    assert told["missing"] == 3
    assert not any(member_id in str(told) for member_id in found.missing_members)


def test_members_whom_somebody_else_put_on_the_list_are_extra(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    send_plan(installation.context(), made)
    # Our record of a day before: the audience was larger at the destination.
    publish(installation, 12, audience="n <= 11")
    sandbox.set_faults({"effect": "silently_drop_rows", "path": REMOVE, "first": 1})
    send(installation)
    (found,) = reconcile_all(installation.context(), "hubspot")
    assert (found.missing, found.extra, len(found.extra_records)) == (0, 1, 1)


def test_a_size_that_lags_is_waited_for(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, settle_seconds=10)
    sandbox.set_faults({"effect": "list_size_lag", "path": "lists", "seconds": 0.5})
    summary = send_plan(installation.context(), made)
    assert (summary.destination_count, summary.is_reconciled) == (12, True)


def test_a_size_that_lags_for_long_is_flagged_and_reconciled_later(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, settle_seconds=0)
    sandbox.set_quirks(list_size_lag=1200.0)
    summary = send_plan(installation.context(), made)
    assert (summary.confirmed, summary.is_reconciled) == (12, False)
    assert not reconcile_all(installation.context())[0].agrees
    sandbox.advance(1201)
    assert reconcile_all(installation.context())[0].agrees


def test_calls_stay_within_the_limits_of_the_account(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation, 12, 2, requests_per_period=10, period_seconds=1)
    sandbox.set_limits(enforced=True)
    send_plan(installation.context(), made)
    statuses = [entry["status"] for entry in sandbox.show("requests")["log"]]
    assert 429 not in statuses
    assert listed(sandbox) == members(*range(1, 13))


def test_sync_goes_on_with_what_an_earlier_process_left(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "http_503", "path": UPSERT, "after": 1})
    with pytest.raises(RetryableError):
        apply_plan(installation.context(), made.plan_id)
    sandbox.clear_faults()
    summary = sync(installation.context(), SEGMENT, "hubspot")
    # The unfinished run was ended first; then there was nothing left to change.
    assert (summary.unchanged, summary.add) == (12, 0)
    assert len(entries(installation, "run.finished")) == 1
