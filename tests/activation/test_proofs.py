"""Afterwards: payloads rendered again, a member's story told, a member forgotten."""

from __future__ import annotations

import pytest

from activation.delivery.replay import replay_run
from activation.delivery.run import apply_plan
from activation.delivery.sync import send_plan
from activation.forgetting import forget_member
from activation.listing import list_outcome_files
from activation.reconciliation import reconcile_all
from activation.tracing import trace_member
from sandbox.destinations.process import SandboxProcess
from tellerline.canonical import sha256_hex
from tellerline.errors import IntegrityError, RetryableError, UsageError
from tellerline.scratch import scratch_database
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
    contacts,
    entries,
    listed,
    mailed,
    record_bodies,
)
from tests.activation.proxy import Proxy


def replayed(installation: Installation, run_id: str) -> list[str]:
    """Return the hash of each payload rendered again, which must be the recorded one."""
    found = list(replay_run(installation.context(), run_id))
    assert all(batch.is_equal for batch in found)
    assert all(sha256_hex(batch.payload) == batch.rendered_sha256 for batch in found)
    return [batch.rendered_sha256 for batch in found]


def test_a_run_is_rendered_again_byte_for_byte(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    write_register(installation, hubspot={"limits": {"records_per_batch": 8, "concurrency": 1}})
    publish(installation, 24)
    grant_all(installation, 24)
    made = plan(installation)
    approve(installation, made)
    # A split, a withheld row, a fault that outlasts the process, and a second process.
    gone = sorted(range(1, 25), key=member)[20]
    sandbox.set_faults(
        {"effect": "http_status", "status": 400, "path": "upsert", "nth": [1, 4]},
        {"effect": "http_503", "path": "upsert", "nth": [7, 8, 9, 10]},
    )
    proxy.when("upsert", 3, lambda: withdraw(installation, [gone]))
    with pytest.raises(RetryableError):
        apply_plan(installation.context(), made.plan_id)
    summary = apply_plan(installation.context(), made.plan_id)
    assert summary.excluded == {"consent_withdrawn": 1}
    again = replayed(installation, summary.run_id)
    assert set(again) <= set(record_bodies(sandbox))
    by_hash = {sha256_hex(seen.body): seen.body for seen in proxy.seen}
    payloads = {
        b.rendered_sha256: b.payload for b in replay_run(installation.context(), summary.run_id)
    }
    assert all(by_hash[key] == payload for key, payload in payloads.items())
    # It stays so when the world has moved on.
    publish(installation, 24, attributes="'other'")
    send(installation)
    assert replayed(installation, summary.run_id) == again


def test_a_file_is_rendered_again_byte_for_byte(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    summary = send(installation, "mailhouse")
    (batch,) = replay_run(installation.context(), summary.run_id)
    assert sandbox.drop is not None
    (path,) = sandbox.drop.glob(f"*{summary.run_id.lower()}*.csv")
    assert path.read_bytes() == batch.payload


def test_a_changed_source_is_noticed_when_rendering_again(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    summary = send(installation)
    (path,) = installation.settings.published.glob("*/identities.parquet")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"identities\.parquet"):
        list(replay_run(installation.context(), summary.run_id))
    with pytest.raises(UsageError, match="is unknown"):
        list(replay_run(installation.context(), "01XXXXXXXXXXXXXXXXXXXXXXXX"))


def test_a_members_story_goes_from_consent_to_the_answer_with_proof(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    first = send(installation)
    withdraw(installation, [3])
    publish(installation, 12)
    second = send(installation)
    story = trace_member(installation.context(), member(3))
    assert [(e["channel"], e["action"]) for e in story["consent"] if e["channel"] == "email"] == [
        ("email", "grant"),
        ("email", "withdraw"),
    ]
    assert story["segments"][0]["reason"] == "has not come for months"
    assert [
        (c["run"], c["row"]["operation"], c["row"]["excluded_reason"], c["delivery"]["outcome"])
        for c in story["story"]
    ] == [
        (first.run_id, "add", None, "confirmed"),
        (second.run_id, "remove", "consent_withdrawn", "confirmed"),
    ]  # fmt: skip
    for chapter in story["story"]:
        proof = chapter["delivery"]["ledger"]
        assert proof["verified"], proof
        assert proof["record"]["outcome"] == "confirmed"
    assert [
        c["run"]
        for c in trace_member(installation.context(), member(3), run_id=second.run_id)["story"]
    ] == [second.run_id]
    assert not trace_member(installation.context(), member(3), segment_id="another")["story"]


def test_the_story_of_an_excluded_member_says_why(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 13, tables={
        "suppressions": "select member_id, 'all' as channel, 'deceased' as suppression_reason, "
        "date '2026-01-01' as since_date from people where n = 5"
    })  # fmt: skip
    grant_all(installation, 13)
    send(installation)
    (chapter,) = trace_member(installation.context(), member(5))["story"]
    assert (chapter["row"]["operation"], chapter["row"]["excluded_reason"]) == (
        "excluded", "suppressed_deceased",
    )  # fmt: skip
    assert chapter["delivery"] is None
    stranger = trace_member(installation.context(), member(99))
    assert not stranger["story"]
    assert not stranger["segments"]


def test_a_forgotten_member_is_gone_everywhere_and_the_ledger_still_verifies(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    first = send(installation)
    send(installation, "mailhouse")
    result = forget_member(installation.context(), member(3), "DSR-1")
    receipts = {receipt["destination"]: receipt for receipt in result["receipts"]}
    assert receipts["hubspot"] == {"destination": "hubspot", "erased": 1, "problem": ""}
    # A mail house cannot prove an erasure: it must be asked.
    assert "cannot erase 1 members by file" in receipts["mailhouse"]["problem"]
    assert not result["complete"]
    assert member(3) not in contacts(sandbox)
    assert member(3) not in listed(sandbox)
    (entry,) = entries(installation, "subject.erased")
    assert entry["body"] == {"request": "DSR-1"}
    (chapter,) = trace_member(installation.context(), member(3), run_id=first.run_id)["story"]
    assert not chapter["delivery"]["ledger"]["verified"]
    verified = trace_member(installation.context(), member(4), run_id=first.run_id)["story"]
    assert verified[0]["delivery"]["ledger"]["verified"]
    # Once more changes nothing, and is told once.
    assert forget_member(installation.context(), member(3), "DSR-1")["receipts"][0]["erased"] == 0
    assert len(entries(installation, "subject.erased")) == 1


def test_a_forgotten_member_is_not_sent_again(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    send(installation)
    # Planned and approved before the request came in.
    publish(installation, 12, attributes="'changed'")
    made = plan(installation)
    approve(installation, made)
    forget_member(installation.context(), member(3), "DSR-1")
    summary = send_plan(installation.context(), made)
    assert (summary.update, summary.excluded) == (11, {"consent_withdrawn": 1})
    assert member(3) not in contacts(sandbox)
    publish(installation, 12, attributes="'changed'")
    again = send(installation)
    assert (again.remove, again.excluded, again.confirmed) == (1, {"no_consent_record": 1}, 1)
    assert member(3) not in contacts(sandbox)
    assert again.is_reconciled
    assert_ledger_is_sound(installation)


def test_a_contact_that_left_the_list_long_ago_is_forgotten_too(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    grant_all(installation, 13)
    publish(installation, 13)
    send(installation)
    publish(installation, 13, audience="n <> 3")
    send(installation)
    assert member(3) in contacts(sandbox)
    result = forget_member(installation.context(), member(3), "DSR-1")
    assert (result["complete"], result["receipts"][0]["erased"]) == (True, 1)
    assert member(3) not in contacts(sandbox)


def test_nobody_is_asked_about_a_member_who_was_never_sent(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 13, audience="n <> 13")
    grant_all(installation, 12)
    send(installation)
    result = forget_member(installation.context(), member(13), "DSR-2")
    assert result["complete"]
    assert not result["receipts"]


def test_a_member_whom_nothing_names_is_erased_only_when_that_is_meant(
    installation: Installation,
) -> None:
    for unknown in (member(99), "nobody"):
        with pytest.raises(UsageError, match="is named by no record") as caught:
            forget_member(installation.context(), unknown, "DSR-1")
        assert unknown not in str(caught.value)
    publish(installation, 12)
    grant_all(installation, 14)
    with pytest.raises(UsageError, match="is named by no record"):
        forget_member(installation.context(), member(99), "DSR-1")
    assert not entries(installation, "subject.erased")
    # Known from a consent alone, then from the published data.
    for known in (13, 3):
        assert forget_member(installation.context(), member(known), f"DSR-{known}")["complete"]
    assert forget_member(installation.context(), member(99), "DSR-1", even_if_unknown=True)
    # Erased before: asked again, it is known.
    assert forget_member(installation.context(), member(99), "DSR-1")["complete"]
    assert len(entries(installation, "subject.erased")) == 3


def test_a_destination_that_does_not_answer_is_asked_again_next_time(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    send(installation)
    sandbox.set_faults({"effect": "http_503", "path": "gdpr-delete"})
    result = forget_member(installation.context(), member(3), "DSR-1")
    assert not result["complete"]
    assert "answered 503" in result["receipts"][0]["problem"]
    sandbox.clear_faults()
    result = forget_member(installation.context(), member(3), "DSR-1")
    assert (result["complete"], result["receipts"][0]["erased"]) == (True, 1)


def test_reconciliation_agrees_where_nothing_differs(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 300)
    grant_all(installation, 300)
    send(installation)
    send(installation, "mailhouse")
    results = {result.destination: result for result in reconcile_all(installation.context())}
    assert (results["hubspot"].recorded, results["hubspot"].counted) == (300, 300)
    assert (results["hubspot"].missing, results["hubspot"].extra) == (0, 0)
    assert (results["mailhouse"].counted, results["mailhouse"].missing) == (300, None)
    assert all(result.agrees for result in results.values())
    assert len(mailed(sandbox)) == 300


def test_outcomes_of_a_run_are_there_for_the_warehouse(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    sandbox.set_faults({"effect": "partial_reject", "path": "upsert", "ids": [member(2)]})
    summary = send(installation)
    ((run_id, path, sha256),) = list_outcome_files(installation.context())
    assert run_id == summary.run_id
    assert sha256_hex(path.read_bytes()) == sha256
    with scratch_database() as connection:
        rows = connection.execute(
            "select outcome, count(*) from read_parquet(?) group by all order by all", [str(path)]
        ).fetchall()
    assert rows == [("confirmed", 11), ("rejected", 1)]
