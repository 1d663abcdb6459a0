"""What the project promises of itself: layers, names, dictionary, contracts, the one clock."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.dbt.sessions import ROOT, DbtSession

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
NAMES = {
    "staging": r"stg_[a-z]+__[a-z_]+s",
    "core": r"as_of|(dim|fct)_[a-z_]+",
    "identity": r"(dim|fct|act)_[a-z_]+s",
    "klis": r"kli_[a-z_]+?__[a-z_]+|fct_member_klis|dim_member_profile",
    "segments": r"seg_[a-z_]+?__[a-z_]+",
    "activation": r"act_[a-z_]+s",
    "dictionary": r"dict_[a-z_]+s",
    "measurement": r"msr_[a-z_]+s",
}
# Which layers a layer may read; only identity reads the vault.
READS = {
    "staging": {"source", "core.as_of", "staging.stg_alkami__loads"},
    "core": {"staging", "core", "seed"},
    "identity": {"source", "identity", "core.as_of"},
    "klis": {"core", "klis", "seed"},
    "segments": {"klis.dim_member_profile", "klis.fct_member_klis"},
    "activation": {"core", "klis.dim_member_profile", "measurement"},
    "dictionary": {"seed"},
    "measurement": {"staging"},
}
COLUMN_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 2)",
    "rate": "decimal(9, 6)",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
LOAD_COLUMNS = {
    "business_date": "date",
    "load_id": "varchar",
    "file_sha256": "varchar",
    "line_number": "bigint",
    "loaded_at": "timestamp",
}


@pytest.fixture(scope="module")
def manifest(built: DbtSession) -> dict[str, Any]:
    return built.manifest


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer_of(node: dict[str, Any]) -> str:
    return str(node["config"]["meta"]["layer"])


def segments_of(models: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        model["name"]: model["config"]["meta"]["segment"]
        for model in models
        if "segment" in model["config"]["meta"]
    }


def test_names_follow_the_grammar_of_their_layer(models):
    wrong = [m["name"] for m in models if not re.fullmatch(NAMES[layer_of(m)], m["name"])]
    assert wrong == []


def test_layers_read_only_what_lies_below(models, manifest):
    wrong = []
    for model in models:
        allowed = READS[layer_of(model)]
        for parent in model["depends_on"]["nodes"]:
            kind, _, *rest = parent.split(".")
            if kind == "model":
                node = manifest["nodes"][parent]
                found = {layer_of(node), f"{layer_of(node)}.{node['name']}"}
            else:
                found = {kind}
            if not allowed & found:
                wrong.append((model["name"], ".".join(rest)))
    assert wrong == []


def test_only_the_identity_group_reads_the_vault(models):
    readers = {
        m["name"] for m in models if "source.tellerline.vault.contacts" in m["depends_on"]["nodes"]
    }
    assert readers == {"dim_contacts"}
    assert {m["database"] for m in models if layer_of(m) == "identity"} == {"vault"}
    assert {m["database"] for m in models if layer_of(m) != "identity"} == {"warehouse"}


def test_private_models_cannot_be_reached_by_segments(models):
    groups = {m["name"]: (m["config"]["group"], m["config"]["access"]) for m in models}
    open_to_segments = {name for name, (group, access) in groups.items() if access != "private"}
    assert {
        name for name in open_to_segments if name.startswith(("stg_", "kli_", "fct_", "dim_"))
    } == {
        "fct_member_klis",
        "dim_member_profile",
    }


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


def test_segments_are_short_and_have_two_columns(models):
    for model in models:
        if layer_of(model) != "segments":
            continue
        assert list(model["columns"]) == ["member_id", "reason"]
        assert len((ROOT / model["original_file_path"]).read_text().splitlines()) < 60
        goal = model["original_file_path"].split("/")[2]
        assert model["name"].startswith(f"seg_{goal}__")


def test_segments_send_only_what_may_go_there(models):
    attributes = next(m for m in models if m["name"] == "act_attributes")["columns"]
    for name, facts in segments_of(models).items():
        for destination, columns in facts["destinations"].items():
            for column in columns:
                allowed = attributes[column]["config"]["meta"]["allowed_destinations"]
                assert destination in allowed, (name, destination, column)


def test_exposures_end_where_segments_go(models, manifest):
    going = {
        (destination, name)
        for name, facts in segments_of(models).items()
        for destination in facts["destinations"]
    }
    shown = {
        (exposure["name"], node.split(".")[-1])
        for exposure in manifest["exposures"].values()
        for node in exposure["depends_on"]["nodes"]
        if ".seg_" in node
    }
    assert shown == going


def test_every_segment_and_rule_model_has_unit_tests(models, manifest):
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    untested = [
        model["name"]
        for model in models
        if layer_of(model) in {"segments", "klis"} and model["name"] not in tested
    ]
    assert untested == []


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
        if not model["name"].startswith("kli_"):
            continue
        rows = built.rows(f"select distinct kli_id from klis.{model['name']}")
        if stated == "kli_rules":
            stated = [row[0] for row in built.rows("select kli_id from seeds.kli_rules")]
        assert {row[0] for row in rows} <= set(stated), model["name"]


def test_all_groups_are_owned_by_teams(manifest):
    for group in manifest["groups"].values():
        assert re.fullmatch(r"[a-z]+_(team|analytics)", group["owner"]["name"])
        assert re.fullmatch(r"[a-z-]+@example\.com", group["owner"]["email"])


def test_sources_are_the_contracts_of_the_feeds(manifest):
    sources = {source["name"]: source for source in manifest["sources"].values()}
    for path in sorted((ROOT / "ingestion" / "feeds").glob("*.yml")):
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        expected = {f["name"]: COLUMN_TYPES[f["type"]] for f in contract["fields"]} | LOAD_COLUMNS
        source = sources[contract["feed"]]
        found = {column["name"]: column["data_type"] for column in source["columns"].values()}
        assert list(found.items()) == list(expected.items()), contract["feed"]
        assert source["database"] == (
            "vault" if contract.get("destination") == "vault" else "warehouse"
        )


def test_the_clock_is_the_only_parameter(models):
    assert [m["name"] for m in models if m["config"]["meta"].get("parameter")] == ["as_of"]


def test_no_model_asks_the_engine_for_the_time(models):
    words = re.compile(
        r"\b(now|current_date|current_timestamp|today|getdate|sysdate)\b", re.IGNORECASE
    )
    wrong = [m["name"] for m in models if words.search(m["raw_code"])]
    assert wrong == []


def test_warehouse_holds_no_contact_data(built):
    with built.connect() as connection:
        planted = [
            row[0]
            for column in ("email", "street_address", "last_name", "phone")
            for row in connection.execute(
                f"select distinct lower(trim({column})) from vault.raw.contacts "
                f"where {column} is not null"
            ).fetchall()
            if len(row[0]) > 8
        ]
        connection.execute("create temp table planted as select unnest(?) as value", [planted])
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = 'warehouse' and data_type = 'VARCHAR'"
        ).fetchall()
        for schema, table, column in columns:
            hits = connection.execute(
                f'select count(*) from "{schema}"."{table}" '
                f'where lower(trim("{column}")) in (select value from planted)'
            ).fetchone()
            assert hits == (0,), (schema, table, column)
