"""Every column is described and owned, and nothing may leave that nobody reviewed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from activation.segments.template import owners_of
from tests.dbt.nodes import layer_of, segments_of
from tests.dbt.sessions import LAST_DAY, ROOT, DbtSession

SEGMENT_KEYS = {
    "title", "owner", "purpose", "goal_kli", "legal_basis", "channels", "destinations",
    "sensitivity", "credit_related", "holdout_ratio", "frequency_cap", "minimum_size",
    "maximum_size", "expires_on", "version",
}  # fmt: skip
GOALS = {
    "business", "cross_sell", "deposit_growth", "digital_adoption", "onboarding", "re_engagement",
    "recapture", "retention", "suppression",
}  # fmt: skip
DATASETS = {
    "attributes": None,
    "caps": ["member_id", "channel", "touched_date", "touch_count"],
    "consents": [
        "member_id", "channel", "purpose", "is_granted", "effective_at", "recorded_at", "source",
        "text_version", "consent_event_id",
    ],
    "dict_attributes": None,
    "dict_changes": None,
    "dict_klis": None,
    "dict_lineage": None,
    "dict_segments": None,
    "holdouts": ["segment_id", "member_id"],
    "identities": [
        "member_id", "identifier_kind", "identifier_value", "is_valid", "resolution_rule",
        "evidence",
    ],
    "suppressions": ["member_id", "channel", "suppression_reason", "since_date"],
}  # fmt: skip


def test_every_column_from_core_upward_is_described_and_owned(models, manifest):
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    wrong = []
    for model in models:
        if layer_of(model) == "staging":
            continue
        meta = model["config"]["meta"]
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            is_described = len(column["description"].strip()) >= 10
            is_owned = bool(meta.get("owner") or owners.get(model["config"]["group"]))
            if not (is_described and is_owned):
                wrong.append((model["name"], column["name"]))
    assert wrong == []


def test_every_indicator_is_owned_by_the_team_of_its_model(built, models, manifest):
    groups = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    owners = {
        m["name"]: m["config"]["meta"].get("owner") or groups[m["config"]["group"]] for m in models
    }
    rows = built.rows("select kli_id, model_name, owner from dictionary.dict_klis")
    taxonomy = manifest["nodes"]["seed.tellerline.kli_taxonomy"]["config"]["group"]
    assert {model for _, model, _ in rows} >= {None, "kli_rules__evaluated"}
    assert [row for row in rows if row[2] != owners.get(row[1], groups[taxonomy])] == []


def test_every_list_of_values_is_checked(manifest):
    nodes = manifest["nodes"].values()
    checked = {
        node["attached_node"]: node["compiled_code"]
        for node in nodes
        if node["resource_type"] == "test" and node["name"].endswith("__holds")
    }
    lists = [
        (node["unique_id"], column["name"])
        for node in nodes
        if node["resource_type"] in ("model", "seed")
        for column in node["columns"].values()
        if column["config"]["meta"].get("allowed_values")
    ]
    assert len(lists) > 50
    assert [
        (unique_id, name)
        for unique_id, name in lists
        if f"'words of {name}' as promise" not in checked.get(unique_id, "")
    ] == []


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
    assert {name.removeprefix("seg_").split("__")[0] for name in segments} == GOALS
    assert len(segments) >= 16
    for name, facts in segments.items():
        assert set(facts) == SEGMENT_KEYS, name
        assert set(facts["frequency_cap"]) == {"maximum_touches", "window_days"}, name
        assert 0 <= facts["holdout_ratio"] <= 0.5, name


def test_segments_are_owned_by_a_team_that_owns_a_group(models):
    owners = owners_of(ROOT / "models" / "groups.yml")
    assert {facts["owner"] for facts in segments_of(models).values()} <= owners


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


def test_every_column_lists_its_values_or_says_why_they_are_open(built):
    silent = built.rows("""
        select model_name, attribute_name from dictionary.dict_attributes
        where value_space = '' or (value_space = 'listed') <> (len(allowed_values) > 0)
    """)
    assert silent == []


def test_lineage_of_every_column_is_known_or_says_why_not(built):
    unwritten = built.rows("""
        select model_name, attribute_name from dictionary.dict_attributes
        where
            lineage_status = 'unknown'
            and (lineage_reason is null or starts_with(lineage_reason, 'Not written'))
    """)
    assert unwritten == [], (
        "run `dbt compile --selector everything && tellerline dictionary lineage --write`"
    )
    described = built.rows("""
        select count(*) from dictionary.dict_attributes
        where lineage_status = 'followed' and layer = 'klis' and len(made_from) > 0
    """)
    assert described > [(0,)]


def test_every_mapped_field_of_a_destination_leads_back_to_a_feed(built):
    register = yaml.safe_load((ROOT / "governance" / "destinations.yml").read_text())
    led_back = built.rows("""
        with recursive way as (
            select to_relation || '.' || to_column as field, from_relation, from_column, from_layer
            from dictionary.dict_lineage
            where to_layer = 'destination' and edge_kind = 'value'
            union
            select way.field, edges.from_relation, edges.from_column, edges.from_layer
            from way
            join dictionary.dict_lineage as edges
                on way.from_relation = edges.to_relation
                and edges.to_column in (way.from_column, '*')
        )
        select distinct field from way where from_layer = 'feed'
    """)
    assert {row[0] for row in led_back} == {
        f"destination.{name}.{field}"
        for name, entry in register["destinations"].items()
        for field in entry["fields"]
    }


def test_first_build_tells_no_changes(built):
    assert built.rows("select count(*) from dictionary.dict_changes") == [(0,)]


class Redefined:
    """A home in which a segment is defined anew, and days are loaded and taken back."""

    def __init__(self, built: DbtSession, folder: Path) -> None:
        self.home = built.copied_to(folder)

    def load(self, days: int) -> None:
        """Let a file arrive so many days after the last one of the fixture, and no later one."""
        with self.home.connect(read_only=False) as connection:
            connection.execute(f"""
                delete from raw.loads where load_id = 'later';
                insert into raw.loads by name
                select 'later' as load_id, 'digital_events' as feed, 'loaded' as state,
                    max(business_date) + {days} as business_date
                from raw.loads
            """)
        self.home.invoke("run", "--select", "stg_alkami__loads", "as_of")

    def build(self, title: str | None) -> None:
        """Build with this title of one segment; without one, there is no such segment."""
        with self.home.connect(read_only=False) as connection:
            connection.execute("delete from dictionary.dict_segments where segment_id = 'x__y'")
            if title is not None:
                connection.execute(f"""
                    insert into dictionary.dict_segments
                    select * replace ('x__y' as segment_id, '{title}' as title)
                    from dictionary.dict_segments limit 1
                """)
        self.home.invoke("snapshot", "--select", "snap_dict_segments")
        self.home.invoke("run", "--select", "dict_changes")

    def changes(self) -> list[tuple[Any, ...]]:
        """Return what changed, with the day after the last one of the fixture as day 1."""
        return self.home.rows(f"""
            select date_diff('day', date '{LAST_DAY}', changed_at) - 1, change_kind, before_text,
                after_text
            from dictionary.dict_changes
            order by all
        """)


def test_a_day_that_is_built_several_times_has_one_version(built, tmp_path):
    story = Redefined(built, tmp_path)
    story.load(1)
    for title in ("a", "b"):
        story.build(title)
    story.load(2)
    for title in ("c", "d"):
        story.build(title)
    assert story.changes() == [(1, "added", None, None), (2, "changed", "b", "d")]


@pytest.mark.breadth
def test_days_that_are_built_again_or_taken_back_have_one_version(built, tmp_path):
    story = Redefined(built, tmp_path)
    # The first day once more, with an entry that comes and goes.
    story.build("gone by the evening")
    story.build(None)
    assert story.changes() == []
    story.load(1)
    for title in ("a", "b", "a", "c"):
        story.build(title)
    assert story.changes() == [(1, "added", None, None)]
    story.load(2)
    for title in ("d", None, "e"):
        story.build(title)
    told = [(1, "added", None, None), (2, "changed", "c", "e")]
    assert story.changes() == told
    # A build after the last day was taken back says nothing else of the days before it.
    story.load(1)
    story.build("f")
    told = [(1, "added", None, None), (2, "changed", "c", "f")]
    assert story.changes() == told
    story.load(3)
    story.build("g")
    assert story.changes() == [*told, (3, "changed", "f", "g")]
    story.build(None)
    assert story.changes() == [*told, (3, "removed", None, None)]


def test_law_tags_are_those_of_the_closed_list_and_credit_segments_rest_on_none_refused(built):
    (check,) = [
        node["compiled_code"]
        for node in built.manifest["nodes"].values()
        if node["name"] == "assert_law_tags_hold"
    ]
    assert built.rows(check) == []
    spoilings = {
        "list_append(law_tags, 'nip')": "is no known law tag",
        "list_append(law_tags, 'proxy')": "a credit-related segment or a suppression: seg_x",
        "list_append(law_tags, 'sensitive')": "is upstream of a segment: seg_x",
    }
    for law_tags, problem in spoilings.items():
        with built.connect() as connection:
            # What the test reads is spoiled in temporary views: what was built stays as it is.
            connection.execute(
                "create temp view spoiled_dict_segments as "
                "select * replace (true as is_credit_related) from dictionary.dict_segments"
            )
            connection.execute(
                f"create temp view spoiled_dict_attributes as select * replace ({law_tags} "
                "as law_tags, ['seg_x.member_id ← home_zip [proxy]'] as law_tag_paths) "
                "from dictionary.dict_attributes where layer = 'segments'"
            )
            sql = check
            for name in ("dict_segments", "dict_attributes"):
                sql = sql.replace(f'"warehouse"."dictionary"."{name}"', f"spoiled_{name}")
            found = connection.execute(sql).fetchall()
        assert any(problem in row[2] for row in found), law_tags
