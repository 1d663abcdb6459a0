"""Members who share an address: whose withdrawal binds it, who is sent, and who lets go of it."""

from __future__ import annotations

from activation.delivery.replay import replay_run
from activation.delivery.run import apply_plan
from activation.forgetting import forget_member
from activation.ledger.log_keys import load_verifier
from activation.ledger.proofs import prove_record, verify_proof
from activation.reconciliation import reconcile_all
from activation.tracing import trace_member
from sandbox.destinations.process import SandboxProcess
from tests.activation.installation import (
    Installation,
    append_consents,
    approve,
    default_queries,
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
    rows_of,
    unsubscribed,
)
from tests.activation.proxy import Proxy

UPSERT = "batch/upsert"
JOINT = "joint@example.com"
# The same address for members 1 and 2, in two spellings; the others have their own.
SHARED = {
    "identities": default_queries()["identities"].replace(
        "'member' || n || '@example.com'",
        f"case n when 1 then '{JOINT}' when 2 then '{JOINT.upper()}' "
        "else 'member' || n || '@example.com' end",
    )
}
CLOSED = (
    "select member_id, 'all' as channel, 'closed' as suppression_reason, "
    "date '2026-01-01' as since_date from people where n = 1"
)


def reasons(installation: Installation, destination: str = "hubspot") -> dict[str, str | None]:
    """Return why members are not sent, or None, by member."""
    return {row[0]: row[2] for row in rows_of(plan(installation, destination))}


def reopen(installation: Installation, members: list[int], *, audience: str = "true") -> None:
    """Publish members 1 to 12 with those closed."""
    closed = CLOSED.replace("n = 1", f"n in ({', '.join(map(str, members))})")
    publish(installation, 12, audience=audience, tables=SHARED | {"suppressions": closed})


