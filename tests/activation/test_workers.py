"""Two at work on the same audience: one goes on, the other is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from activation.delivery.leases import LEASE_TIME, hold_lease
from activation.delivery.run import apply_plan
from activation.delivery.tables import leases
from activation.locks import exclusive
from activation.plan.document import Plan
from sandbox.destinations.process import SandboxProcess
from tellerline.clock import timestamp
from tellerline.errors import ConflictError
from tests.activation.installation import (
    Installation,
    TickingClock,
    approve,
    grant_all,
    plan,
    publish,
    send,
    write_register,
)
from tests.activation.observations import entries, held_at, listed, record_bodies, wanted
from tests.activation.proxy import Proxy

UPSERT = "batch/upsert"
NAME = "hubspot/retention__dormant_digital"


@pytest.fixture
def made(installation: Installation) -> Plan:
    write_register(installation, hubspot={"limits": {"records_per_batch": 4, "concurrency": 1}})
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    return made


def test_a_second_worker_is_turned_away(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, made: Plan
) -> None:
    problems: list[str] = []

    def try_too() -> None:
        with pytest.raises(ConflictError) as caught:
            apply_plan(installation.context(), made.plan_id)
        problems.append(str(caught.value))

    proxy.when(UPSERT, 2, try_too)
    summary = apply_plan(installation.context(), made.plan_id)
    assert "is being worked on by another process" in problems[0]
    assert (summary.confirmed, len(record_bodies(sandbox))) == (12, 6)
    assert len(entries(installation, "run.started")) == 1


def test_another_destination_is_another_matter(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, made: Plan
) -> None:
    proxy.when(UPSERT, 2, lambda: send(installation, "mailhouse") and None)
    apply_plan(installation.context(), made.plan_id)
    assert held_at(sandbox, "mailhouse") == held_at(sandbox, "hubspot") == wanted(made)


def take_over(installation: Installation) -> None:
    """Raise the fence, as a worker on another machine does once the lease has run out."""
    with installation.state.transaction() as connection:
        connection.execute(leases.update().values(fence=leases.c.fence + 1))


def test_a_stale_worker_stops_at_its_next_step(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, made: Plan
) -> None:
    proxy.when(UPSERT, 1, lambda: take_over(installation))
    with pytest.raises(ConflictError, match="was taken by another process"):
        apply_plan(installation.context(), made.plan_id)
    assert not entries(installation, "run.finished")
    # The other one goes on, and the run ends as one.
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12
    assert listed(sandbox) == wanted(made)
    assert len(entries(installation, "run.started")) == 1
    assert len(entries(installation, "run.finished")) == 1


def test_a_worker_that_slept_past_its_lease_sends_nothing_more_under_it(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, made: Plan
) -> None:
    clock = installation.clock
    assert isinstance(clock, TickingClock)

    def sleep_and_lose() -> None:
        clock.at += LEASE_TIME + timedelta(seconds=1)
        take_over(installation)

    proxy.when(UPSERT, 1, sleep_and_lose)
    with pytest.raises(ConflictError, match="was taken by another process"):
        apply_plan(installation.context(), made.plan_id)
    assert len(proxy.bodies(UPSERT)) == 1


def test_a_worker_that_slept_and_lost_nothing_goes_on(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy, made: Plan
) -> None:
    clock = installation.clock
    assert isinstance(clock, TickingClock)

    def sleep() -> None:
        clock.at += LEASE_TIME + timedelta(seconds=1)

    proxy.when(UPSERT, 1, sleep)
    assert apply_plan(installation.context(), made.plan_id).confirmed == 12


@pytest.mark.parametrize("minutes", [-1, 1], ids=["ran out", "holds"])
def test_a_lease_of_another_machine_is_respected_until_it_runs_out(
    installation: Installation, minutes: int
) -> None:
    context = installation.context()
    expires_at = timestamp(installation.clock.now() + timedelta(minutes=minutes))
    with context.state.transaction() as connection:
        connection.execute(
            leases.insert().values(
                name=NAME, fence=7, holder="process 1", host="elsewhere", expires_at=expires_at
            )
        )
    if minutes < 0:
        with hold_lease(context, NAME) as lease:
            assert lease.fence == 8
    else:
        with (
            pytest.raises(ConflictError, match="is held by process 1 on elsewhere"),
            hold_lease(context, NAME),
        ):
            pass


def test_each_holder_has_a_higher_fence_and_only_the_last_may_write(
    installation: Installation,
) -> None:
    context = installation.context()
    with hold_lease(context, NAME) as first, context.state.transaction() as connection:
        first.check(context, connection)
    with hold_lease(context, NAME) as second:
        assert second.fence == first.fence + 1
        with (
            pytest.raises(ConflictError, match="was taken by another process"),
            context.state.transaction() as connection,
        ):
            first.check(context, connection)
        with context.state.transaction() as connection:
            second.check(context, connection)
    with context.state.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(leases)).scalar() == 1


def test_a_lock_is_free_again_when_its_holder_lets_go(installation: Installation) -> None:
    path = installation.settings.home / "locks" / "x.lock"
    with (
        exclusive(path, "x"),
        pytest.raises(ConflictError, match="x: is being worked on"),
        exclusive(path, "x"),
    ):
        pass
    with exclusive(path, "x"):
        pass
