"""Consent, approval and orders change while a run goes on: the next batch knows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from activation.approvals.desk import ask_approval, decide
from activation.delivery.abandoning import abandon_plan
from activation.delivery.run import apply_plan
from activation.delivery.sync import sync
from activation.halting import halt_all, resume_all, tell_halted
from activation.plan.document import Plan
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import (
    ConflictError,
    IntegrityError,
    PolicyRefusedError,
    RetryableError,
    TellerlineError,
    UsageError,
)
from tests.activation.installation import (
    CHECKER,
    MAKER,
    SEGMENT,
    Installation,
    TickingClock,
    append_consents,
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
    contacts,
    entries,
    listed,
    mailed,
    record_bodies,
    recorded_bodies,
    unsubscribed,
)
from tests.activation.proxy import Proxy

UPSERT, ADD = "batch/upsert", "memberships/add"


def members(*numbers: int) -> set[str]:
    return {member(number) for number in numbers}


def in_order(count: int) -> list[int]:
    """Return the numbers of members 1…count in the order in which they are sent."""
    return sorted(range(1, count + 1), key=member)


def prepare(installation: Installation, count: int = 12, records: int = 4) -> Plan:
    write_register(
        installation, hubspot={"limits": {"records_per_batch": records, "concurrency": 1}}
    )
    publish(installation, count)
    grant_all(installation, count)
    made = plan(installation)
    approve(installation, made)
    return made


def addresses(bodies: list[bytes]) -> set[str]:
    return {item["properties"]["email"] for body in bodies for item in json.loads(body)["inputs"]}


def test_a_withdrawal_before_the_plan_excludes(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    withdraw(installation, [3])
    summary = send(installation)
    assert summary.excluded == {"consent_withdrawn": 1}
    assert member(3) not in contacts(sandbox)


def test_a_withdrawal_between_plan_and_send_is_not_sent(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    withdraw(installation, [3, 7])
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.add, summary.confirmed, summary.excluded) == (10, 10, {"consent_withdrawn": 2})
    assert (summary.audience, summary.destination_count) == (12, 10)
    assert set(contacts(sandbox)) == listed(sandbox) == members(*range(1, 13)) - members(3, 7)
    assert_ledger_is_sound(installation)


def test_a_withdrawal_on_another_channel_is_none_on_this(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    append_consents(
        installation,
        "mail",
        "select n, 'direct_mail' as channel, 'withdraw' as action, timestamp '2026-11-20' as "
        "effective_at from range(1, 13) as t(n)",
    )
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


def test_a_withdrawal_between_two_batches_is_not_sent(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    # While the first four are under way, one of each other batch withdraws; so does one of these.
    order = in_order(12)
    gone = [order[0], order[5], order[11]]
    proxy.when(UPSERT, 1, lambda: withdraw(installation, gone))
    summary = apply_plan(installation.context(), made.plan_id)
    late = {f"member{n}@example.com" for n in gone[1:]}
    assert not addresses(proxy.bodies(UPSERT)) & late
    # The first had left already; it is kept off the list.
    assert listed(sandbox) == members(*range(1, 13)) - members(*gone)
    assert (summary.add, summary.confirmed, summary.excluded) == (9, 9, {"consent_withdrawn": 3})
    assert summary.is_reconciled
    assert_ledger_is_sound(installation)


def test_a_withdrawal_between_two_stages_keeps_the_member_off_the_list(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    gone = in_order(12)[:2]
    proxy.when(UPSERT, 3, lambda: withdraw(installation, gone))
    summary = apply_plan(installation.context(), made.plan_id)
    assert set(contacts(sandbox)) == members(*range(1, 13))
    assert listed(sandbox) == members(*range(1, 13)) - members(*gone)
    assert summary.excluded == {"consent_withdrawn": 2}
    assert summary.is_reconciled


def test_no_batch_that_waits_in_line_is_sent_with_an_old_look_at_consent(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation, 48, 1)
    order = in_order(48)
    proxy.when(UPSERT, 2, lambda: withdraw(installation, order[2:20]))
    summary = apply_plan(installation.context(), made.plan_id)
    sent = addresses(proxy.bodies(UPSERT))
    assert not sent & {f"member{n}@example.com" for n in order[2:20]}
    assert (summary.confirmed, summary.excluded) == (30, {"consent_withdrawn": 18})
    assert listed(sandbox) == members(*(order[:2] + order[20:]))


def test_a_withdrawal_while_a_batch_is_tried_again_is_noticed(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    gone = in_order(12)[1]
    sandbox.set_faults({"effect": "drop_before_apply", "path": UPSERT, "times": 1})
    proxy.when(UPSERT, 1, lambda: withdraw(installation, [gone]))
    summary = apply_plan(installation.context(), made.plan_id)
    assert summary.excluded == {"consent_withdrawn": 1}
    assert member(gone) not in contacts(sandbox)
    first, again = proxy.bodies(UPSERT)[:2]
    assert f"member{gone}@example.com".encode() in first
    assert f"member{gone}@example.com".encode() not in again


def test_a_member_who_may_have_arrived_before_withdrawing_is_removed_next_time(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    gone = in_order(12)[1]
    # The list has the member already when the connection breaks.
    sandbox.set_faults({"effect": "drop_after_apply", "path": ADD, "times": 1})
    proxy.when(ADD, 1, lambda: withdraw(installation, [gone]))
    summary = apply_plan(installation.context(), made.plan_id)
    assert summary.excluded == {"consent_withdrawn": 1}
    assert member(gone) in listed(sandbox)
    assert not summary.is_reconciled
    publish(installation, 12)
    again = send(installation)
    assert (again.remove, again.confirmed, again.is_reconciled) == (1, 1, True)
    assert member(gone) not in listed(sandbox)
    assert unsubscribed(sandbox) == {f"member{gone}@example.com"}


def test_an_update_withheld_leaves_the_member_to_the_next_plan(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    send(installation)
    publish(installation, 12, attributes="'changed'")
    made = plan(installation)
    approve(installation, made)
    withdraw(installation, [4])
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.update, summary.excluded) == (11, {"consent_withdrawn": 1})
    assert contacts(sandbox)[member(4)]["tellerline_tenure_band"] == "over_5_years"
    assert member(4) in listed(sandbox)
    publish(installation, 12, attributes="'changed'")
    assert send(installation).remove == 1
    assert member(4) not in listed(sandbox)


def test_a_withdrawal_recorded_ahead_takes_effect_in_the_middle_of_a_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    clock = installation.clock
    assert isinstance(clock, TickingClock)
    gone = in_order(12)[11]
    append_consents(
        installation,
        "ahead",
        "select n, 'email' as channel, 'withdraw' as action, timestamp '2026-11-20 10:00' as "
        f"effective_at from (values ({gone})) as t(n)",
    )

    def an_hour_later() -> None:
        clock.at += timedelta(hours=1)

    proxy.when(UPSERT, 1, an_hour_later)
    summary = apply_plan(installation.context(), made.plan_id)
    assert summary.excluded == {"consent_withdrawn": 1}
    assert member(gone) not in contacts(sandbox)


def stop_in_the_middle(
    installation: Installation, proxy: Proxy, made: Plan, action: Callable[[], None]
) -> TellerlineError:
    """Do `action` while the first batch is under way; return what stopped the run."""
    proxy.when(UPSERT, 1, action)
    with pytest.raises(TellerlineError) as caught:
        apply_plan(installation.context(), made.plan_id)
    # Not one batch more.
    assert len(proxy.bodies(UPSERT)) == 1
    assert not entries(installation, "run.finished")
    return caught.value.with_traceback(None)


def revoke(installation: Installation, made: Plan, decision: str = "revoke") -> None:
    (folder,) = (installation.settings.governance / "approvals").iterdir()
    key = installation.keys[CHECKER]
    decide(installation.context(CHECKER), folder.name, key, decision, "late")  # type: ignore[arg-type]


@pytest.mark.parametrize("decision", ["revoke", "reject"])
def test_a_revoked_approval_stops_the_run_before_its_next_batch(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, decision: str
) -> None:
    made = prepare(installation)
    failure = stop_in_the_middle(
        installation, proxy, made, lambda: revoke(installation, made, decision)
    )
    assert isinstance(failure, PolicyRefusedError)
    assert f"was {decision.removesuffix('e')}ed" in str(failure)
    with pytest.raises(PolicyRefusedError):
        apply_plan(installation.context(), made.plan_id)
    assert len(record_bodies(sandbox)) == 1


def test_an_approval_that_ends_stops_the_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    prepare(installation)
    made = plan(installation)
    request = ask_approval(
        installation.context(), made, installation.keys[MAKER], valid_for=timedelta(hours=1)
    )
    decide(installation.context(CHECKER), request.request_id, installation.keys[CHECKER], "approve")
    clock = installation.clock
    assert isinstance(clock, TickingClock)

    def an_hour_later() -> None:
        clock.at += timedelta(hours=1)

    assert "ended at" in str(stop_in_the_middle(installation, proxy, made, an_hour_later))


def change_in_place(path: Path) -> None:
    """Change one byte and set the time of modification back, as an intruder would."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("pattern", ["request.json", "decision-*.json", "decision-*.sig"])
