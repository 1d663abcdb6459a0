"""Consent fails closed: no plan and no batch while a consent file is not loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activation.delivery.run import apply_plan
from activation.delivery.tables import runs
from activation.forgetting import forget_member
from sandbox.destinations.process import SandboxProcess
from tellerline.consent_journal import CONSENT_FEED
from tellerline.errors import PolicyRefusedError
from tellerline.receipt_book import (
    DISCARDED,
    DUPLICATE,
    LOADED,
    QUARANTINED,
    RECEIVED,
    STOPPED,
    receipts,
)
from tests.activation.installation import (
    Installation,
    approve,
    grant_all,
    member,
    plan,
    publish,
    send,
    write_register,
)
from tests.activation.observations import calls, entries, listed
from tests.activation.proxy import Proxy

NAME = "consent_changes_20261119.csv"
HELD = {
    QUARANTINED: ("is quarantined (rejected_ratio)", f"--discard {NAME}"),
    STOPPED: ("has stopped its feed (rejected_ratio)", f"--release {NAME}"),
    RECEIVED: ("has arrived and is not loaded", "Run `tellerline ingest`"),
}


def arrive(
    installation: Installation, what: str, reason: str = "rejected_ratio", feed: str = CONSENT_FEED
) -> None:
    with installation.state.transaction() as connection:
        number = len(connection.execute(receipts.select()).all())
        connection.execute(
            receipts.insert().values(
                load_id=f"{number:064d}", feed=feed, file_name=NAME, source="landing",
                byte_count=1, file_sha256="0" * 64, received_at="2026-11-20T08:00:00.000Z",
                state=what, reason=reason,
            )
        )  # fmt: skip


def decide_on_all(installation: Installation, what: str, reason: str) -> None:
    with installation.state.transaction() as connection:
        connection.execute(receipts.update().values(state=what, reason=reason))


RESOLUTIONS: dict[str, Callable[[Installation], None]] = {
    "loaded": lambda i: decide_on_all(i, LOADED, ""),
    "discarded": lambda i: decide_on_all(i, QUARANTINED, DISCARDED),
}


@pytest.fixture
def ready(installation: Installation) -> Installation:
    """An installation with twelve members, all of whom have consent."""
    write_register(installation, hubspot={"limits": {"records_per_batch": 4, "concurrency": 1}})
    publish(installation, 12)
    grant_all(installation, 12)
    return installation


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("state", HELD)
def test_neither_plan_nor_delivery_passes_until_it_is_decided_on(
    ready: Installation, sandbox: SandboxProcess, state: str, resolution: str
) -> None:
    made = plan(ready)
    approve(ready, made)
    arrive(ready, state)
    for attempt in (lambda: plan(ready), lambda: apply_plan(ready.context(), made.plan_id)):
        with pytest.raises(PolicyRefusedError) as caught:
            attempt()
        for text in (NAME, *HELD[state]):
            assert text in str(caught.value)
        assert caught.value.exit_code == 3
    with ready.state.reading() as connection:
        assert not connection.execute(runs.select()).all()
    assert not calls(sandbox)
    RESOLUTIONS[resolution](ready)
    assert plan(ready).counts["add"] == 12
    assert apply_plan(ready.context(), made.plan_id).confirmed == 12


def test_a_corrected_file_of_the_name_lifts_a_quarantine(ready: Installation) -> None:
    arrive(ready, QUARANTINED)
    with pytest.raises(PolicyRefusedError, match="is quarantined"):
        plan(ready)
    arrive(ready, LOADED, "")
    assert plan(ready).counts["add"] == 12


@pytest.mark.parametrize("state", HELD)
def test_a_run_stops_before_its_next_batch_and_goes_on_afterwards(
    ready: Installation, sandbox: SandboxProcess, proxy: Proxy, state: str
) -> None:
    made = plan(ready)
    approve(ready, made)
    proxy.when("batch/upsert", 1, lambda: arrive(ready, state))
    with pytest.raises(PolicyRefusedError, match=NAME):
        apply_plan(ready.context(), made.plan_id)
    assert len(proxy.bodies("batch/upsert")) == 1
    assert not entries(ready, "run.finished")
    with pytest.raises(PolicyRefusedError, match=NAME):
        apply_plan(ready.context(), made.plan_id)
    decide_on_all(ready, LOADED, "")
    assert apply_plan(ready.context(), made.plan_id).confirmed == 12
    assert len(listed(sandbox)) == 12


def test_other_feeds_and_files_without_effect_hold_nothing(ready: Installation) -> None:
    for state in HELD:
        arrive(ready, state, feed="transactions")
    arrive(ready, DUPLICATE, "same_content")
    arrive(ready, QUARANTINED, DISCARDED)
    assert plan(ready).counts["add"] == 12


def test_a_member_is_forgotten_all_the_same(ready: Installation, sandbox: SandboxProcess) -> None:
    send(ready)
    arrive(ready, QUARANTINED)
    assert forget_member(ready.context(), member(3), "DSR-1")["complete"]
    assert member(3) not in listed(sandbox)
