"""Scores: reckoned again in plain Python, fair in what they read, and refused when unfit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import duckdb
import pytest

from activation.lineage import column_lineage
from benchmarks.scoring.page import PAGE, render_page
from tests.dbt.nodes import Node
from tests.dbt.reading import read_seed
from tests.dbt.sessions import ROOT, DbtSession

CHECK = "assert_segments_use_fit_scores"
DEFINITIONS = read_seed("score_definitions")
COEFFICIENTS = read_seed("score_coefficients")
CARDS = [row for row in DEFINITIONS if row["kind"] == "scorecard"]
TABLES = ("measurement.msr_score_cards", "seeds.score_definitions")


@pytest.fixture(scope="module")
def features(built: DbtSession) -> list[dict[str, Any]]:
    with built.connect() as connection:
        cursor = connection.execute("select * from klis.kli_predictive__features")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def spoiled(built: DbtSession) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy in memory of what the check reads, to be spoiled."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.home / 'warehouse.duckdb'}' as kept (read_only)")
        connection.execute("attach ':memory:' as warehouse")
        for table in TABLES:
            connection.execute(f"create schema if not exists warehouse.{table.split('.')[0]}")
            connection.execute(f"create table warehouse.{table} as select * from kept.{table}")
        yield connection


def refusals(
    built: DbtSession, connection: duckdb.DuckDBPyConnection, kli_id: str
) -> set[tuple[str, str]]:
    """Return (score, problem) when one segment names `kli_id`."""
    nodes = built.manifest["nodes"].values()
    sql = next(node["compiled_code"] for node in nodes if node["name"] == CHECK)
    before, _, after = sql.partition("used as (")
    _, _, after = after.partition("\n),") if "\n),\n" in after else after.partition("\n)")
    used = f"used as (select 'goal__audience' as segment_id, '{kli_id}' as kli_id)"
    rows = connection.execute(before + used + after).fetchall()
    return {(row[2], row[3]) for row in rows}


def reckoned(card: dict[str, str], row: dict[str, Any]) -> tuple[int, float, tuple[str, ...]]:
    """Return score, probability and reason codes of one member by one scorecard."""
    base, parts = 0, []
    for line in COEFFICIENTS:
        if (line["score_id"], line["version"]) != (card["score_id"], card["version"]):
            continue
        points = int(line["points"])
        if line["feature_id"] == "base":
            base = points
            continue
        value = float(row[line["feature_id"]])
        above = not line["bin_lower"] or value >= float(line["bin_lower"])
        if above and (not line["bin_upper"] or value < float(line["bin_upper"])):
            parts.append((-points, line["feature_id"]))
    total = -sum(points for points, _ in parts)
    reasons = tuple(feature for points, feature in sorted(parts)[:3] if points <= -10)
    return max(0, min(1000, 500 + total)), 1 / (1 + 2 ** (-(base + total) / 100)), reasons


def test_scores_are_those_of_an_independent_reckoning(built, features):
    rows = built.rows(
        "select member_id, score_id, score, probability, reason_code_1, reason_code_2, "
        "reason_code_3 from klis.kli_predictive__scores"
    )
    expected = {
        (row["member_id"], card["score_id"]): reckoned(card, row)
        for card in CARDS
        for row in features
        if not (card["excluded_by"] and row[card["excluded_by"]] > 0)
    }
    assert {row[:2] for row in rows} == set(expected)
    assert len({row[1] for row in rows}) == len(CARDS)
    for member_id, score_id, score, probability, *codes in rows:
        wanted, chance, reasons = expected[member_id, score_id]
        assert score == wanted
        assert abs(float(probability) - chance) <= 0.00005001
        assert tuple(code for code in codes if code) == reasons


def test_only_active_adults_are_scored(built):
    strangers = built.rows("""
        select count(*) from klis.kli_predictive__scores as scores
        left join core.dim_members as members on scores.member_id = members.member_id
        where
            members.member_id is null
            or members.member_type <> 'individual'
            or members.member_status <> 'active'
            or members.is_minor
    """)
    assert strangers == [(0,)]
    assert built.rows(
        "select count(distinct member_id) > 100 from klis.kli_predictive__scores"
    ) == [(True,)]


def test_every_scorecard_covers_every_value_of_features_that_exist(features):
    bins = defaultdict(list)
    for line in COEFFICIENTS:
        bins[line["score_id"], line["version"], line["feature_id"]].append(
            (
                float(line["bin_lower"] or "-inf"),
                float(line["bin_upper"] or "inf"),
            )
        )
    for (score_id, version, feature), found in bins.items():
        assert feature == "base" or feature in features[0], (score_id, feature)
        ordered = sorted(found)
        assert ordered[0][0] == float("-inf"), (score_id, feature)
        assert ordered[-1][1] == float("inf"), (score_id, feature)
        assert all(low[1] == high[0] for low, high in pairwise(ordered))
        assert (score_id, version, "base") in bins
    assert {(card["score_id"], card["version"], "base") for card in CARDS} <= set(bins)


def test_no_score_rests_on_a_prohibited_basis_or_a_proxy(manifest: Node):
    tags = {
        (node["name"], column["name"]): set(
            column["config"]["meta"].get("law_tags", node["config"]["meta"].get("law_tags", []))
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"].values()
    }
    sources = defaultdict(set)
    for edge in column_lineage(manifest, ROOT):
        sources[edge.to_relation, edge.to_column].add((edge.from_relation, edge.from_column))
    seen: set[tuple[str, str]] = set()
    waiting = [key for key in sources if key[0] == "kli_predictive__bands"]
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            waiting += sources[key]
    assert ("dim_members", "member_since_date") in seen
    assert not [key for key in seen if tags.get(key, set()) & {"prohibited_basis", "proxy"}]


def test_all_scores_in_force_may_be_used(built):
    assert (
        built.rows(
            "select score_id, unusable_reason from measurement.msr_score_cards where not is_usable"
        )
        == []
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("is_usable = false, unusable_reason = 'Its review date has passed'", "review date"),
        ("is_usable = false, unusable_reason = 'It is below its floor'", "below its floor"),
    ],
)
def test_a_segment_on_an_unfit_score_is_refused(built, spoiled, change, problem):
    kli_id = "predictive__churn_risk_high"
    assert refusals(built, spoiled, kli_id) == set()
    spoiled.execute(
        f"update warehouse.measurement.msr_score_cards set {change} where score_id = 'churn_risk'"
    )
    ((score_id, found),) = refusals(built, spoiled, kli_id)
    assert score_id == "churn_risk"
    assert problem in found
    assert refusals(built, spoiled, "predictive__propensity_mortgage") == set()


def test_the_next_best_product_rests_on_its_score_and_on_the_choice(built, spoiled):
    kli_id = "predictive__next_best_product_heloc"
    assert refusals(built, spoiled, kli_id) == set()
    spoiled.execute("update warehouse.measurement.msr_score_cards set is_usable = false")
    assert {score_id for score_id, _ in refusals(built, spoiled, kli_id)} == {
        "propensity_heloc",
        "next_best_product",
    }


@pytest.mark.parametrize("name", ["predictive__%", "predictive__churn_risk_low", "predictive__"])
def test_a_segment_that_names_no_indicator_in_full_is_refused(built, spoiled, name):
    assert refusals(built, spoiled, name) == {(None, "No score gives this indicator")}


def test_the_check_knows_what_segments_name(built):
    node = (
        built.invoke("compile", "--inline", "{{ segments_naming('competitive__') }}")
        .results[0]
        .node
    )
    assert "('recapture__mortgage_elsewhere', 'competitive__mortgage')" in node.compiled_code
    assert "('deposit_growth__payroll_elsewhere', 'competitive__payroll')" in node.compiled_code


def test_the_page_of_score_cards_says_what_the_seeds_say():
    assert PAGE.read_text(encoding="utf-8") == render_page()
