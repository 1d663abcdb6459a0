"""Every column is described and owned, and nothing may leave that nobody reviewed."""

from __future__ import annotations

import re

import yaml

from tests.dbt.nodes import layer_of, segments_of
from tests.dbt.sessions import ROOT

SEGMENT_KEYS = {
    "title", "owner", "purpose", "goal_kli", "legal_basis", "channels", "destinations",
    "sensitivity", "credit_related", "holdout_ratio", "frequency_cap", "minimum_size",
    "maximum_size", "expires_on", "version",
}  # fmt: skip
DATASETS = {
    "attributes": None,
    "caps": ["member_id", "channel", "touched_date", "touch_count"],
    "consents": [
        "member_id", "channel", "purpose", "is_granted", "effective_at", "recorded_at", "source",
        "text_version", "consent_event_id",
    ],
    "dict_attributes": None,
    "dict_klis": None,
    "dict_segments": None,
    "holdouts": ["segment_id", "member_id"],
    "identities": [
        "member_id", "identifier_kind", "identifier_value", "is_valid", "resolution_rule",
        "evidence",
    ],
    "suppressions": ["member_id", "channel", "suppression_reason", "since_date"],
}  # fmt: skip


def test_every_column_from_core_upward_is_described_typed_and_owned(models, manifest):
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    wrong = []
    for model in models:
        if layer_of(model) == "staging":
            continue
        meta = model["config"]["meta"]
        assert model["config"]["contract"]["enforced"], model["name"]
        assert model["columns"], model["name"]
        assert re.search(r"One row", model["description"]), model["name"]
        assert meta["grain"], model["name"]
        for column in model["columns"].values():
            is_described = len(column["description"].strip()) >= 10
            is_owned = bool(meta.get("owner") or owners.get(model["config"]["group"]))
            if not (is_described and column["data_type"] and is_owned and meta["sensitivity"]):
                wrong.append((model["name"], column["name"]))
    assert wrong == []


def test_dictionary_holds_every_column_from_core_upward(built, models):
    listed = set(built.rows("select model_name, attribute_name from dictionary.dict_attributes"))
    expected = {
        (model["name"], column)
        for model in models
        if layer_of(model) != "staging"
        for column in model["columns"]
    }
    assert listed == expected


def test_nothing_may_leave_but_reviewed_attributes(built):
    rows = built.rows(
        "select model_name from dictionary.dict_attributes where len(allowed_destinations) > 0"
    )
    assert {row[0] for row in rows} == {"act_attributes"}
    tagged = built.rows("""
        select count(*) from dictionary.dict_attributes
        where len(allowed_destinations) > 0 and (
            list_has_any(law_tags, ['prohibited_basis', 'proxy', 'contact_data', 'account_number'])
            or data_type like 'decimal%'
        )
    """)
    assert tagged == [(0,)]


def test_segments_state_exactly_the_facts_that_govern_them(models):
    segments = segments_of(models)
    assert len(segments) == 4
    for name, facts in segments.items():
        assert set(facts) == SEGMENT_KEYS, name
        assert set(facts["frequency_cap"]) == {"maximum_touches", "window_days"}, name
        assert 0 <= facts["holdout_ratio"] <= 0.5, name


def test_segments_send_only_what_may_go_there(models):
    attributes = next(m for m in models if m["name"] == "act_attributes")["columns"]
    for name, facts in segments_of(models).items():
        for destination, columns in facts["destinations"].items():
            for column in columns:
                allowed = attributes[column]["config"]["meta"]["allowed_destinations"]
                assert destination in allowed, (name, destination, column)


def test_segments_go_to_registered_destinations_with_mapped_attributes(models):
    path = ROOT / "governance" / "destinations.yml"
    register = yaml.safe_load(path.read_text(encoding="utf-8"))["destinations"]
    for name, facts in segments_of(models).items():
        for destination, columns in facts["destinations"].items():
            entry = register[destination]
            mapped = {field.get("attribute") for field in entry["fields"].values()}
            assert set(columns) <= mapped, (name, destination)
            assert entry["channel"] in facts["channels"], (name, destination)
            assert facts["purpose"] in entry["purposes"], (name, destination)


def test_published_datasets_have_their_columns(models):
    published = {
        m["config"]["meta"]["publish"]: list(m["columns"])
        for m in models
        if "publish" in m["config"]["meta"]
    }
    assert set(published) == set(DATASETS)
    for dataset, columns in DATASETS.items():
        if columns is not None:
            assert published[dataset] == columns, dataset
    assert published["attributes"][0] == "member_id"


def test_indicator_models_assign_what_their_yaml_says(built, models):
    for model in models:
        stated = model["config"]["meta"].get("klis")
        # What scores are made of and scores themselves are no indicators.
        if not model["name"].startswith("kli_") or "kli_id" not in model["columns"]:
            continue
        rows = built.rows(f"select distinct kli_id from klis.{model['name']}")
        if stated == "kli_rules":
            stated = [row[0] for row in built.rows("select kli_id from seeds.kli_rules")]
        assert {row[0] for row in rows} <= set(stated), model["name"]


def test_all_groups_are_owned_by_teams(manifest):
    for group in manifest["groups"].values():
        assert re.fullmatch(r"[a-z]+_(team|analytics)", group["owner"]["name"])
        assert re.fullmatch(r"[a-z-]+@example\.com", group["owner"]["email"])
