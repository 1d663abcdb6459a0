"""Plans: made from what is pinned, unchanging, and refused when the ground under them moved."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from activation.acknowledged import read_acknowledged
from activation.approvals.request import Envelope
from activation.delivery.run import apply_plan
from activation.delivery.sync import sync
from activation.plan.document import DOCUMENT, plan_bytes, read_plan
from activation.plan.index import newest_plan
from activation.plan.planner import make_plan
from sandbox.destinations.process import SandboxProcess
from tellerline.canonical import sha256_hex
from tellerline.errors import (
    ApprovalMissingError,
    ConfigurationError,
    ContractError,
    IntegrityError,
    PolicyRefusedError,
    RunStoppedError,
    TellerlineError,
    UsageError,
)
from tellerline.scratch import scratch_database
from tests.activation.installation import (
    SEGMENT,
    Installation,
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
from tests.activation.observations import calls, entries, mailed, rows_of


@pytest.fixture
def ready(installation: Installation) -> Installation:
    """An installation with twelve members, all of whom have consent."""
    publish(installation, 12)
    grant_all(installation, 12)
    return installation


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_a_plan_says_everything_that_it_was_made_from(ready: Installation) -> None:
    made = plan(ready)
    document = made.document
    assert document["counts"] == {
        "add": 12, "update": 0, "remove": 0, "unchanged": 0, "audience": 12, "excluded": {},
    }  # fmt: skip
    assert document["columns"] == ["email", "member_key", "tenure_band"]
    (pack,) = (ready.settings.governance / "policies").glob("*.yml")
    stamp = f"us_bank_marketing@2026-07-21 sha256:{sha256_hex(pack.read_bytes())}"
    assert document["packs"] == [stamp]
    assert document["approval"] == {
        "exact": True, "reasons": ["it is a new export"], "roles": ["marketing_approver"],
    }  # fmt: skip
    assert not document["refusals"]
    assert newest_plan(ready.settings, ready.state, SEGMENT, "hubspot") == made


def test_a_plan_is_found_by_the_start_of_its_hash(ready: Installation) -> None:
    made = plan(ready)
    for length in (6, 16, 64):
        assert read_plan(ready.settings, made.sha256[:length]) == made
    for unknown in ("abc", "f" * 64, "../../x", made.sha256.upper(), ""):
        with pytest.raises(UsageError):
            read_plan(ready.settings, unknown)


def test_no_byte_of_a_plan_can_change(ready: Installation, sandbox: SandboxProcess) -> None:
    made = plan(ready)
    approve(ready, made)
    document = made.folder / "plan.json"
    for position in range(0, document.stat().st_size, 113):
        flip(document, position)
        with pytest.raises(IntegrityError, match=re.escape(str(document))):
            apply_plan(ready.context(), made.plan_id)
        flip(document, position)
    rows = made.folder / "plan.parquet"
    for position in range(0, rows.stat().st_size, 499):
        flip(rows, position)
        with pytest.raises(IntegrityError, match=re.escape(str(rows))):
            apply_plan(ready.context(), made.plan_id)
        flip(rows, position)
    document.unlink()
    with pytest.raises(IntegrityError, match=re.escape(str(document))):
        apply_plan(ready.context(), made.plan_id)
    assert not calls(sandbox)


@pytest.mark.parametrize(
    "dataset", ["audiences/retention__dormant_digital", "consents", "identities", "attributes",
                "suppressions", "caps", "holdouts", "dict_attributes"],
)  # fmt: skip
def test_a_changed_byte_in_a_published_file_stops_the_plan(
    ready: Installation, dataset: str
) -> None:
    (path,) = ready.settings.published.glob(f"*/{dataset}.parquet")
    flip(path, path.stat().st_size // 2)
    with pytest.raises(IntegrityError, match=re.escape(str(path))):
        plan(ready)


@pytest.mark.parametrize("dataset", ["identities", "attributes", "dict_attributes"])
def test_a_changed_byte_in_a_published_file_stops_the_run(
    ready: Installation, sandbox: SandboxProcess, dataset: str
) -> None:
    made = plan(ready)
    approve(ready, made)
    (path,) = ready.settings.published.glob(f"*/{dataset}.parquet")
    flip(path, 100)
    with pytest.raises(IntegrityError, match=re.escape(str(path))):
        apply_plan(ready.context(), made.plan_id)
    assert not [route for route in calls(sandbox) if "batch" in route]


@pytest.mark.parametrize("position", [3, 40])
def test_a_changed_byte_in_current_or_the_manifest_is_named(
    ready: Installation, position: int
) -> None:
    current = ready.settings.published / "CURRENT"
    flip(current, position)
    with pytest.raises(IntegrityError, match=r"manifest\.json|publication"):
        plan(ready)
    flip(current, position)
    (manifest,) = ready.settings.published.glob("*/manifest.json")
    flip(manifest, position)
    with pytest.raises(IntegrityError, match=re.escape(str(manifest))):
        plan(ready)


def test_a_changed_byte_in_the_consent_journal_stops_the_plan(ready: Installation) -> None:
    plan(ready)
    journal = ready.settings.consent_journal
    (changes,) = journal.glob("*.parquet")
    flip(changes, 200)
    with pytest.raises(IntegrityError, match=re.escape(str(changes))):
        plan(ready)
    flip(changes, 200)
    index = journal / "INDEX"
    for position in range(0, index.stat().st_size, 29):
        flip(index, position)
        with pytest.raises(IntegrityError, match=re.escape(str(journal))):
            plan(ready)
        flip(index, position)
    assert plan(ready).counts["add"] == 12


def test_a_withdrawal_cannot_be_taken_out_of_the_journal(ready: Installation) -> None:
    withdraw(ready, [1])
    assert plan(ready).counts["excluded"] == {"consent_withdrawn": 1}
    index = ready.settings.consent_journal / "INDEX"
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(lines[0])
    with pytest.raises(IntegrityError, match="INDEX"):
        plan(ready)
    index.unlink()
    with pytest.raises(IntegrityError, match="INDEX"):
        plan(ready)


def test_a_changed_byte_in_our_own_record_stops_the_plan(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    send(ready)
    held = read_acknowledged(ready.settings, ready.state, "hubspot", SEGMENT)
    flip(held.path, 100)
    with pytest.raises(IntegrityError, match=re.escape(str(held.path))):
        plan(ready)


def email_of(number: int, address: str) -> dict[str, str]:
    return {
        "identities": "select member_id, 'email' as identifier_kind, "
        f"case when n = {number} then '{address}' else 'member' || n || '@example.com' end "
        "as identifier_value, true as is_valid, 'core' as resolution_rule, 'feed' as evidence "
        "from people"
    }


def test_what_leaves_decides_whether_a_member_changed(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    send(ready)
    # Nothing of this leaves: the segment's reason, another attribute, an invalid identifier, the
    # consent event, the resolution rule.
    publish(
        ready,
        12,
        tables={
            "audience": "select member_id, 'another reason' as reason from people",
            "attributes": "select member_id, 'over_5_years' as tenure_band, n as other from people",
            "identities": "select member_id, 'email' as identifier_kind, 'member' || n || "
            "'@example.com' as identifier_value, true as is_valid, 'other' as resolution_rule, "
            "'other' as evidence from people union all select member_id, 'email', 'a@b.example', "
            "false, 'x', 'y' from people",
        },
    )
    append_consents(
        ready,
        "again",
        "select n, 'email' as channel, 'grant' as action, timestamp '2026-06-01' as effective_at "
        "from range(1, 13) as t(n)",
    )
    assert plan(ready).counts["unchanged"] == 12
    # This leaves: an identifier, a mapped attribute, and the field it goes to.
    publish(ready, 12, tables=email_of(3, "new@example.com"))
    assert [row for row in rows_of(plan(ready)) if row[1] == "update"] == [
        (member(3), "update", None)
    ]
    publish(ready, 12, attributes="case when n = 4 then 'x' else 'over_5_years' end")
    assert [row[0] for row in rows_of(plan(ready)) if row[1] == "update"] == [member(4)]
    publish(ready, 12, attributes="case when n = 5 then null else 'over_5_years' end")
    assert [row[0] for row in rows_of(plan(ready)) if row[1] == "update"] == [member(5)]
    publish(ready, 12)
    write_register(ready, hubspot={"fields": {"tellerline_other": {"attribute": "tenure_band"}}})
    assert plan(ready).counts["update"] == 12


def test_plans_keep_before_and_after(ready: Installation, sandbox: SandboxProcess) -> None:
    send(ready)
    publish(ready, 12, attributes="case when n = 4 then 'x' else 'over_5_years' end")
    made = plan(ready)
    with scratch_database() as connection:
        found = connection.execute(
            "select before_attributes, after_attributes, before_token <> after_token, record_id "
            "is not null from read_parquet(?) where operation = 'update'",
            [str(made.verified_rows())],
        ).fetchall()
    assert found == [('{"tenure_band":"over_5_years"}', '{"tenure_band":"x"}', True, True)]


def test_tokens_say_nothing_without_the_key(ready: Installation) -> None:
    first = plan(ready)
    key = ready.settings.keys / "token.key"
    key.write_bytes(b"0" * 64)
    second = plan(ready)
    with scratch_database() as connection:
        tokens = [
            {row[0] for row in connection.execute(
                "select after_token from read_parquet(?)", [str(made.verified_rows())]
            ).fetchall()}
            for made in (first, second)
        ]  # fmt: skip
    assert len(tokens[0]) == len(tokens[1]) == 12
    assert not tokens[0] & tokens[1]


BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "member twice": (
        {"audience": "select member_id, 'x' as reason from people union all "
         "select member_id, 'y' from people where n = 1"},
        "1 members twice",
    ),
    "no reason": (
        {"audience": "select member_id, if(n = 1, null, 'x') as reason from people"},
        "1 without a reason",
    ),
    "no pseudonym": (
        {"audience": "select 'a member, by name' as member_id, 'x' as reason"},
        "1 whose id is no pseudonym",
    ),
    "no id": (
        {"audience": "select null::varchar as member_id, 'x' as reason"},
        "1 whose id is no pseudonym",
    ),
    "attributes twice": (
        {"attributes": "select member_id, unnest(['a', 'b']) as tenure_band from people"},
        "12 members with several rows in attributes",
    ),
    "attribute missing": (
        {"attributes": "select member_id from people"},
        "no attribute tenure_band",
    ),
    "two consents": (
        {"consents": "select member_id, 'email' as channel, 'product_marketing' as purpose, "
         "unnest([true, false]) as is_granted, 'v1' as text_version from people"},
        "12 members with several rows in consents",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_publication_that_breaks_its_contract_is_refused(
    installation: Installation, case: str
) -> None:
    tables, problem = BROKEN[case]
    publish(installation, 12, tables=tables)
    grant_all(installation, 12)
    with pytest.raises(ContractError, match=problem):
        plan(installation)
    assert not list(installation.settings.plans.glob("*"))


def test_unknown_segments_and_destinations_are_named(ready: Installation) -> None:
    with pytest.raises(RunStoppedError, match="segment nobody: is not in publication"):
        make_plan(ready.context(), "nobody", "hubspot")
    with pytest.raises(ConfigurationError, match="destination nowhere: is not in the register"):
        make_plan(ready.context(), SEGMENT, "nowhere")
    ready.facts["destinations"] = {"hubspot": ["tenure_band"]}
    publish(ready, 12)
    with pytest.raises(PolicyRefusedError, match="does not allow the destination mailhouse"):
        make_plan(ready.context(), SEGMENT, "mailhouse")
    ready.facts["destinations"] = {"hubspot": ["tenure_band", "unmapped"]}
    publish(ready, 12)
    with pytest.raises(PolicyRefusedError, match="has no field for unmapped"):
        make_plan(ready.context(), SEGMENT, "hubspot")


def test_a_plan_is_outdated_by_a_new_publication(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    made = plan(ready)
    approve(ready, made)
    publish(ready, 12)
    with pytest.raises(RunStoppedError, match="was made from another publication"):
        apply_plan(ready.context(), made.plan_id)
    assert not calls(sandbox)


def test_a_plan_is_outdated_by_another_run(ready: Installation, sandbox: SandboxProcess) -> None:
    first, second = plan(ready), plan(ready)
    for made in (first, second):
        approve(ready, made)
    apply_plan(ready.context(), first.plan_id)
    before = calls(sandbox)
    with pytest.raises(RunStoppedError, match="was made before the last run"):
        apply_plan(ready.context(), second.plan_id)
    assert calls(sandbox) == before


def test_a_plan_is_outdated_by_the_register_and_by_the_law(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    made = plan(ready)
    approve(ready, made)
    write_register(ready, hubspot={"options": {"subscription_id": 7}})
    with pytest.raises(PolicyRefusedError, match="before the register's entry changed"):
        apply_plan(ready.context(), made.plan_id)
    write_register(ready)
    (pack,) = (ready.settings.governance / "policies").glob("*.yml")
    text = pack.read_text()
    later = pack.with_name("us_bank_marketing@2026-11-20.yml")
    later.write_text(text.replace("effective_on: 2026-07-21", "effective_on: 2026-11-20"))
    with pytest.raises(PolicyRefusedError, match="before the policy packs in force changed"):
        apply_plan(ready.context(), made.plan_id)
    later.unlink()
    # The same pack by name and date, with one more line.
    pack.write_text(text + "\n")
    with pytest.raises(PolicyRefusedError, match="the policy pack us_bank_marketing@2026") as told:
        apply_plan(ready.context(), made.plan_id)
    assert "plan again" in told.value.remedy
    assert not calls(sandbox)
    pack.write_text(text)
    summary = apply_plan(ready.context(), made.plan_id)
    assert summary.confirmed == 12
    (started,) = entries(ready, "run.started")
    assert started["body"]["packs"] == made.document["packs"]
    assert sha256_hex(text.encode()) in started["body"]["packs"][0]


def test_a_standing_approval_holds_under_the_bytes_of_the_pack_alone(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    send(ready)
    bounds = Envelope(minimum_members=1, maximum_members=99, maximum_change_percent=100)
    approve(ready, plan(ready), bounds)
    publish(ready, 12, attributes="'another'")
    before = calls(sandbox)
    (pack,) = (ready.settings.governance / "policies").glob("*.yml")
    text = pack.read_text()
    pack.write_text(text + "\n")
    with pytest.raises(ApprovalMissingError, match="was given for other policy packs"):
        sync(ready.context(), SEGMENT, "hubspot")
    assert calls(sandbox) == before
    pack.write_text(text)
    assert sync(ready.context(), SEGMENT, "hubspot").update == 12


def test_a_plan_that_asks_for_less_than_the_law_is_refused(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    made = plan(ready)
    document = {**made.document, "approval": {"exact": False, "reasons": [], "roles": []}}
    data = plan_bytes(document)
    folder = ready.settings.plans / sha256_hex(data)[:16]
    shutil.copytree(made.folder, folder)
    (folder / DOCUMENT).write_bytes(data)
    with pytest.raises(PolicyRefusedError, match="when another approval was needed"):
        apply_plan(ready.context(), folder.name)
    assert not calls(sandbox)


def test_where_a_destination_is_reached_outdates_no_plan(
    ready: Installation, sandbox: SandboxProcess
) -> None:
    made = plan(ready, "mailhouse")
    approve(ready, made)
    write_register(ready, mailhouse={"base_url": "file:///elsewhere"})
    assert apply_plan(ready.context(), made.plan_id).confirmed == 12
    assert len(mailed(sandbox)) == 12


def test_nothing_published_yet_is_said_plainly(installation: Installation) -> None:
    with pytest.raises(TellerlineError, match="holds no publication"):
        plan(installation)
