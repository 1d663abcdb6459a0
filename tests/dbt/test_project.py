"""What the project promises of its shape beyond conventions: sources, exposures, the one clock."""

from __future__ import annotations

import re
from datetime import date, datetime

import duckdb
import pytest
import yaml

from activation.lineage.visibility import PARAMETERS
from tests.dbt.nodes import layer_of, segments_of
from tests.dbt.sessions import ROOT, DbtSession
from tests.dbt.test_point_in_time import RELATIONS

DAYS = (28, 29, 30, 31, 32)
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


def test_only_the_dictionary_reads_snapshots(models):
    readers = {
        layer_of(model)
        for model in models
        for parent in model["depends_on"]["nodes"]
        if parent.startswith("snapshot.")
    }
    assert readers == {"dictionary"}


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
        # It tells of files and of no member.
        "stg_alkami__loads",
    }


def test_segments_have_two_columns_and_stand_by_their_goal(models):
    for model in models:
        if layer_of(model) != "segments":
            continue
        assert list(model["columns"]) == ["member_id", "reason"]
        goal = model["original_file_path"].split("/")[2]
        assert model["name"].startswith(f"seg_{goal}__")


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


def test_audiences_of_purpose_suppression_and_no_others_suppress(models):
    suppressing = {
        f"model.tellerline.{name}"
        for name, facts in segments_of(models).items()
        if facts["purpose"] == "suppression"
    }
    readers = {
        (model["name"], parent)
        for model in models
        if layer_of(model) == "activation"
        for parent in model["depends_on"]["nodes"]
        if ".seg_" in parent
    }
    assert suppressing
    assert readers == {("act_suppressions", parent) for parent in suppressing}


@pytest.mark.parametrize(
    "node",
    ["test.tellerline.assert_segments_are_sound", "model.tellerline.msr_segment_sizes"],
)
def test_every_segment_is_checked_and_counted(models, manifest, node):
    parents = {parent.split(".")[-1] for parent in manifest["nodes"][node]["depends_on"]["nodes"]}
    assert set(segments_of(models)) <= parents


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


def test_sources_that_no_feed_fills_and_no_segment_may_read_say_what_they_remember(manifest):
    feeds = {path.stem for path in (ROOT / "ingestion" / "feeds").glob("*.yml")}
    own = {
        source["unique_id"]: bool(source["config"]["meta"].get("remembers"))
        for source in manifest["sources"].values()
        if source["name"] not in feeds
        and {"member_id", "membership_count", "logic_checksum"} & source["columns"].keys()
    }
    assert len(own) >= 6
    assert all(own.values()), own


def test_the_clock_is_the_only_parameter(models):
    found = {m["name"] for m in models if m["config"]["meta"].get("parameter")}
    assert found == PARAMETERS == {"as_of"}


def test_every_incremental_model_is_held_equal_to_a_full_build(models):
    compared = {name.partition(".")[2] for name in RELATIONS}
    incremental = {m["name"] for m in models if m["config"]["materialized"] == "incremental"}
    assert incremental
    assert incremental <= compared


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


@pytest.mark.parametrize("given", ['"2026-06-31"', "2026-06-30 10:00:00", "[2026]", '""'])
def test_a_day_that_no_calendar_has_is_refused_by_name(built, tmp_path, capsys, given):
    session = DbtSession(tmp_path, built.parsed)
    inline = "select '{{ given_as_of_date() }}'"
    with pytest.raises(AssertionError):
        session.invoke("compile", "--inline", inline, "--vars", f"{{as_of_date: {given}}}")
    said = capsys.readouterr().out
    assert "The variable as_of_date is " in said
    assert """--vars '{as_of_date: "2026-06-30"}'""" in said


