"""What dbt docs shows a reader: pages that are up to date, searchable, and linked."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from dbt.task.docs import DOCS_INDEX_FILE_PATH

from activation.governance.register import read_register
from activation.pages.files import render_pages
from tests.dbt.nodes import Node, segments_of
from tests.dbt.sessions import ROOT

LINK = re.compile(r"\]\(#!/([^)?]+)[^)]*\)")
OVERVIEW = "__overview__"


@pytest.fixture(scope="module")
def blocks(manifest: Node) -> dict[str, str]:
    """The project's doc blocks by name."""
    return {
        doc["name"]: doc["block_contents"]
        for doc in manifest["docs"].values()
        if doc["package_name"] == "tellerline"
    }


@pytest.fixture(scope="module")
def indicators() -> list[dict[str, str]]:
    """The lines of the taxonomy."""
    with (ROOT / "seeds" / "kli_taxonomy.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def links_of(text: str) -> list[str]:
    """Return the places within dbt docs that a text links to."""
    return LINK.findall(text)


def test_the_pages_are_what_the_project_says() -> None:
    render_pages(ROOT, read_register(ROOT / "governance", {})).check(ROOT)


def test_every_audience_destination_and_model_of_indicators_shows_its_page(
    models, manifest, blocks
):
    shown = {
        **{name: name for name in segments_of(models)},
        **{
            model["name"]: f"klis_of_{model['name']}"
            for model in models
            if isinstance(model["config"]["meta"].get("klis"), list)
        },
        "kli_rules__evaluated": "kli_rule_lines",
        "kli_rules": "kli_rule_lines",
        "kli_taxonomy": "__indicators__",
        "fct_member_klis": "__indicators__",
        "dict_segments": "__audiences__",
        **{
            exposure["name"]: f"destination_{exposure['name']}"
            for exposure in manifest["exposures"].values()
        },
    }
    described = {
        node["name"]: node["description"]
        for node in (*manifest["nodes"].values(), *manifest["exposures"].values())
        if node["resource_type"] in ("model", "seed", "exposure")
    }
    assert [name for name, page in shown.items() if blocks[page] not in described[name]] == []


def test_every_indicator_is_found_by_its_title_and_stands_on_its_familys_page(
    manifest, blocks, indicators
):
    searched = "\n".join(
        node["description"] for node in manifest["nodes"].values() if node["description"]
    )
    for row in indicators:
        place = blocks[f"__kli_{row['family']}__"]
        assert row["title"] in place
        assert row["kli_id"] in place or not row["parent"]
        if row["is_leaf"] == "true":
            assert f"**{row['title']}** `{row['kli_id']}`" in searched


def test_every_link_leads_to_a_page(manifest, blocks):
    nodes = {**manifest["nodes"], **manifest["exposures"]}
    places = {f"{node['resource_type']}/{unique_id}" for unique_id, node in nodes.items()} | {
        f"overview/{name.strip('_')}" for name in blocks if name.startswith("__")
    }
    links = {(name, link) for name, text in blocks.items() for link in links_of(text)}
    assert len(links) > 100
    assert [(name, link) for name, link in links if link not in places] == []


def test_the_overview_leads_to_audiences_and_indicators_in_two_clicks(models, blocks, indicators):
    def behind(place: str) -> set[str]:
        page = place.removeprefix("overview/")
        return set(links_of(blocks[f"__{page}__"])) if page != place else set()

    first = set(links_of(blocks[OVERVIEW]))
    second = first.union(*map(behind, first))
    families = {f"overview/kli_{row['family']}" for row in indicators}
    audiences = {f"model/model.tellerline.{name}" for name in segments_of(models)}
    assert families <= first
    assert audiences <= second
    # An audience's own page tells its goal, and leads to the goal's family.
    for name in segments_of(models):
        assert families & set(links_of(blocks[name])), name


def test_dbt_docs_shows_a_block_as_a_page_of_its_own() -> None:
    """What the links rest on, in the site that dbt ships."""
    text = Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
    assert 'url:"overview/:project_name?' in text
    assert "{name:`__${" in text


def test_seeds_and_snapshots_have_an_owner(manifest):
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    nodes = [
        node for node in manifest["nodes"].values() if node["resource_type"] in ("seed", "snapshot")
    ]
    assert len(nodes) > 20
    assert [node["name"] for node in nodes if not owners.get(node["config"].get("group"))] == []
    assert {
        node["config"]["meta"].get("sensitivity") for node in nodes if "seed." in node["unique_id"]
    } == {"internal"}


def test_comments_in_the_warehouse_end_where_the_pages_begin(built):
    comments = dict(
        built.rows("""
            select table_name, comment from duckdb_tables() where comment is not null
            union all
            select view_name, comment from duckdb_views() where comment is not null
        """)
    )
    assert comments["kli_rules"].endswith("One row per indicator.")
    assert comments["seg_recapture__mortgage_elsewhere"].endswith("One row per member.")
    assert [name for name, text in comments.items() if "#" in text] == []
