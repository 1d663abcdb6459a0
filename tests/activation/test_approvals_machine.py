"""Any order of asking, deciding, ageing and losing rights: the check agrees with a plain model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from activation.approvals.check import find_approval
from activation.approvals.desk import ask_approval, decide
from activation.plan.document import Plan
from tellerline.errors import TellerlineError
from tests.activation.installation import (
    CHECKER,
    MAKER,
    OTHER,
    ROLES,
    Installation,
    TickingClock,
    grant_all,
    make_installation,
    plan,
    publish,
)

PEOPLE = (MAKER, CHECKER, OTHER)
MAKERS = {MAKER, OTHER}
APPROVERS = {MAKER, CHECKER}


@dataclass
class Asked:
    """What the model knows of a request."""

    request_id: str
    plan: int
    maker: str
    ends: datetime
    approvers: set[str] = field(default_factory=set)
    refused: bool = False


class Approvals(RuleBasedStateMachine):
    """Three people, two plans, and whatever they do."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="tellerline-test-")
        self.installation: Installation = make_installation(
            Path(self.folder.name), TickingClock(), {}
        )
        publish(self.installation, 12)
        grant_all(self.installation, 12)
        self.plans: list[Plan] = [plan(self.installation), plan(self.installation)]
        self.asked: list[Asked] = []
        self.checker_has_role = True

    def teardown(self) -> None:
        self.installation.state.close()
        self.folder.cleanup()

    @property
    def now(self) -> datetime:
        assert isinstance(self.installation.clock, TickingClock)
        return self.installation.clock.at

    def attempt(self, action: Any, allowed: bool) -> Any:
        """Do something that must succeed exactly when the model says so."""
        try:
            done = action()
        except TellerlineError:
            assert not allowed
            return None
        assert allowed
        return done

    @rule(which=st.integers(0, 1), person=st.sampled_from(PEOPLE), hours=st.integers(1, 3))
    def ask(self, which: int, person: str, hours: int) -> None:
        request = self.attempt(
            lambda: ask_approval(
                self.installation.context(person),
                self.plans[which],
                self.installation.keys[person],
                valid_for=timedelta(hours=hours),
            ),
            person in MAKERS,
        )
        if request:
            self.asked.append(Asked(request.request_id, which, person, request.expires))

    @precondition(lambda self: self.asked)
    @rule(
        draw=st.data(),
        person=st.sampled_from(PEOPLE),
        verdict=st.sampled_from(["approve", "approve", "approve", "reject", "revoke"]),
    )
    def decide(self, draw: Any, person: str, verdict: Any) -> None:
        asked = draw.draw(st.sampled_from(self.asked))
        has_right = person in APPROVERS and (person != CHECKER or self.checker_has_role)
        if verdict == "approve":
            allowed = has_right and person != asked.maker and self.now < asked.ends
        else:
            allowed = has_right or person == asked.maker
        done = self.attempt(
            lambda: decide(
                self.installation.context(person),
                asked.request_id,
                self.installation.keys[person],
                verdict,
                "as drawn",
            ),
            allowed,
        )
        if done and verdict == "approve":
            asked.approvers.add(person)
        elif done:
            asked.refused = True

    @rule(minutes=st.integers(1, 90))
    def wait(self, minutes: int) -> None:
        assert isinstance(self.installation.clock, TickingClock)
        self.installation.clock.at += timedelta(minutes=minutes)

    @rule()
    def change_roles(self) -> None:
        self.checker_has_role = not self.checker_has_role
        roles = "[marketing_approver, compliance_approver, credit_approver]"
        text = ROLES if self.checker_has_role else ROLES.replace(roles, "[]")
        (self.installation.settings.governance / "roles.yml").write_text(text)

    @rule(which=st.integers(0, 1))
    def check(self, which: int) -> None:
        expected = self.expected(which)
        found = self.attempt(
            lambda: find_approval(self.installation.context(), self.plans[which], "a run"),
            expected is not None,
        )
        if expected:
            assert (found.request_id, set(found.approved_by)) == (
                expected.request_id, expected.approvers,
            )  # fmt: skip

    def expected(self, which: int) -> Asked | None:
        """Return the request that covers a plan now, newest first."""
        for asked in sorted(self.asked, key=lambda one: one.request_id, reverse=True):
            if asked.plan != which or asked.ends <= self.now:
                continue
            if CHECKER in asked.approvers and not self.checker_has_role:
                return None
            if asked.approvers and not asked.refused:
                return asked
        return None


Approvals.TestCase.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
TestApprovals = Approvals.TestCase
