"""Lineage of the project itself."""

from __future__ import annotations

import csv
import re
import time
from collections import deque
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlglot import parse_one

from activation.governance.register import read_register
from activation.lineage import column_lineage, describe_segments
from activation.lineage.dictionary_files import render_files
from activation.lineage.lock import LOCK_FILE, check_lock, read_lock
from activation.lineage.origins import FeedColumn
from activation.policies.lineage import RULE, RULE_FOR_ALL
from activation.policies.packs import packs_in_force
from ingestion.conformance import load_contracts
from tests.activation.lineage.conftest import Compiled
from tests.activation.lineage.test_normal_form import printed, scattered
from tests.dbt.sessions import ROOT

pytestmark = pytest.mark.breadth
CONTRACTS = ROOT / "ingestion" / "feeds"
FORBIDDEN_IN_CREDIT = {"prohibited_basis", "proxy"}


def segments_that_name(compiled: Compiled, *words: str) -> set[str]:
    """Return the segments whose own SQL holds one of `words`."""
    return {
        name
        for name in compiled.segments
        if any(
            re.search(rf"\b{word}\b", compiled.first["nodes"][model_id(name)]["raw_code"])
            for word in words
        )
    }


def segments_that_send(compiled: Compiled, attribute: str) -> set[str]:
    """Return the segments that send an attribute along with their members."""
    return {
        name
        for name in compiled.segments
        for attributes in compiled.first["nodes"][model_id(name)]["config"]["meta"]["segment"][
            "destinations"
        ].values()
        if attribute in attributes
    }


def model_id(segment: str) -> str:
    return f"model.tellerline.seg_{segment}"


