"""The law: each rule refuses what it is there for, and what is refused never leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from activation.approvals.desk import ask_approval
from activation.delivery.run import apply_plan
from activation.policies.packs import packs_in_force
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import ConfigurationError, PolicyRefusedError
from tests.activation.installation import (
    MAKER,
    START,
    Installation,
    TickingClock,
    approve,
    grant_all,
    plan,
    publish,
    send,
    withdraw,
    write_register,
)
from tests.activation.observations import calls

DICTIONARY = (
    "select 'act_attributes' as model_name, 'tenure_band' as attribute_name, "
    "'{sensitivity}' as sensitivity, {tags} as law_tags, {allowed} as allowed_destinations"
)


def dictionary(
    tags: str = "[]::varchar[]", allowed: str = "['hubspot']", sensitivity: str = "internal"
) -> dict[str, str]:
    return {
        "dict_attributes": DICTIONARY.format(tags=tags, allowed=allowed, sensitivity=sensitivity)
    }


def registered(**changes: Any) -> Callable[[Installation], None]:
    return lambda installation: write_register(installation, hubspot=changes)


def said(**facts: Any) -> Callable[[Installation], None]:
    def change(installation: Installation) -> None:
        installation.facts |= facts

    return change


def nothing(installation: Installation) -> None:
    """Leave everything as it is."""


# Rule, what changes before publication, what is published, and what the refusal says.
CASES: dict[str, tuple[str, Callable[[Installation], None], dict[str, Any], str]] = {
    "digits": ("GLBA-1", nothing, {"attributes": "'1234567890' || n"}, "12 attribute values look"),
    "card with spaces": (
        "GLBA-1", nothing, {"attributes": "if(n = 1, '4111 1111 1111 1111', 'x')"}, "1 attribute",
    ),
    "card with dashes": (
        "GLBA-1", nothing, {"attributes": "if(n = 1, 'card 4111-1111-1111-1111', 'x')"}, "1 attr",
    ),
    "number": ("GLBA-1", nothing, {"attributes": "123456789 + n"}, "12 attribute values look"),
    "tagged as account number": (
        "GLBA-1", nothing, {"tables": dictionary("['account_number']")}, "is an account number",
    ),
    "affiliate": ("GLBA-2", registered(relationship="affiliate"), {}, "hubspot is affiliate"),
    "stranger": ("GLBA-2", registered(relationship="nonaffiliated"), {}, "nonaffiliated"),
    "contract ended": (
        "GLBA-2", registered(contract={"expires_on": "2026-11-19"}), {}, "ended on 2026-11-19",
    ),
    "diligence overdue": (
        "FFIEC-3", registered(due_diligence_on="2025-11-19"), {}, "was due by 2026-11-19",
    ),
    "other purpose": (
        "GLBA-3", registered(purposes=["service"]), {}, "not registered for product_marketing",
    ),
    "other channel": ("GLBA-3", said(channels=["sms"]), {}, "does not allow the channel email"),
    "nobody reviewed it": (
        "GLBA-4", nothing,
        {"tables": {"dict_attributes": dictionary()["dict_attributes"] + " where false"}},
        "tenure_band may not go to hubspot",
    ),
    "reviewed for another destination": (
        "GLBA-4", nothing, {"tables": dictionary(allowed="['mailhouse']")}, "may not go to hubspot",
    ),
    "reviewed for none": (
        "GLBA-4", nothing, {"tables": dictionary(allowed="null::varchar[]")}, "may not go to",
    ),
    "prohibited basis upstream of credit": (
        "ECOA-1", said(credit_related=True),
        {"lineage_tags": {"prohibited_basis": "stg → dim → seg"}}, "stg → dim → seg",
    ),
    "proxy among the attributes of credit": (
        "ECOA-1", said(credit_related=True), {"tables": dictionary("['proxy']")}, "is a proxy",
    ),
    "consumer report upstream": (
        "FCRA-1", nothing, {"lineage_tags": {"fcra_report": "a → b"}}, "fcra_report is upstream",
    ),
    "expired": ("OPS-2", said(expires_on="2026-11-19"), {}, "expired on 2026-11-19"),
    "never ends": ("OPS-2", said(expires_on="2036-01-01"), {}, "expires after"),
    "smaller than the law allows": ("OPS-1", nothing, {"audience": "n < 10"}, "10 are the least"),
    "smaller than its band": ("OPS-1", said(minimum_size=13), {}, "13 are the least"),
    "larger than its band": ("OPS-1", said(maximum_size=11), {}, "11 are the most"),
    "consent collapsed": (
        "OPS-4", registered(guards={"minimum_consent_ratio": 0.5}),
        {"tables": {"consents": "select member_id, 'email' as channel, 'product_marketing' as "
         "purpose, n = 1 as is_granted, 'v1' as text_version from people"}},
        "1 of 12 members have consent",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_rule_refuses_is_neither_approved_nor_sent(
    installation: Installation, sandbox: SandboxProcess, case: str
) -> None:
    rule, change, publication, problem = CASES[case]
    change(installation)
    publish(installation, 12, **publication)
    grant_all(installation, 12)
    made = plan(installation)
    assert [refusal["rule"] for refusal in made.document["refusals"]] == [rule]
    (refusal,) = made.document["refusals"]
    assert problem in refusal["problem"]
    assert refusal["citation"]
    with pytest.raises(PolicyRefusedError, match=f"is refused by {rule}") as caught:
        approve(installation, made)
    assert caught.value.exit_code == 3
    assert "4111" not in str(caught.value)
    with pytest.raises(PolicyRefusedError, match=f"is refused by {rule}") as caught:
        apply_plan(installation.context(), made.plan_id)
    assert caught.value.exit_code == 3
    assert not calls(sandbox)


@pytest.mark.parametrize(
    ("publication", "lawful"),
    [
        ({"attributes": "0.123456789012 + n"}, True),
        ({"attributes": "'12345678'"}, True),
        ({"attributes": "'2026-11-20'"}, True),
        ({"audience": "n <= 10"}, True),
        ({"lineage_tags": {"prohibited_basis": "a → b"}}, True),
        ({"tables": dictionary("['proxy']")}, True),
    ],
    ids=["score", "eight digits", "date", "at the least", "basis without credit", "proxy without"],
)
def test_what_no_rule_is_there_for_passes(
    installation: Installation, publication: dict[str, Any], lawful: bool
) -> None:
    publish(installation, 12, **publication)
    grant_all(installation, 12)
    assert (plan(installation).document["refusals"] == []) is lawful


@pytest.mark.parametrize(
    "guards", [{"maximum_removals": 5}, {"maximum_removal_ratio": 0.49}], ids=["number", "share"]
)
def test_a_run_does_not_empty_a_list(
    installation: Installation, sandbox: SandboxProcess, guards: dict[str, Any]
) -> None:
    installation.facts["minimum_size"] = 1
    publish(installation, 24)
    grant_all(installation, 24)
    send(installation)
    before = calls(sandbox)
    write_register(installation, hubspot={"guards": guards})
    publish(installation, 24, audience="n <= 12")
    with pytest.raises(PolicyRefusedError, match="OPS-3: 12 of 24 members would be removed"):
        send(installation)
    assert calls(sandbox) == before
    write_register(
        installation, hubspot={"guards": {"maximum_removals": 12, "maximum_removal_ratio": 0.5}}
    )
    assert send(installation).remove == 12


@pytest.mark.parametrize("hours", [49, None], ids=["stale", "missing"])
def test_without_fresh_consent_nothing_is_planned_or_sent(
    installation: Installation, sandbox: SandboxProcess, hours: int | None
) -> None:
    publish(installation, 12)
    if hours is not None:
        grant_all(installation, 12)
        assert isinstance(installation.clock, TickingClock)
        made = plan(installation)
        approve(installation, made)
        installation.clock.at += timedelta(hours=hours)
        with pytest.raises(PolicyRefusedError, match="the consent journal: was last written"):
            apply_plan(installation.context(), made.plan_id)
    with pytest.raises(PolicyRefusedError, match="the consent journal: was last written") as caught:
        plan(installation)
    assert caught.value.exit_code == 3
    assert not [route for route in calls(sandbox) if "batch" in route]


def test_law_that_changed_since_the_plan_counts(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, hubspot={"contract": {"expires_on": "2026-11-21"}})
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    assert isinstance(installation.clock, TickingClock)
    installation.clock.at = START + timedelta(days=2)
    # The consent feed was heard since; the contract ended meanwhile.
    withdraw(installation, [99])
    with pytest.raises(PolicyRefusedError, match=r"GLBA-2.*ended on 2026-11-21"):
        apply_plan(installation.context(), made.plan_id)
    assert not calls(sandbox)


@pytest.mark.parametrize(
    ("facts", "tables", "roles", "reasons"),
    [
        ({}, {}, ["marketing_approver"], ["it is a new export"]),
        (
            {"credit_related": True}, {}, ["compliance_approver", "credit_approver"],
            ["it is a new export", "it is credit-related"],
        ),
        (
            {"sensitivity": "restricted"}, {}, ["marketing_approver"],
            ["it is a new export", "it holds a restricted attribute"],
        ),
        (
            {}, dictionary(sensitivity="restricted"), ["marketing_approver"],
            ["it is a new export", "it holds a restricted attribute"],
        ),
    ],
)  # fmt: skip
def test_the_law_says_which_approval_is_needed(
    installation: Installation,
    facts: dict[str, Any],
    tables: dict[str, str],
    roles: list[str],
    reasons: list[str],
) -> None:
    installation.facts |= facts
    publish(installation, 12, tables=tables)
    grant_all(installation, 12)
    need = plan(installation).document["approval"]
    assert need == {"exact": True, "reasons": reasons, "roles": roles}


def test_accepted_texts_come_from_the_pack(installation: Installation) -> None:
    (pack,) = (installation.settings.governance / "policies").glob("*.yml")
    text = pack.read_text()
    accepted = "maximum_age_hours: 48\n      accepted_texts: {email: [v2], direct_mail: [v1]}"
    pack.write_text(text.replace("maximum_age_hours: 48", accepted))
    publish(installation, 12)
    grant_all(installation, 12)
    assert plan(installation).counts["excluded"] == {"policy_consent_text": 12}
    write_register(installation)
    assert plan(installation, "mailhouse").document["counts"]["add"] == 12


def test_packs_are_dated_and_the_latest_in_force_counts(installation: Installation) -> None:
    folder = installation.settings.governance
    (pack,) = (folder / "policies").glob("*.yml")
    text = pack.read_text()
    later = text.replace("effective_on: 2026-07-21", "effective_on: 2027-01-31")
    (folder / "policies" / "us_bank_marketing@2027-01-31.yml").write_text(later)
    for day, label in (
        ("2026-07-21", "us_bank_marketing@2026-07-21"),
        ("2027-01-30", "us_bank_marketing@2026-07-21"),
        ("2027-01-31", "us_bank_marketing@2027-01-31"),
    ):
        in_force = packs_in_force(folder, START.fromisoformat(day).date())
        assert [found.label for found in in_force] == [label]
    with pytest.raises(ConfigurationError, match="no policy pack in force on 2026-07-20"):
        packs_in_force(folder, START.fromisoformat("2026-07-20").date())


@pytest.mark.parametrize(
    "name",
    ["twice.yml", "us_bank_marketing@2026-07-22.yml", "other@2026-07-21.yml",
     "us_bank_marketing@2026-07-21.yaml"],
)  # fmt: skip
def test_a_pack_is_called_by_its_name_and_date(installation: Installation, name: str) -> None:
    folder = installation.settings.governance / "policies"
    (pack,) = folder.glob("*.yml")
    assert pack.name == "us_bank_marketing@2026-07-21.yml"
    (folder / name).write_text(pack.read_text())
    with pytest.raises(ConfigurationError, match=f"is not called {pack.name}") as caught:
        packs_in_force(installation.settings.governance, START.date())
    assert name in caught.value.subject


PACK_FAULTS = {
    "unknown rule": ("rule: size_in_band", "rule: size_out_of_band", "unknown rule size_out_of_b"),
    "missing parameter": ("{minimum_size: 10}", "{}", "OPS-1.*minimum_size"),
    "malformed parameter": ("{minimum_size: 10}", "{minimum_size: ten}", "policy OPS-1"),
    "unknown relationship": ("[service_provider, joint_marketer]", "[friend]", "policy GLBA-2"),
    "no consent rule": ("rule: consent\n", "rule: consent_ratio\n", "have 0 rules named consent"),
    "no approval rule": (
        "rule: approval\n",
        "rule: size_in_band\n",
        "policy GLBA-5|named approval",
    ),
    "unknown role": ("roles: [marketing_approver]", "roles: [anybody]", "policy GLBA-5"),
}


@pytest.mark.parametrize("case", PACK_FAULTS)
def test_a_faulty_pack_stops_everything_and_names_the_rule(
    installation: Installation, case: str
) -> None:
    before, after, problem = PACK_FAULTS[case]
    (pack,) = (installation.settings.governance / "policies").glob("*.yml")
    text = pack.read_text()
    assert before in text
    pack.write_text(text.replace(before, after))
    publish(installation, 12)
    grant_all(installation, 12)
    with pytest.raises(ConfigurationError, match=problem):
        plan(installation)


def test_a_refused_plan_cannot_be_asked_for(installation: Installation) -> None:
    installation.facts["expires_on"] = "2026-11-19"
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    with pytest.raises(PolicyRefusedError):
        ask_approval(
            installation.context(), made, installation.keys[MAKER], valid_for=timedelta(days=1)
        )
    assert not list((installation.settings.governance / "approvals").iterdir())