def test_a_withdrawal_in_the_journal_binds_the_address(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    # Whoever of the two withdraws, in the audience or not.
    publish(installation, 12, audience="n <> 1", tables=SHARED)
    grant_all(installation, 12)
    withdraw(installation, [1])
    summary = send(installation)
    assert summary.excluded == {"address_withdrawn": 1}
    assert JOINT not in {properties["email"] for properties in contacts(sandbox).values()}
    (chapter,) = trace_member(installation.context(), member(2))["story"]
    assert chapter["row"]["excluded_reason"] == "address_withdrawn"
    # Whose withdrawal it was can be looked up in turn.
    assert chapter["row"]["claimant_id"] == member(1)
    assert trace_member(installation.context(), member(1))["consent"][-1]["action"] == "withdraw"


def test_a_withdrawal_for_another_purpose_or_channel_does_not(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, audience="n <> 1", tables=SHARED)
    grant_all(installation, 12)
    append_consents(
        installation,
        "elsewhere",
        "select 1 as n, channel, purpose, 'withdraw' as action, timestamp '2026-11-20' as "
        "effective_at from (values ('email', 'credit_offers'), "
        "('direct_mail', 'product_marketing')) as t(channel, purpose)",
    )
    assert reasons(installation)[member(2)] is None


def test_an_erased_member_binds_the_address_and_is_still_a_withdrawal_if_it_was_one(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, tables=SHARED)
    grant_all(installation, 12)
    forget_member(installation.context(), member(1), "DSR-1")
    found = reasons(installation)
    assert (found[member(1)], found[member(2)]) == ("no_consent_record", "address_withdrawn")


def test_a_withdrawal_of_another_claimant_in_the_middle_of_a_run_stops_the_address(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    write_register(installation, hubspot={"limits": {"records_per_batch": 1, "concurrency": 1}})
    # Not the first to be sent; who withdraws has no row in the plan.
    *_, last, other = sorted(range(1, 13), key=member)
    shared = {
        "identities": default_queries()["identities"].replace(
            "'member' || n ||", f"'member' || if(n = {other}, {last}, n) ||"
        )
    }
    publish(installation, 12, audience=f"n <> {other}", tables=shared)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    assert {row[0] for row in rows_of(made)} == {member(n) for n in range(1, 13) if n != other}
    proxy.when(UPSERT, 1, lambda: withdraw(installation, [other]))
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.add, summary.excluded) == (10, {"address_withdrawn": 1})
    assert not any(f"member{last}@".encode() in body for body in proxy.bodies(UPSERT))
    assert member(last) not in contacts(sandbox)
    assert summary.is_reconciled
    # The same bytes again, the story with the reason, and the reason in the ledger's record.
    assert all(batch.is_equal for batch in replay_run(installation.context(), summary.run_id))
    (chapter,) = trace_member(installation.context(), member(last))["story"]
    assert chapter["withheld"]["reason"] == "address_withdrawn"
    assert chapter["row"]["excluded_reason"] is None
    proof = prove_record(
        installation.settings,
        installation.state,
        batch_id=summary.run_id,
        member_id=member(last),
    )
    record = verify_proof(proof, load_verifier(installation.settings)).record
    assert (record["outcome"], record["response"]) == ("suppressed_late", "address_withdrawn")
    (finished,) = entries(installation, "run.finished")
    assert finished["body"]["excluded"] == {"address_withdrawn": 1}
    assert_ledger_is_sound(installation)


def test_a_withdrawal_between_plan_and_send_tells_the_two_reasons_apart(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, audience="n <> 1", tables=SHARED)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    withdraw(installation, [1, 5])
    summary = apply_plan(installation.context(), made.plan_id)
    assert summary.excluded == {"address_withdrawn": 1, "consent_withdrawn": 1}
    assert (summary.add, summary.confirmed) == (9, 9)
    assert not {member(2), member(5)} & set(contacts(sandbox))


def test_who_is_held_is_removed_and_the_address_unsubscribed_when_the_other_withdraws(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, audience="n <> 1", tables=SHARED)
    grant_all(installation, 12)
    send(installation)
    assert member(2) in listed(sandbox)
    withdraw(installation, [1])
    summary = send(installation)
    assert (summary.remove, summary.excluded) == (1, {"address_withdrawn": 1})
    assert member(2) not in listed(sandbox)
    assert unsubscribed(sandbox) == {JOINT}
    assert all(found.agrees for found in reconcile_all(installation.context()))


def test_an_address_passes_to_the_next_claimant_when_its_holder_is_suppressed(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    old, new = sorted((1, 2), key=member)
    # One person under an old and a new number: first the old one alone is in the audience.
    grant_all(installation, 12)
    publish(installation, 12, audience=f"n <> {new}", tables=SHARED)
    send(installation)
    assert contacts(sandbox)[member(old)]["email"] == JOINT
    # The old one is closed and gone; the new one is sent the same day, or much later.
    reopen(installation, [old], audience="n not in (1, 2)")
    summary = send(installation)
    assert (summary.remove, summary.confirmed) == (1, 1)
    assert "email" not in contacts(sandbox)[member(old)]
    assert all(batch.is_equal for batch in replay_run(installation.context(), summary.run_id))
    reopen(installation, [old], audience=f"n <> {old}")
    summary = send(installation)
    assert (summary.add, summary.confirmed, summary.is_complete) == (1, 1, True)
    assert contacts(sandbox)[member(new)]["email"] == JOINT
    # And back, in one run.
    reopen(installation, [new])
    summary = send(installation)
    assert (summary.add, summary.remove, summary.confirmed) == (1, 1, 2)
    assert contacts(sandbox)[member(old)]["email"] == JOINT
    assert listed(sandbox) == {member(n) for n in range(1, 13) if n != new}
    assert not unsubscribed(sandbox)
    assert_ledger_is_sound(installation)
    assert all(found.agrees for found in reconcile_all(installation.context()))


def test_who_only_left_the_segment_keeps_the_address_that_another_list_may_need(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    first, second = sorted((1, 2), key=member)
    grant_all(installation, 12)
    publish(installation, 12, audience=f"n <> {second}", tables=SHARED)
    send(installation)
    publish(installation, 12, audience="n > 2", tables=SHARED)
    assert send(installation).remove == 1
    assert contacts(sandbox)[member(first)]["email"] == JOINT


def test_a_letter_is_bound_to_name_and_address_and_not_to_the_house(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    queries = default_queries()["identities"]
    # 1 and 2 have one name at one address; 3 has the address under another name.
    same = queries.replace("'First' || n", "'First' || if(n <= 2, 1, n)")
    same = same.replace("""'Last, "' || n""", """'Last, "' || if(n <= 2, 1, n)""")
    same = same.replace("n || ' Elm St'", "if(n <= 3, 1, n) || ' Elm St'")
    publish(installation, 12, tables={"identities": same})
    grant_all(installation, 12)
    append_consents(
        installation,
        "no letters",
        "select 1 as n, 'direct_mail' as channel, 'withdraw' as action, "
        "timestamp '2026-11-20' as effective_at",
    )
    summary = send(installation, "mailhouse")
    assert summary.excluded == {"address_withdrawn": 1, "consent_withdrawn": 1}
    assert set(mailed(sandbox)) == {member(n) for n in range(3, 13)}
