"""No address, name, phone or account number is anywhere but in what was published and sent."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from activation.delivery.abandoning import abandon_plan
from activation.delivery.replay import replay_run
from activation.delivery.run import apply_plan
from activation.delivery.sync import sync
from activation.forgetting import forget_member
from activation.listing import catalogue
from activation.reconciliation import reconcile_all
from activation.tracing import trace_member
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import TellerlineError
from tellerline.scratch import scratch_database
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
from tests.activation.observations import contacts, files_below, mailed

# Every identifier of every member holds one of these words.
CANARIES = (
    "canaryfirst",
    "canarylast",
    "canary-street",
    "canaryville",
    "canary.example",
    "5550177",
)
ACCOUNT = "4532015112830366"
# A hash without a key is as good as the address to whoever can guess it.
HASHES = tuple(hashlib.sha256(f"member{n}@canary.example".encode()).hexdigest() for n in (1, 7))
IDENTITIES = {
    "identities": "select member_id, 'email' as identifier_kind, 'member' || n || "
    "'@canary.example' as identifier_value, true as is_valid, 'core' as resolution_rule, "
    "'feed' as evidence from people union all select member_id, 'phone', '+1512' || '5550177', "
    "true, 'core', 'feed' from people union all select member_id, 'postal_address', "
    "to_json({'first_name': 'Canaryfirst' || n, 'last_name': 'Canarylast' || n, "
    "'street_address': n || ' Canary-Street', 'city': 'Canaryville', 'state': 'TX', "
    "'postal_code': '78701'})::varchar, true, 'core', 'feed' from people"
}


def texts_of(path: Path) -> Iterator[str]:
    """Yield the bytes of a file as text and, of a Parquet file, every value in it."""
    yield path.read_bytes().decode("latin-1")
    if path.suffix == ".parquet":
        with scratch_database() as connection:
            rows = connection.execute("select * from read_parquet(?)", [str(path)]).fetchall()
        yield json.dumps(rows, default=str, ensure_ascii=False)


def search(text: str, where: str) -> None:
    lowered = text.casefold()
    hits = [word for word in (*CANARIES, *HASHES, ACCOUNT) if word in lowered]
    assert not hits, f"{where} holds {hits}"


def search_everything(installation: Installation) -> int:
    """Search every file of the installation but what was published; return how many there are."""
    published = installation.settings.published
    searched = 0
    for folder in (installation.settings.home, installation.settings.governance):
        for path in files_below(folder):
            if published not in path.parents:
                searched += 1
                for text in texts_of(path):
                    search(text, str(path))
    return searched


def test_the_canaries_are_in_what_was_published_and_sent(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, tables=IDENTITIES)
    grant_all(installation, 12)
    send(installation)
    send(installation, "mailhouse")
    assert contacts(sandbox)[member(1)]["email"] == "member1@canary.example"
    assert mailed(sandbox)[member(1)]["first_name"] == "Canaryfirst1"
    (path,) = installation.settings.published.glob("*/identities.parquet")
    with pytest.raises(AssertionError, match="holds"):
        search("".join(texts_of(path)), "published")


def test_nothing_else_holds_a_canary(
    installation: Installation,
    sandbox: SandboxProcess,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = []
    write_register(
        installation,
        hubspot={"limits": {"records_per_batch": 4}},
        mailhouse={"options": {"wait_seconds": 5}},
    )
    publish(installation, 40, tables=IDENTITIES)
    grant_all(installation, 40)
    # Days that go well, and days that do not.
    sandbox.set_faults(
        {"effect": "partial_reject", "path": "upsert", "every": 3, "times": 2},
        {"effect": "truncated_json", "path": "upsert", "nth": 4},
        {"effect": "body_200_with_errors", "path": "memberships", "nth": 2},
        {"effect": "partial_reject", "method": "DROP", "first": 2},
    )
    said += [send(installation, name).to_document() for name in ("hubspot", "mailhouse")]
    sandbox.clear_faults()
    for fault in (
        {"effect": "http_503"},
        {"effect": "html_200"},
        {"effect": "redirect"},
        {"effect": "http_status", "status": 401},
        {"effect": "http_status", "status": 400},
        {"effect": "drop_after_apply"},
    ):
        publish(installation, 40, tables=IDENTITIES, attributes=f"'{len(said)}'")
        made = plan(installation)
        approve(installation, made)
        sandbox.set_faults({"path": "batch/", **fault})
        try:
            said.append(apply_plan(installation.context(), made.plan_id).to_document())
        except TellerlineError as error:
            said += [str(error), repr(error), repr(error.args), repr(error.__cause__)]
            sandbox.clear_faults()
            said.append(abandon_plan(installation.context(), made.plan_id, "a drill").to_document())
        sandbox.clear_faults()
    withdraw(installation, [1, 2, 3])
    publish(installation, 40, tables=IDENTITIES)
    finished = send(installation)
    said += [
        finished.to_document(),
        [result.to_document() for result in reconcile_all(installation.context())],
        trace_member(installation.context(), member(1)),
        trace_member(installation.context(), member(7)),
        catalogue(installation.context()),
        [(b.batch_id, b.is_equal) for b in replay_run(installation.context(), finished.run_id)],
        repr(installation.settings),
        forget_member(installation.context(), member(7), "DSR-1"),
    ]
    for number, text in enumerate(said):
        search(json.dumps(text, default=str), f"message {number}")
    captured = capfd.readouterr()
    search(captured.out + captured.err + caplog.text, "standard output or the log")
    assert search_everything(installation) > 100


def test_an_account_number_is_in_no_plan_no_error_and_no_request(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, attributes=f"if(n = 3, '{ACCOUNT}', 'x')")
    grant_all(installation, 12)
    for destination in ("hubspot", "mailhouse"):
        with pytest.raises(TellerlineError, match="GLBA-1") as caught:
            sync(installation.context(), SEGMENT, destination)
        search(str(caught.value), "the error")
        search(json.dumps(plan(installation, destination).document), "the plan")
    assert not sandbox.show("requests")["log"]
    assert not mailed(sandbox)
    search_everything(installation)


def test_a_secret_is_in_no_message(installation: Installation, sandbox: SandboxProcess) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    sandbox.set_faults({"effect": "http_status", "status": 401, "path": "crm"})
    with pytest.raises(TellerlineError) as caught:
        send(installation)
    assert sandbox.token not in str(caught.value) + repr(caught.value)
    assert sandbox.token not in repr(installation.settings) + repr(installation.context())
    for path in files_below(installation.settings.home):
        assert sandbox.token.encode() not in path.read_bytes()