def test_a_signed_file_changed_in_the_middle_stops_the_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, pattern: str
) -> None:
    made = prepare(installation)
    (path,) = (installation.settings.governance / "approvals").glob(f"*/{pattern}")
    failure = stop_in_the_middle(installation, proxy, made, lambda: change_in_place(path))
    assert path.parent.name in failure.subject


@pytest.mark.parametrize("name", ["roles.yml", "allowed_signers"])
def test_a_right_withdrawn_in_the_middle_stops_the_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, name: str
) -> None:
    made = prepare(installation)
    path = installation.settings.governance / name
    text = path.read_text()
    without = text.replace("marketing_approver, compliance_approver", "compliance_approver")
    without = without.replace(f"{CHECKER} ssh", f'{CHECKER} valid-before="20260101Z" ssh')
    assert without != text
    failure = stop_in_the_middle(
        installation, proxy, made, lambda: path.write_text(without) and None
    )
    assert isinstance(failure, PolicyRefusedError)
    # Given back, the run goes on.
    path.write_text(text)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12
    assert listed(sandbox) == members(*range(1, 13))


def halt(installation: Installation, reason: str) -> None:
    kept = halt_all(installation.settings, installation.clock, CHECKER, reason)
    tell_halted(installation.context(CHECKER), kept)


