"""From an approved plan to what the destinations hold."""

from __future__ import annotations

import pytest

from activation.delivery.run import apply_plan
from activation.ledger.log_keys import load_verifier
from activation.ledger.verify import verify_ledger
from activation.plan.planner import make_plan
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import PolicyRefusedError
from tests.activation.installation import (
    SEGMENT,
    Installation,
    approve,
    grant_all,
    publish,
    send,
    withdraw,
)


def members_of_list(sandbox: SandboxProcess) -> set[str]:
    contacts = {
        c["id"]: c["properties"]["tellerline_member_key"]
        for c in sandbox.show("contacts")["results"]
    }
    (listed,) = sandbox.show("lists")["results"]
    return {contacts[record] for record in listed["members"]}


def test_an_approved_audience_arrives(installation: Installation, sandbox: SandboxProcess) -> None:
    publish(installation, 250)
    grant_all(installation, 250)
    summary = send(installation)
    assert (summary.add, summary.confirmed, summary.destination_count) == (250, 250, 250)
    report = verify_ledger(
        installation.settings.ledger, load_verifier(installation.settings), state=installation.state
    )
    assert report.is_sound, report.findings
