"""Approvals: two people, over these bytes, now."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activation.approvals.check import approval_uses
from activation.approvals.desk import approval_files, ask_approval, decide
from activation.approvals.request import (
    DECISION_NAMESPACE,
    REQUEST_NAMESPACE,
    Decision,
    Envelope,
    Request,
    make_request,
)
from activation.delivery.run import apply_plan
from activation.delivery.sync import sync
from activation.governance.people import Role
from activation.governance.signatures import sign
from activation.plan.document import Plan
from sandbox.destinations.process import SandboxProcess
from tellerline.clock import new_id, timestamp
from tellerline.errors import (
    ConfigurationError,
    CredentialsError,
    IntegrityError,
    PolicyRefusedError,
    TellerlineError,
    UsageError,
)
from tests.activation.installation import (
    CHECKER,
    MAKER,
    OTHER,
    SEGMENT,
    START,
    Installation,
    TickingClock,
    add_key,
    approve,
    grant_all,
    key_pair,
    plan,
    publish,
    send,
    write_register,
)
from tests.activation.observations import assert_ledger_is_sound, calls, entries

WEEK = timedelta(days=7)


@pytest.fixture
def made(installation: Installation) -> Plan:
    """A plan of twelve members."""
    publish(installation, 12)
    grant_all(installation, 12)
    return plan(installation)


def ask(installation: Installation, made: Plan, person: str = MAKER, **options: Any) -> Request:
    options = {"valid_for": WEEK, **options}
    return ask_approval(installation.context(person), made, installation.keys[person], **options)


def say(
    installation: Installation, request: Request, decision: Any = "approve", person: str = CHECKER
) -> Decision:
    key = installation.keys[person]
    return decide(installation.context(person), request.request_id, key, decision, "seen")


def folder_of(installation: Installation, request: Request) -> Path:
    return installation.settings.governance / "approvals" / request.request_id


def refused(installation: Installation, made: Plan, problem: str) -> TellerlineError:
    """Check that the plan cannot be sent and return why."""
    with pytest.raises(TellerlineError, match=problem) as caught:
        apply_plan(installation.context(), made.plan_id)
    assert not entries(installation, "run.started")
    # Without the frames that hold databases open.
    return caught.value.with_traceback(None)


def forge(installation: Installation, request: Request, key: str, **changes: Any) -> Path:
    """Write a decision by hand, as someone with a text editor and a key could."""
    data = (folder_of(installation, request) / "request.json").read_bytes()
    document = {
        "decision": "approve",
        "decided_by": CHECKER,
        "decided_at": timestamp(installation.clock.now()),
        "decision_id": new_id(installation.clock),
        "request_id": request.request_id,
        "request_sha256": subprocess.run(
            ["sha256sum"], input=data, capture_output=True, check=True
        ).stdout.split()[0].decode(),
        **changes,
    }  # fmt: skip
    signed = Decision.model_validate(document).to_bytes()
    name = f"decision-{document['decision_id']}-{document['decision']}.json"
    path = folder_of(installation, request) / name
    path.write_bytes(signed)
    signature = sign(signed, installation.keys[key], DECISION_NAMESPACE)
    path.with_name(f"{name}.sig").write_bytes(signature)
    return path


def test_an_approval_by_somebody_else_lets_the_plan_go(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    request = ask(installation, made)
    refused(installation, made, "still needs marketing_approver")
    say(installation, request)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12
    (started,) = entries(installation, "run.started")
    assert started["body"]["requested_by"] == MAKER
    assert started["body"]["approved_by"] == [CHECKER]
    assert [e["type"] for e in entries(installation) if e["type"].startswith("approval")] == [
        "approval.requested", "approval.granted",
    ]  # fmt: skip
    assert_ledger_is_sound(installation)


def test_anybody_can_verify_a_decision_with_openssh_alone(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    say(installation, request)
    (path,) = folder_of(installation, request).glob("decision-*.json")
    result = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", installation.settings.governance / "allowed_signers",
         "-I", CHECKER, "-n", "decision@tellerline", "-s", f"{path}.sig"],
        input=path.read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_nobody_approves_what_they_asked_for(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    with pytest.raises(PolicyRefusedError, match="who cannot approve it too") as caught:
        say(installation, request, person=MAKER)
    assert caught.value.exit_code == 3
    # The attempt is on record.
    (denied,) = entries(installation, "approval.denied")
    assert denied["body"] == {
        "by": MAKER, "reason": "may not approve", "request": request.request_id,
    }  # fmt: skip
    refused(installation, made, "still needs")


def test_a_second_key_of_the_same_person_is_the_same_person(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    installation.keys["second"] = add_key(installation, MAKER, "second")
    with pytest.raises(PolicyRefusedError, match="who cannot approve it too"):
        decide(
            installation.context(MAKER), request.request_id, installation.keys["second"], "approve"
        )
    # By hand, past the command: the check before sending refuses it all the same.
    forge(installation, request, "second", decided_by=MAKER)
    refused(installation, made, "who cannot approve it too")


def test_a_key_of_two_people_is_nobodys(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    installation.keys["shared"] = add_key(installation, CHECKER, MAKER)
    forge(installation, request, "shared")
    refused(installation, made, f"lists one key under {CHECKER} and {MAKER}")
    with pytest.raises(ConfigurationError, match="lists one key under"):
        say(installation, request)


def test_another_persons_name_over_my_signature_is_refused_and_not_told_as_theirs(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    path = forge(installation, request, OTHER)
    failure = refused(installation, made, f"not {re.escape(CHECKER)}'s")
    assert path.name in failure.subject
    assert not entries(installation, "approval.granted")


@pytest.mark.parametrize("person", [OTHER, MAKER])
def test_only_the_roles_asked_for_approve(
    installation: Installation, made: Plan, person: str
) -> None:
    request = ask(installation, made)
    with pytest.raises(PolicyRefusedError, match=r"cannot be approved|cannot approve"):
        say(installation, request, person=person)


def test_only_makers_ask(installation: Installation, made: Plan) -> None:
    with pytest.raises(PolicyRefusedError, match="has not the role segment_maker"):
        ask(installation, made, CHECKER)


def test_people_outside_roles_do_not_count(installation: Installation, made: Plan) -> None:
    installation.keys["stranger@bank.example"] = add_key(
        installation, "stranger@bank.example", "stranger@bank.example"
    )
    with pytest.raises(PolicyRefusedError, match=r"is not in roles\.yml"):
        ask(installation, made, "stranger@bank.example")
    request = ask(installation, made)
    with pytest.raises(PolicyRefusedError, match=r"who is not in roles\.yml"):
        say(installation, request, person="stranger@bank.example")


def test_keys_outside_allowed_signers_do_not_sign(installation: Installation, made: Plan) -> None:
    path = installation.settings.governance.parent / "unlisted"
    path.write_bytes(key_pair("unlisted")[0])
    path.chmod(0o600)
    with pytest.raises(PolicyRefusedError, match="belongs to nobody"):
        ask_approval(installation.context(), made, path, valid_for=WEEK)
    with pytest.raises(CredentialsError, match="could not sign"):
        ask_approval(installation.context(), made, path.with_name("absent"), valid_for=WEEK)


def test_a_role_must_be_held_when_signing_and_when_sending(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    say(installation, request)
    roles = installation.settings.governance / "roles.yml"
    text = roles.read_text()
    roles.write_text(
        text.replace("[marketing_approver, compliance_approver, credit_approver]", "[]")
    )
    refused(installation, made, "who holds none of its roles")
    roles.write_text(text.replace("[segment_maker, marketing_approver]", "[marketing_approver]"))
    refused(installation, made, "has not the role segment_maker")
    roles.write_text(text)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


@pytest.mark.parametrize("person", [MAKER, CHECKER])
def test_a_key_withdrawn_since_counts_no_more(
    installation: Installation, made: Plan, person: str
) -> None:
    approve(installation, made)
    signers = installation.settings.governance / "allowed_signers"
    assert isinstance(installation.clock, TickingClock)
    moment = (installation.clock.at + timedelta(minutes=1)).strftime("%Y%m%d%H%M%SZ")
    signers.write_text(
        signers.read_text().replace(f"{person} ", f'{person} valid-before="{moment}" ')
    )
    installation.clock.at += timedelta(minutes=2)
    refused(installation, made, f"not {re.escape(person)}'s")


def test_a_key_not_valid_yet_signs_nothing(installation: Installation, made: Plan) -> None:
    name = "young"
    installation.keys[name] = add_key(installation, CHECKER, name, 'valid-after="20270101Z"')
    request = ask(installation, made)
    with pytest.raises(PolicyRefusedError, match="belongs to nobody"):
        say(installation, request, person=name)
    forge(installation, request, name)
    refused(installation, made, "is signed with a key that is not")


def test_a_request_ends(installation: Installation, made: Plan) -> None:
    request = ask(installation, made, valid_for=timedelta(hours=1))
    assert isinstance(installation.clock, TickingClock)
    installation.clock.at += timedelta(hours=1)
    with pytest.raises(PolicyRefusedError, match="ended at"):
        say(installation, request)
    refused(installation, made, "ended at")


def test_an_approval_ends_with_its_request(installation: Installation, made: Plan) -> None:
    request = ask(installation, made, valid_for=timedelta(hours=1))
    say(installation, request)
    assert isinstance(installation.clock, TickingClock)
    installation.clock.at += timedelta(hours=1)
    refused(installation, made, f"ended at {request.not_after}")


@pytest.mark.parametrize("decision", ["reject", "revoke"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_one_no_outweighs_every_yes(
    installation: Installation, made: Plan, decision: str, order: str
) -> None:
    request = ask(installation, made)
    for word in [decision, "approve"] if order == "before" else ["approve", decision]:
        say(installation, request, word)
    refused(installation, made, f"was {decision}".removesuffix("e") + "ed")
    kind = {"reject": "approval.denied", "revoke": "approval.revoked"}[decision]
    assert len(entries(installation, kind)) == 1


def test_the_maker_may_take_a_request_back(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    say(installation, request)
    say(installation, request, "revoke", MAKER)
    refused(installation, made, "was revoked")


def test_others_may_not(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    with pytest.raises(PolicyRefusedError, match="who holds none of its roles"):
        say(installation, request, "revoke", OTHER)


def test_a_lost_rejection_is_no_approval(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    say(installation, request)
    say(installation, request, "reject")
    for path in folder_of(installation, request).glob("decision-*-reject.json*"):
        path.unlink()
    failure = refused(installation, made, "is gone or has other content")
    assert failure.subject.endswith("-reject.json")
    assert isinstance(failure, IntegrityError)


def test_a_new_request_may_follow_a_rejected_one(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    say(installation, ask(installation, made), "reject")
    say(installation, ask(installation, made))
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


def test_an_approval_is_for_one_plan(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    approve(installation, made)
    other = plan(installation)
    refused(installation, other, "approves another plan")
    # One member more is another plan.
    publish(installation, 13)
    refused(installation, plan(installation), "approves another plan")
    assert not calls(sandbox)


def test_an_approval_is_for_one_run(installation: Installation, made: Plan) -> None:
    request = ask(installation, made)
    say(installation, request)
    with installation.state.transaction() as connection:
        connection.execute(approval_uses.insert().values(request_id=request.request_id, run_id="X"))
    refused(installation, made, "was used by another run")


def changed(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("pattern", ["request.json", "request.json.sig", "decision-*.json",
                                     "decision-*.json.sig"])  # fmt: skip
def test_no_byte_of_a_signed_file_can_change(
    installation: Installation, made: Plan, sandbox: SandboxProcess, pattern: str
) -> None:
    request = ask(installation, made)
    say(installation, request)
    (path,) = folder_of(installation, request).glob(pattern)
    data = path.read_bytes()
    # In a signature, the armour's own letters and line ends say nothing.
    first = data.index(b"\n") + 1 if pattern.endswith(".sig") else 0
    for position in range(first, len(data) - 40, max(len(data) // 6, 1)):
        path.write_bytes(changed(data, position))
        failure = refused(installation, made, ".")
        assert folder_of(installation, request).name in failure.subject
        assert isinstance(failure, IntegrityError | PolicyRefusedError)
    path.unlink()
    failure = refused(installation, made, "is missing|is gone")
    assert path.name in failure.subject
    assert not calls(sandbox)
    path.write_bytes(data)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


def test_a_signature_for_another_purpose_does_not_serve(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    path = forge(installation, request, CHECKER)
    other = sign(path.read_bytes(), installation.keys[CHECKER], REQUEST_NAMESPACE)
    path.with_name(f"{path.name}.sig").write_bytes(other)
    refused(installation, made, "does not carry a signature")


def test_a_decision_on_another_request_does_not_serve(
    installation: Installation, made: Plan
) -> None:
    first = ask(installation, made)
    say(installation, first)
    second = ask(installation, made)
    for path in folder_of(installation, first).glob("decision-*"):
        (folder_of(installation, second) / path.name).write_bytes(path.read_bytes())
    refused(installation, made, "was signed for other bytes")


def test_a_maker_cannot_write_easier_roles_into_the_request(installation: Installation) -> None:
    installation.facts["credit_related"] = True
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    honest = make_request(made, maker=MAKER, clock=installation.clock, valid_for=WEEK)
    forged = honest.model_copy(update={"roles": (Role.MARKETING_APPROVER,)})
    folder = folder_of(installation, forged)
    folder.mkdir()
    (folder / "request.json").write_bytes(forged.to_bytes())
    signature = sign(forged.to_bytes(), installation.keys[MAKER], REQUEST_NAMESPACE)
    (folder / "request.json.sig").write_bytes(signature)
    # A second approver who has the easy role and not the roles of credit.
    roles = installation.settings.governance / "roles.yml"
    roles.write_text(roles.read_text().replace("[segment_maker]", "[marketing_approver]"))
    say(installation, forged, person=OTHER)
    refused(installation, made, "still needs compliance_approver, credit_approver")


def test_the_database_has_no_say(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    request = ask(installation, made)
    with installation.state.transaction() as connection:
        columns = {
            column["name"] for column in sa.inspect(connection).get_columns("approval_files")
        }
        assert columns == {"sha256", "name"}
        connection.execute(
            approval_files.insert().values(
                sha256="0" * 64, name=f"approvals/{request.request_id}/decision-X-approve.json"
            )
        )
        connection.execute(
            approval_uses.insert().values(request_id=request.request_id, run_id="approved")
        )
    refused(installation, made, "was used by another run|is gone|still needs")
    assert not calls(sandbox)


def test_credit_needs_the_exact_plan_and_both_roles(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    installation.facts["credit_related"] = True
    roles = installation.settings.governance / "roles.yml"
    text = roles.read_text()
    roles.write_text(
        text.replace(
            "[marketing_approver, compliance_approver, credit_approver]", "[compliance_approver]"
        ).replace("[segment_maker]", "[credit_approver]")
    )
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    with pytest.raises(UsageError, match="needs the approval of its exact content"):
        ask(installation, made, envelope=envelope())
    request = ask(installation, made)
    assert request.roles == (Role.COMPLIANCE_APPROVER, Role.CREDIT_APPROVER)
    say(installation, request)
    refused(installation, made, "still needs credit_approver")
    say(installation, request, person=OTHER)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


def envelope(minimum: int = 10, maximum: int = 100, percent: int = 50) -> Envelope:
    return Envelope(
        minimum_members=minimum, maximum_members=maximum, maximum_change_percent=percent
    )


def test_a_new_export_needs_the_exact_plan(installation: Installation, made: Plan) -> None:
    approve(installation, made, envelope())
    refused(installation, made, "is an envelope; the exact plan is needed because it is a new")


def test_an_envelope_lets_routine_refreshes_go(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    approve(installation, made)
    apply_plan(installation.context(), made.plan_id)
    approve(installation, made, envelope())
    grant_all_again(installation, 40)
    for count, adds in ((13, 1), (18, 5)):
        publish(installation, count)
        assert sync(installation.context(), SEGMENT, "hubspot").add == adds
    assert len(entries(installation, "run.finished")) == 3


def grant_all_again(installation: Installation, count: int) -> None:
    from tests.activation.installation import append_consents  # noqa: PLC0415 - used here alone

    append_consents(
        installation,
        "more",
        "select n, 'email' as channel, 'grant' as action, timestamp '2026-01-01' as effective_at "
        f"from range(1, {count + 1}) as t(n)",
    )


OUTSIDE: dict[str, tuple[Envelope, dict[str, Any], str]] = {
    "too many changes": (envelope(percent=8), {}, "allows changes up to 8 %"),
    "too many members": (envelope(maximum=12), {}, "allows 10 to 12 members"),
    "too few members": (envelope(minimum=14), {}, "allows 14 to 100 members"),
    "another version": (envelope(), {"version": "1.1.0"}, "another version of the segment"),
    "another logic": (envelope(), {"fingerprint": "a" * 64}, "another logic of the segment"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_outside_the_envelope_nothing_goes(
    installation: Installation, made: Plan, sandbox: SandboxProcess, case: str
) -> None:
    bounds, publication, problem = OUTSIDE[case]
    send(installation)
    approve(installation, plan(installation), bounds)
    grant_all_again(installation, 40)
    publish(installation, 13, **publication)
    before = calls(sandbox)
    with pytest.raises(PolicyRefusedError, match=problem):
        sync(installation.context(), SEGMENT, "hubspot")
    assert calls(sandbox) == before


def test_at_its_bounds_an_envelope_still_holds(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    send(installation)
    approve(installation, plan(installation), envelope(13, 13, 9))
    grant_all_again(installation, 40)
    publish(installation, 13)
    assert sync(installation.context(), SEGMENT, "hubspot").confirmed == 1


def test_another_mapping_or_purpose_is_outside_every_envelope(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    send(installation)
    approve(installation, plan(installation), envelope(percent=100))
    write_register(
        installation, hubspot={"fields": {"tellerline_copy": {"attribute": "tenure_band"}}}
    )
    with pytest.raises(PolicyRefusedError, match="other settings of the destination"):
        sync(installation.context(), SEGMENT, "hubspot")
    write_register(installation)
    approve(installation, plan(installation), envelope(percent=100))
    installation.facts["destinations"] = {"hubspot": []}
    publish(installation, 12)
    with pytest.raises(PolicyRefusedError, match="other columns"):
        sync(installation.context(), SEGMENT, "hubspot")


def test_an_envelope_is_a_band(installation: Installation) -> None:
    with pytest.raises(ValueError, match="minimum_members is above"):
        envelope(20, 10)


def test_a_request_that_is_only_just_being_written_disturbs_nobody(
    installation: Installation, made: Plan, sandbox: SandboxProcess
) -> None:
    approve(installation, made)
    half = installation.settings.governance / "approvals" / new_id(installation.clock)
    half.mkdir()
    (half / "request.json.sig").write_bytes(b"half")
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


def test_a_request_in_the_folder_of_another_is_refused(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    folder_of(installation, request).rename(
        installation.settings.governance / "approvals" / new_id(installation.clock)
    )
    refused(installation, made, "is in the folder of another request")


DOCUMENTS: dict[str, dict[str, Any]] = {
    "unknown key": {"approved": True},
    "unknown role": {"roles": ["anybody"]},
    "no time": {"requested_at": "yesterday"},
    "no zone": {"not_after": "2026-12-01T00:00:00"},
    "another form": {"v": 2},
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_request_of_another_form_is_refused_by_name(
    installation: Installation, made: Plan, case: str
) -> None:
    request = ask(installation, made)
    path = folder_of(installation, request) / "request.json"
    document = json.loads(path.read_bytes())
    document |= DOCUMENTS[case]
    path.write_bytes(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    assert "request.json" in refused(installation, made, ".").subject


def test_requests_are_found_by_the_start_of_their_id(
    installation: Installation, made: Plan
) -> None:
    request = ask(installation, made)
    for length in (20, 10):
        say(installation, Request.model_construct(request_id=request.request_id[:length]))
    for unknown in ("Z" * 10, "../../../x"):
        with pytest.raises(UsageError, match="fits 0 requests"):
            say(installation, Request.model_construct(request_id=unknown))
    for short in ("", request.request_id[:1], request.request_id[:9]):
        with pytest.raises(UsageError, match="is too short"):
            say(installation, Request.model_construct(request_id=short))
    assert timestamp(START) < request.requested_at