def test_a_halt_stops_every_run_until_it_is_lifted(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    failure = stop_in_the_middle(
        installation, proxy, made, lambda: halt(installation, "wrong offer")
    )
    assert "all sending: is halted" in str(failure)
    other = plan(installation, "mailhouse")
    approve(installation, other)
    for stopped in (made, other):
        with pytest.raises(PolicyRefusedError, match="is halted"):
            apply_plan(installation.context(), stopped.plan_id)
    assert not mailed(sandbox)
    resume_all(installation.context(CHECKER), "offer corrected")
    with pytest.raises(UsageError, match="is not halted"):
        resume_all(installation.context(CHECKER), "again")
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.confirmed, summary.is_reconciled) == (12, True)
    # What was confirmed before the halt was not sent again.
    assert len(proxy.bodies(UPSERT)) == 3
    told = [entry["body"] for entry in entries(installation, "config.changed")]
    assert told == [
        {"reason": "wrong offer", "sending": "halted"},
        {"reason": "offer corrected", "sending": "resumed"},
    ]


def damage(installation: Installation) -> None:
    (changes,) = installation.settings.consent_journal.glob("*.parquet")
    data = changes.read_bytes()
    changes.write_bytes(data[:-1])
    index = installation.settings.consent_journal / "INDEX"
    index.write_bytes(index.read_bytes())


