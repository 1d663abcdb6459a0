"""From an approved plan to what HubSpot holds, day after day."""

from __future__ import annotations

import pytest

from activation.delivery.run import apply_plan
from activation.delivery.sync import send_plan, sync
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import ApprovalMissingError
from tests.activation.installation import (
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
    subscribed,
    unsubscribed,
    wanted,
)


def members(*numbers: int) -> set[str]:
    return {member(number) for number in numbers}


def test_an_approved_audience_arrives_member_by_member(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 250)
    grant_all(installation, 250)
    summary = send(installation)
    assert (summary.add, summary.confirmed, summary.destination_count) == (250, 250, 250)
    assert listed(sandbox) == members(*range(1, 251))
    assert contacts(sandbox)[member(7)]["email"] == "member7@example.com"
    assert contacts(sandbox)[member(7)]["tellerline_tenure_band"] == "over_5_years"
    assert set(record_bodies(sandbox)) <= recorded_bodies(installation)
    assert_ledger_is_sound(installation)


@pytest.mark.parametrize("version", ["2026-09", "v3"])
def test_the_next_day_sends_only_what_changed(
    installation: Installation, sandbox: SandboxProcess, version: str
) -> None:
    write_register(installation, hubspot={"options": {"api_version": version}})
    grant_all(installation, 40)
    publish(installation, 40, audience="n <= 30")
    send(installation)
    before = calls(sandbox)
    withdraw(installation, [3, 4])
    publish(
        installation,
        40,
        audience="n between 3 and 35",
        attributes="case when n = 10 then 'under_1_year' else 'over_5_years' end",
    )
    summary = send(installation)
    assert (summary.add, summary.update, summary.remove, summary.unchanged) == (5, 1, 4, 25)
    assert summary.excluded == {"consent_withdrawn": 2}
    assert summary.confirmed == 10
    assert listed(sandbox) == members(*range(5, 36))
    assert contacts(sandbox)[member(10)]["tellerline_tenure_band"] == "under_1_year"
    # One call each: remove, unsubscribe, upsert, add.
    after = calls(sandbox) - before
    assert sum(count for route, count in after.items() if "GET" not in route) == 4
    assert_ledger_is_sound(installation)


def test_only_a_withdrawn_consent_unsubscribes_and_nothing_ever_subscribes(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    grant_all(installation, 12)
    publish(installation, 12)
    send(installation)
    withdraw(installation, [1, 2])
    # Member 2 withdrew and left the segment, member 3 only left it.
    publish(installation, 12, audience="n not in (2, 3)")
    send(installation)
    assert listed(sandbox) == members(*range(4, 13))
    assert unsubscribed(sandbox) == {"member1@example.com", "member2@example.com"}
    # Consent given again brings the member back to the list, and leaves the opt-out as it is.
    installation.facts["minimum_size"] = 1
    publish(installation, 12)
    grant_again(installation, [1])
    summary = send(installation)
    assert (summary.add, listed(sandbox)) == (2, members(1, *range(3, 13)))
    assert unsubscribed(sandbox) == {"member1@example.com", "member2@example.com"}
    assert not subscribed(sandbox)


def grant_again(installation: Installation, numbers: list[int]) -> None:
    from tests.activation.installation import append_consents  # noqa: PLC0415 - used here alone

    values = ", ".join(f"({number})" for number in numbers)
    append_consents(
        installation,
        "again",
        "select n, 'email' as channel, 'grant' as action, timestamp '2026-11-20 01:00' as "
        f"effective_at from (values {values}) as t(n)",
    )


def test_members_of_the_audience_without_consent_stay_away(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 20)
    grant_all(installation, 15)
    summary = send(installation)
    assert summary.excluded == {"no_consent_record": 5}
    assert set(contacts(sandbox)) == listed(sandbox) == members(*range(1, 16))


def test_a_finished_plan_is_not_sent_again(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    first = apply_plan(installation.context(), made.plan_id)
    before = calls(sandbox)
    assert apply_plan(installation.context(), made.plan_id) == first
    assert calls(sandbox) == before
    assert len(entries(installation, "run.started")) == 1
    assert len(entries(installation, "run.finished")) == 1


def test_a_plan_without_changes_sends_no_record_and_needs_no_approval(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    first = send(installation)
    publish(installation, 12)
    before = len(record_bodies(sandbox))
    summary = sync(installation.context(), first.segment, "hubspot")
    assert (summary.unchanged, summary.add, summary.destination_count) == (12, 0, 12)
    assert len(record_bodies(sandbox)) == before
    assert entries(installation, "audience.planned")[-1]["body"]["counts"]["unchanged"] == 12


def test_a_plan_with_changes_needs_one(installation: Installation, sandbox: SandboxProcess) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    with pytest.raises(ApprovalMissingError, match="is not approved"):
        sync(installation.context(), "retention__dormant_digital", "hubspot")
    assert not calls(sandbox)


def test_the_summary_sums_exactly(installation: Installation, sandbox: SandboxProcess) -> None:
    grant_all(installation, 30)
    publish(installation, 40)
    made = plan(installation)
    approve(installation, made)
    summary = send_plan(installation.context(), made)
    kept = summary.add + summary.update + summary.unchanged + sum(summary.excluded.values())
    assert summary.audience == kept == 40
    ended = summary.confirmed + summary.accepted + summary.rejected + summary.unknown
    assert summary.add + summary.update + summary.remove == ended == 30
    assert listed(sandbox) == wanted(made)


def test_batches_are_as_small_as_the_register_says(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, hubspot={"limits": {"records_per_batch": 10}})
    publish(installation, 25)
    grant_all(installation, 25)
    send(installation)
    assert listed(sandbox) == members(*range(1, 26))
    assert len(record_bodies(sandbox)) == 6


@pytest.mark.parametrize(
    "value",
    ["Zoë 🎉", "שלום", "=cmd()|' /C calc'!A0", "a\tb", 'say "hi" \\ and \'bye\'', "x" * 10_000],
    ids=["emoji", "right-to-left", "formula", "tab", "quotes", "long"],
)  # fmt: skip
def test_awkward_values_arrive_as_they_are(
    installation: Installation, sandbox: SandboxProcess, value: str
) -> None:
    publish(installation, 12, attributes=f"'{value.replace(chr(39), chr(39) * 2)}'")
    grant_all(installation, 12)
    send(installation)
    assert contacts(sandbox)[member(1)]["tellerline_tenure_band"] == value