@pytest.mark.parametrize(
    "given",
    [
        '"2026-06-31"',
        '"2026-06-30T24:00Z"',
        '"2026-06-30T06:60:00Z"',
        '"2026-06-30T06:00:00"',
        '"2026-06-30T06:00:00+02:00"',
        "2026-06-30 10:00:00",
        '"yesterday"',
        '""',
    ],
)
def test_an_instant_that_is_none_in_utc_is_refused_by_name(built, tmp_path, capsys, given):
    session = DbtSession(tmp_path, built.parsed)
    inline = "select {{ given_known_until() }}"
    with pytest.raises(AssertionError):
        session.invoke("compile", "--inline", inline, "--vars", f"{{known_until: {given}}}")
    said = capsys.readouterr().out
    assert "The variable known_until is " in said
    assert """--vars '{known_until: "2026-07-01T06:00:00Z"}'""" in said


def test_instants_are_in_utc_and_a_day_counts_whole(built, tmp_path):
    session = DbtSession(tmp_path, built.parsed)
    for given, instant in (
        ('"2026-02-28"', "2026-03-01 00:00:00"),
        ("2026-02-28", "2026-03-01 00:00:00"),
        ('"2026-02-28T23:59Z"', "2026-02-28 23:59:00"),
        # As a ledger entry and the manifest of a published version have it.
        ('"2026-02-28T23:59:59.250Z"', "2026-02-28 23:59:59.250000"),
        # Without quotes, it is read as one by dbt itself.
        ("2026-02-28T23:59:59Z", "2026-02-28 23:59:59"),
    ):
        inline = "select {{ given_known_until() }}"
        done = session.invoke("compile", "--inline", inline, "--vars", f"{{known_until: {given}}}")
        with duckdb.connect() as connection:
            row = connection.execute(done.results[0].node.compiled_code).fetchone()
        assert row == (datetime.fromisoformat(instant),), given


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            '{as_of: "2026-06-30"}',
            "The variable as_of is none of this project. It has as_of_date, ",
        ),
        (
            '{known_until: "1999-12-31"}',
            "when no file had been received: the first came at ",
        ),
    ],
)
def test_a_past_that_would_be_another_one_is_refused(built, tmp_path, capsys, variables, words):
    session = DbtSession(built.copied_to(tmp_path).home)
    with pytest.raises(AssertionError):
        session.invoke("run", "--select", "as_of", "--vars", variables)
    assert words in capsys.readouterr().out


def test_all_variables_of_the_project_are_known():
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    macro = (ROOT / "macros" / "variables.sql").read_text(encoding="utf-8")
    [names] = re.findall(r"return\(\[(.*)\]\)", macro)
    assert [name.strip(" '") for name in names.split(",")] == list(project["vars"])


def test_whatever_reads_a_feed_keeps_to_the_files_that_are_known(manifest):
    feeds = {
        source["unique_id"]
        for source in manifest["sources"].values()
        if (ROOT / "ingestion" / "feeds" / f"{source['name']}.yml").is_file()
    }
    # By the macro, or by choosing among the files of staging, which keeps to them itself.
    readers = {
        node["name"]: "macro.tellerline.is_of_known_file" in node["depends_on"]["macros"]
        or "model.tellerline.stg_alkami__loads" in node["depends_on"]["nodes"]
        for node in manifest["nodes"].values()
        if feeds & set(node["depends_on"].get("nodes", ()))
    }
    # That a file conserves its rows is asked of the files as they are.
    assert not readers.pop("assert_loads_conserve_rows")
    assert len(readers) >= 9
    assert all(readers.values()), readers


def test_days_are_those_of_the_calendar(built, tmp_path):
    ends = [f"{y}-{m:02}-{d}" for y in (1900, 2000, 2024, 2026) for m in range(14) for d in DAYS]
    texts = [*ends, "2026-06-30", "0000-01-01", "2026-6-3", "20260630", "", "x'y", "2026-06-30 1"]
    session = DbtSession(tmp_path, built.parsed)
    inline = f"{{% for text in {texts} %}}{{{{ is_calendar_day(text) }}}} {{% endfor %}}"
    (result,) = session.invoke("compile", "--inline", inline).results
    assert result.node.compiled_code.split() == [str(is_day(text)) for text in texts]


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