def test_a_damaged_journal_stops_the_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    failure = stop_in_the_middle(installation, proxy, made, lambda: damage(installation))
    assert isinstance(failure, IntegrityError)
    assert failure.subject.endswith(".parquet")


def test_a_journal_that_grows_stale_stops_the_run(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    clock = installation.clock
    assert isinstance(clock, TickingClock)

    def days_later() -> None:
        clock.at += timedelta(hours=48)

    failure = stop_in_the_middle(installation, proxy, made, days_later)
    assert "the consent journal: was last written" in str(failure)


def test_a_run_that_may_not_go_on_is_given_up_and_the_next_plan_mends_it(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation, 16)
    proxy.when(ADD, 2, lambda: revoke(installation, made))
    with pytest.raises(PolicyRefusedError, match="was revoked"):
        apply_plan(installation.context(), made.plan_id)
    order = in_order(16)
    assert listed(sandbox) == members(*order[:8])
    # A smaller audience: whoever is on the list and not in it has to come off.
    publish(installation, 16, audience=f"n not in ({order[0]}, {order[5]}, {order[9]})")
    smaller = plan(installation)
    approve(installation, smaller)
    with pytest.raises(ConflictError, match="tellerline abandon"):
        apply_plan(installation.context(), smaller.plan_id)
    summary = abandon_plan(installation.context(), made.plan_id, "approval revoked")
    assert (summary.confirmed, summary.unknown) == (8, 8)
    (finished,) = entries(installation, "run.finished")
    assert finished["body"]["abandoned"] == "approval revoked"
    with pytest.raises(UsageError, match="has no unfinished run"):
        abandon_plan(installation.context(), made.plan_id, "again")
    after = send(installation)
    assert (after.remove, after.add, after.unchanged) == (3, 7, 6)
    assert (after.unknown, after.is_reconciled) == (0, True)
    assert listed(sandbox) == members(*range(1, 17)) - members(order[0], order[5], order[9])
    assert_ledger_is_sound(installation)


def test_a_run_given_up_before_anything_left_leaves_nobody_behind(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    made = prepare(installation)
    sandbox.set_faults({"effect": "http_503", "path": "lists"})
    with pytest.raises(RetryableError):
        apply_plan(installation.context(), made.plan_id)
    sandbox.clear_faults()
    summary = abandon_plan(installation.context(), made.plan_id, "portal moved")
    assert summary.unknown == 12
    publish(installation, 20, audience="n > 8")
    grant_more(installation)
    after = send(installation)
    assert (after.remove, after.add, after.unknown) == (8, 12, 0)
    assert listed(sandbox) == members(*range(9, 21))


def grant_more(installation: Installation) -> None:
    append_consents(
        installation,
        "more",
        "select n, 'email' as channel, 'grant' as action, timestamp '2026-01-01' as effective_at "
        "from range(13, 21) as t(n)",
    )


def test_a_fault_and_a_withdrawal_at_once_are_both_survived(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    gone = in_order(12)[2]
    sandbox.set_faults({"effect": "http_503", "path": UPSERT, "nth": [1, 2]})
    proxy.when(UPSERT, 1, lambda: withdraw(installation, [gone]))
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.confirmed, summary.excluded) == (11, {"consent_withdrawn": 1})
    assert member(gone) not in contacts(sandbox)


def test_the_routine_refresh_goes_on_where_a_halt_stopped_it(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    made = prepare(installation)
    stop_in_the_middle(installation, proxy, made, lambda: halt(installation, "lunch"))
    resume_all(installation.context(), "lunch is over")
    summary = sync(installation.context(), SEGMENT, "hubspot")
    assert (summary.add, summary.unchanged) == (0, 12)
    assert listed(sandbox) == members(*range(1, 13))
    assert set(record_bodies(sandbox)) == recorded_bodies(installation)