def seed_rows(name: str) -> list[dict[str, str]]:
    with (ROOT / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rules_with_segments(compiled: Compiled) -> list[dict[str, str]]:
    return [row for row in seed_rows("kli_rules") if segments_that_name(compiled, row["kli_id"])]


def test_every_query_is_followed(compiled: Compiled) -> None:
    assert compiled.segments
    for lineage in compiled.segments.values():
        assert not lineage.unresolved
    unknown = {(fact.relation, fact.reason) for fact in compiled.facts if fact.status == "unknown"}
    # Recursive queries count whole, with all that they might read.
    assert {reason for _, reason in unknown} <= {"a recursive query"}


def test_a_later_build_has_the_same_fingerprints(compiled: Compiled) -> None:
    incremental = [
        unique_id
        for unique_id, node in compiled.first["nodes"].items()
        if node["config"].get("materialized") == "incremental"
    ]
    differ = [
        unique_id
        for unique_id in incremental
        if compiled.first["nodes"][unique_id]["compiled_code"]
        != compiled.later["nodes"][unique_id]["compiled_code"]
    ]
    assert differ
    later = describe_segments(compiled.later, ROOT)
    assert {name: item.parts for name, item in later.items()} == {
        name: item.parts for name, item in compiled.segments.items()
    }


def test_the_whole_project_takes_a_few_times_what_parsing_it_takes(compiled: Compiled) -> None:
    queries = [
        node["compiled_code"]
        for node in compiled.first["nodes"].values()
        if node["resource_type"] == "model"
    ]

    def parse() -> None:
        for query in queries:
            parse_one(query, dialect="duckdb").sql("duckdb")

    def describe() -> None:
        describe_segments(compiled.first, ROOT)

    # In turns, so that what else the machine does slows both.
    parsing, describing = zip(*((taken(parse), taken(describe)) for _ in range(3)), strict=True)
    assert min(describing) < 8 * min(parsing)


def taken(work: Callable[[], None]) -> float:
    """Return the seconds of processor time that `work` takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def test_a_new_rule_moves_nothing(compiled: Compiled, tmp_path: Path) -> None:
    rule = next(iter(seed_rows("kli_rules")))
    line = ",".join(rule.values())
    other = line.replace(rule["kli_id"], "spend__something_new")
    assert compiled.changed_by(tmp_path, {"kli_rules": (line, f"{line}\n{other}")}) == set()


def test_a_threshold_moves_exactly_the_segments_of_its_rule(
    compiled: Compiled, tmp_path: Path
) -> None:
    rules = rules_with_segments(compiled)
    assert rules
    for rule in rules[:2]:
        for fact in ("minimum_count", "minimum_amount", "window_days"):
            line = ",".join(rule.values())
            changed = ",".join({**rule, fact: str(int(float(rule[fact])) + 1)}.values())
            folder = tmp_path / f"{rule['kli_id']}-{fact}"
            found = compiled.changed_by(folder, {"kli_rules": (line, changed)})
            assert found == segments_that_name(compiled, rule["kli_id"])


def test_a_rule_without_a_segment_moves_nothing(compiled: Compiled, tmp_path: Path) -> None:
    rule = next(
        row for row in seed_rows("kli_rules") if not segments_that_name(compiled, row["kli_id"])
    )
    line = ",".join(rule.values())
    changed = ",".join({**rule, "minimum_count": "99"}.values())
    assert compiled.changed_by(tmp_path, {"kli_rules": (line, changed)}) == set()


def test_a_window_moves_exactly_its_users(compiled: Compiled, tmp_path: Path) -> None:
    model = "kli_behaviour__dormant_digital"
    assert compiled.changed_by(tmp_path, {model: ("45", "46")}) == segments_that_name(
        compiled, "behaviour__dormant_digital"
    )


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("age_band", "'under_26'", "'under_27'"),
        ("has_mortgage", "= 'mortgage'", "= 'mortgages'"),
        ("deposit_balance_band", "< 50000", "< 60000"),
        ("tenure_band", "'under_1_year'", "'below_1_year'"),
        ("digital_adoption_score", "then 40", "then 50"),
    ],
)
def test_a_column_of_the_profile_moves_exactly_its_readers(
    compiled: Compiled, tmp_path: Path, column: str, old: str, new: str
) -> None:
    found = compiled.changed_by(tmp_path, {"dim_member_profile": (old, new)})
    assert found == segments_that_name(compiled, column) | segments_that_send(compiled, column)


def test_an_edge_of_an_indicator_moves_exactly_its_users(
    compiled: Compiled, tmp_path: Path
) -> None:
    rows = seed_rows("kli_bands")
    band = next(row for row in rows if row["kli_id"] == "client__deposits_over_50k")
    line = ",".join(band.values())
    changed = ",".join({**band, "at_least": "60000"}.values())
    found = compiled.changed_by(tmp_path, {"kli_bands": (line, changed)})
    assert found == segments_that_name(compiled, band["kli_id"])


def test_bands_are_sent_by_segments_that_do_not_read_them(compiled: Compiled) -> None:
    """So the test above tells those who send a column from those who read it."""
    senders = segments_that_send(compiled, "deposit_balance_band")
    assert senders - segments_that_name(compiled, "deposit_balance_band")


def test_a_mapping_row_moves_those_that_read_classified_transactions(
    compiled: Compiled, tmp_path: Path
) -> None:
    row = next(row for row in seed_rows("merchants/merchants") if row["category_id"] == "coffee")
    line = ",".join(row.values())
    changed = ",".join({**row, "category_id": "groceries"}.values())
    found = compiled.changed_by(tmp_path, {"merchants": (line, changed)})
    assert segments_that_name(compiled, "competitive__mortgage", "competitive__payroll") <= found
    assert not found & segments_that_name(compiled, "behaviour__dormant_digital")


def test_a_restyled_project_moves_nothing(compiled: Compiled) -> None:
    style = Random(7)
    manifest: dict[str, Any] = {
        **compiled.first,
        "nodes": {
            unique_id: {**node, "compiled_code": style.choice((printed, scattered))(code, style)}
            if node["resource_type"] == "model" and (code := node["compiled_code"])
            else node
            for unique_id, node in compiled.first["nodes"].items()
        },
    }
    after = describe_segments(manifest, ROOT)
    assert {name: item.parts for name, item in after.items()} == {
        name: item.parts for name, item in compiled.segments.items()
    }


def test_the_lock_holds_every_segment_as_it_is(compiled: Compiled) -> None:
    check_lock(read_lock(ROOT / LOCK_FILE), compiled.segments)


def test_credit_related_segments_have_no_forbidden_tag_upstream(compiled: Compiled) -> None:
    for name, lineage in compiled.segments.items():
        facts = compiled.first["nodes"][model_id(name)]["config"]["meta"]["segment"]
        if facts["credit_related"]:
            assert not FORBIDDEN_IN_CREDIT & lineage.tags.keys()


def test_a_forbidden_column_is_found_with_its_path(compiled: Compiled) -> None:
    name = "recapture__mortgage_elsewhere"
    found = compiled.lineage_with(name, "not profile.has_mortgage", "profile.age_band <> 'x'")
    assert found.tags["prohibited_basis"] == (
        f"seg_{name}.member_id ← dim_member_profile.age_band (condition) ← dim_members.birth_year "
        "← stg_alkami__account_snapshots.birth_year ← raw.account_snapshot.birth_year "
        "[prohibited_basis]"
    )


@pytest.mark.parametrize(
    ("kli_id", "tags"),
    [
        ("geography__dallas", {"proxy"}),
        ("geography__outside", {"proxy"}),
        ("geography__moved", {"proxy"}),
        ("client__new_child", {"prohibited_basis"}),
        ("client__retirement", {"prohibited_basis"}),
        ("client__life_stage_retired", {"prohibited_basis"}),
        ("client__primary", set()),
        ("client__deposits_over_50k", set()),
        ("behaviour__home_purchase", set()),
        ("behaviour__paid_weekly", set()),
        ("intent__mortgage", set()),
        ("spend__amazon", set()),
    ],
)
def test_an_indicator_brings_its_own_tags_and_no_others(
    compiled: Compiled, kli_id: str, tags: set[str]
) -> None:
    name = "recapture__mortgage_elsewhere"
    found = compiled.lineage_with(name, "competitive__mortgage", kli_id)
    assert FORBIDDEN_IN_CREDIT & found.tags.keys() == tags


def test_a_destination_field_leads_back_to_the_feed(compiled: Compiled) -> None:
    sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for edge in column_lineage(compiled.first, ROOT):
        if edge.kind == "value":
            sources.setdefault((edge.to_relation, edge.to_column), set()).add(
                (edge.from_relation, edge.from_column)
            )
    queue = deque([("act_attributes", "digital_engagement_band")])
    reached = set(queue)
    while queue:
        for place in sources.get(queue.popleft(), set()) - reached:
            reached.add(place)
            queue.append(place)
    assert ("raw.digital_events", "occurred_at") in reached
    assert ("raw.account_snapshot", "home_zip") not in reached


def test_the_seeds_of_the_dictionary_are_what_the_project_says(compiled: Compiled) -> None:
    feeds = [
        FeedColumn(feed.feed, field.origin, field.name)
        for feed in load_contracts(CONTRACTS, CONTRACTS).feeds.values()
        for field in feed.delivered
    ]
    register = read_register(ROOT / "governance", {})
    files = render_files(compiled.first, ROOT, feeds, register)
    assert files == render_files(compiled.later, ROOT, feeds, register)
    files.check(ROOT)


def test_law_tags_refused_in_credit_are_those_of_the_pack_in_force() -> None:
    refused = {
        row["law_tag"]
        for row in seed_rows("governance/law_tags")
        if row["is_refused_in_credit"] == "true"
    }
    (pack,) = packs_in_force(ROOT / "governance", date(9999, 1, 1))
    (use,) = [use for use in pack.rules if use.rule == RULE]
    assert refused == set(use.parameters["forbidden_tags"]) == FORBIDDEN_IN_CREDIT


def test_law_tags_refused_in_all_are_those_of_the_pack_in_force() -> None:
    refused = {
        row["law_tag"]
        for row in seed_rows("governance/law_tags")
        if row["is_refused_in_all"] == "true"
    }
    (pack,) = packs_in_force(ROOT / "governance", date(9999, 1, 1))
    (use,) = [use for use in pack.rules if use.rule == RULE_FOR_ALL]
    assert refused == set(use.parameters["tags"])


def test_each_rule_indicator_has_lineage_and_stated_tags_cover_what_it_inherits(
    compiled: Compiled,
) -> None:
    facts = {fact.kli_id: fact for fact in compiled.facts if fact.kli_id}
    assert {row["kli_id"] for row in seed_rows("kli_rules")} <= facts.keys()
    assert all(fact.status == "followed" for fact in facts.values())
    unstated = {
        kli_id: dict(fact.inherited)
        for kli_id, fact in facts.items()
        if FORBIDDEN_IN_CREDIT & fact.inherited.keys()
    }
    assert unstated == {}
