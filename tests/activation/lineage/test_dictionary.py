"""What the dictionary learns from lineage: origins, inherited law tags, users, and its seeds."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from activation.generated import GeneratedFiles
from activation.governance.register import Register
from activation.lineage.columns import Edge, fold_rows
from activation.lineage.dependencies import Dependencies
from activation.lineage.dictionary import ColumnFacts, describe_columns
from activation.lineage.dictionary_files import (
    EDGES_FILE,
    render_files,
)
from activation.lineage.library import Library
from activation.lineage.manifest import read_project
from activation.lineage.origins import FeedColumn
from activation.lineage.pedigree import Pedigree, trace_lineage
from activation.policies.lineage import Basis, refuse_forbidden_basis
from activation.policies.packs import Pack
from tellerline.errors import ContractError, PolicyRefusedError, RunStoppedError, UsageError
from tests.activation.installation import ENTRY, Installation, publish
from tests.activation.lineage.manifests import Project, table

TAXONOMY = "kli_id,is_leaf,law_tags\nclient,false,\nretired,true,npi|proxy\ncoffee,true,npi\n"
TAXONOMY_TYPES = {"kli_id": "varchar", "is_leaf": "boolean", "law_tags": "varchar"}
FEEDS = [FeedColumn("people", "birthYear", "born"), FeedColumn("people", "number", "member_id")]
REGISTER = Register.model_validate(
    {
        "destinations": {
            "portal": {
                **ENTRY,
                "type": "hubspot",
                "title": "Portal",
                "channel": "email",
                "base_url": "https://example.com",
                "fields": {"age": {"attribute": "age_band"}, "mail": {"identifier": "email"}},
            }
        }
    }
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Members with age, place and indicators; one segment of coffee drinkers."""
    made = Project(tmp_path)
    made.source("people", {"member_id": ("npi",), "born": ("prohibited_basis",), "town": ()})
    made.seed("kli_taxonomy", TAXONOMY, TAXONOMY_TYPES)
    people = table("raw.people")
    made.model(
        "members",
        f"select member_id, born, town, 'house' as kind from {people}",
        layer="core",
        law_tags=["npi"],
    )
    made.model(
        "fct_member_klis",
        f"select member_id, 'retired' as kli_id from {table('members')} where born < 1960 "
        f"union all select member_id, 'coffee' from {table('members')} where town = 'x'",
        layer="klis",
    )
    made.model(
        "attributes",
        f"select member_id, case when born < 1960 then 'old' else 'young' end as age_band, "
        f"town from {table('members')}",
        ("member_id", "age_band", "town"),
        layer="activation",
        publish="attributes",
    )
    made.segment(coffee("coffee"), destinations={"portal": ["town"]})
    return made


def coffee(kli_id: str) -> str:
    name = table("fct_member_klis")
    return f"select member_id, kli_id as reason from {name} where kli_id = '{kli_id}'"


def facts_of(project: Project) -> dict[str, ColumnFacts]:
    found = describe_columns(project.manifest, project.folder)
    return {item.kli_id or f"{item.relation}.{item.column}": item for item in found}


def pedigree(project: Project, name: str) -> Pedigree:
    dependencies = Dependencies(Library(read_project(project.manifest, project.folder)))
    return trace_lineage(dependencies, name, FEEDS, REGISTER)


def test_a_column_inherits_the_tags_upstream_each_with_a_path(project: Project) -> None:
    facts = facts_of(project)
    assert facts["attributes.age_band"].inherited == {
        "npi": "attributes.age_band ← members.born [npi]",
        "prohibited_basis": (
            "attributes.age_band ← members.born ← raw.people.born [prohibited_basis]"
        ),
    }
    assert "prohibited_basis" not in facts["attributes.town"].inherited
    # What the model states for all its columns is not told again.
    assert facts["members.member_id"].inherited == {}


def test_a_column_names_what_it_is_made_from_and_who_reads_it(project: Project) -> None:
    facts = facts_of(project)
    assert facts["attributes.age_band"].made_from == ("members.born",)
    assert facts["members.town"].segments == ("one",)
    assert facts["members.born"].segments == ()
    assert facts["members.kind"].segments == ()


def test_indicators_are_told_apart(project: Project) -> None:
    facts = facts_of(project)
    assert set(facts["retired"].inherited) == {"prohibited_basis"}
    assert facts["coffee"].inherited == {}
    assert (facts["coffee"].segments, facts["retired"].segments) == (("one",), ())
    assert "client" not in facts


def test_a_column_of_literals_and_one_that_cannot_be_followed_say_so(project: Project) -> None:
    project.model("words", "select 'x' as word", layer="core")
    project.model(
        "pivoted",
        f"select * from (pivot {table('members')} on kind using count(*))",
        ("member_id",),
        upstream=["model.house.members"],
        layer="core",
    )
    facts = facts_of(project)
    assert facts["words.word"].status == "literal"
    assert facts["members.town"].status == "followed"
    assert facts["pivoted.member_id"].status == "unknown"
    assert facts["pivoted.member_id"].reason
    assert "prohibited_basis" in facts["pivoted.member_id"].inherited
    edges = (
        render_files(project.manifest, project.folder, FEEDS, REGISTER)
        .contents[EDGES_FILE]
        .decode()
    )
    assert f'members,born,core,pivoted,*,unknown,"{facts["pivoted.member_id"].reason}' in edges


def test_logic_is_what_a_column_itself_does(project: Project) -> None:
    before = facts_of(project)
    text = project.manifest["nodes"]["model.house.attributes"]["compiled_code"]
    project.manifest["nodes"]["model.house.attributes"]["compiled_code"] = text.replace(
        "'old'", "'older'"
    )
    after = facts_of(project)
    moved = {name for name in before if before[name].logic != after[name].logic}
    assert moved == {"attributes.age_band"}


def test_logic_moves_with_the_lines_of_seeds_that_are_read(project: Project) -> None:
    project.seed("bands", "kli_id,least,note\nrich,100,x\npoor,1,x\n")
    project.model(
        "fct_member_klis",
        f"select m.member_id, b.kli_id from {table('members')} as m "
        f"inner join {table('bands')} as b on m.town = b.least",
        layer="klis",
    )
    taxonomy = "kli_id,is_leaf,law_tags\nrich,true,npi\npoor,true,npi\n"
    project.seed("kli_taxonomy", taxonomy, TAXONOMY_TYPES)

    def moved(bands: str) -> set[str]:
        before = facts_of(project)
        project.seed("bands", bands)
        after = facts_of(project)
        return {name for name in before if before[name].logic != after[name].logic}

    assert moved("kli_id,least,note\nrich,200,x\npoor,1,x\n") == {
        "rich",
        "fct_member_klis.kli_id",
        "fct_member_klis.member_id",
    }
    assert moved("kli_id,least,note\nrich,200,y\npoor,1,y\n") == set()


def test_a_stated_tag_of_an_indicator_counts_for_its_segments(project: Project) -> None:
    assert "proxy" not in project.one().tags
    project.segment(coffee("retired"))
    assert project.one().tags["proxy"] == (
        "seg_one.member_id ← fct_member_klis.member_id of retired [proxy]"
    )


def test_an_attribute_that_goes_with_members_brings_its_tags(project: Project) -> None:
    assert "prohibited_basis" not in project.one().tags
    project.segment(coffee("coffee"), destinations={"portal": ["age_band"]})
    assert project.one().tags["prohibited_basis"].startswith("attributes.age_band ← members.born")


PACK = Pack.model_validate(
    {
        "pack": "law",
        "title": "Law",
        "effective_on": "2026-01-01",
        "sha256": "0" * 64,
        "rules": [
            {
                "id": "ECOA-1",
                "rule": "no_forbidden_basis_in_credit",
                "citation": "Regulation B",
                "parameters": {"forbidden_tags": ["prohibited_basis", "proxy"]},
            },
            {
                "id": "FCRA-1",
                "rule": "forbidden_tags",
                "citation": "Fair Credit Reporting Act",
                "parameters": {"tags": ["sensitive"]},
            },
        ],
    }
)


def test_credit_related_segments_are_held_to_the_pack() -> None:
    proxy = {"npi": "a", "proxy": "seg ← zip [proxy]"}
    refuse_forbidden_basis({"one": Basis(True, {"npi": "a"})}, lambda: (PACK,))
    refuse_forbidden_basis({"one": Basis(False, proxy)}, lambda: (PACK,))
    # Where nothing is told of members, no pack is needed.
    refuse_forbidden_basis({"one": Basis(True, {})}, lambda: pytest.fail("not needed"))
    with pytest.raises(PolicyRefusedError, match=r"FCRA-1: sensitive .*an audience: seg ← mcc"):
        refuse_forbidden_basis(
            {"one": Basis(False, {"sensitive": "seg ← mcc [sensitive]"})}, lambda: (PACK,)
        )
    with pytest.raises(PolicyRefusedError, match=r"(?s)one.*← zip.*Segment two.*← born"):
        refuse_forbidden_basis(
            {
                "one": Basis(True, proxy),
                "two": Basis(True, {"prohibited_basis": "seg ← born [prohibited_basis]"}),
                "three": Basis(False, proxy),
            },
            lambda: (PACK,),
        )


def test_conditions_on_all_columns_are_told_once() -> None:
    edges = [
        Edge("a", "k", "b", "x", "condition"),
        Edge("a", "k", "b", "y", "condition"),
        Edge("a", "l", "b", "y", "condition"),
        Edge("a", "v", "b", "x", "value"),
        Edge("a", "v", "b", "y", "value"),
    ]
    assert fold_rows(edges, ("x", "y")) == {
        Edge("a", "k", "b", "*", "condition"),
        *edges[2:],
    }


def test_the_seeds_reach_from_feed_fields_to_destination_fields(project: Project) -> None:
    text = (
        render_files(project.manifest, project.folder, FEEDS, REGISTER)
        .contents[EDGES_FILE]
        .decode()
    )
    assert "feed,feed.people,birthYear,raw,raw.people,born,value," in text
    assert "core,members,born,activation,attributes,age_band,value," in text
    assert "activation,attributes,age_band,destination,destination.portal,age,value," in text
    assert "seg_one,member_id,destination,destination.portal,*,condition," in text


def test_seeds_that_are_out_of_date_fail_the_check_with_the_line(project: Project) -> None:
    def files() -> GeneratedFiles:
        return render_files(project.manifest, project.folder, FEEDS, REGISTER)

    with pytest.raises(ContractError, match="is missing"):
        files().check(project.folder)
    assert len(files().write(project.folder)) == 2
    files().check(project.folder)
    assert files().write(project.folder) == []
    project.model("more", f"select town as place from {table('members')}", layer="core")
    with pytest.raises(ContractError, match=r"1 lines are missing.*members,town,core,more,place"):
        files().check(project.folder)


def test_a_pedigree_leads_from_the_feed_to_the_destination(project: Project) -> None:
    found = pedigree(project, "destination.portal.age")
    assert "feed.people.birthYear" in found.feed_fields
    assert Edge("members", "born", "attributes", "age_band", "value") in found.upstream
    born = pedigree(project, "raw.people.born")
    assert born.destination_fields == ("destination.portal.age",)
    assert born.segments == ()
    town = pedigree(project, "members.town")
    assert (town.segments, town.destination_fields) == (("one",), ("destination.portal.*",))


def test_the_pedigree_of_a_parameter_is_that_of_its_query(project: Project) -> None:
    project.source("loads", ("day",))
    project.model("as_of", f"select max(day) as day from {table('raw.loads')}", parameter=True)
    assert pedigree(project, "as_of.day").upstream == (
        Edge("raw.loads", "day", "as_of", "day", "value"),
    )


def test_the_pedigree_of_an_indicator_keeps_to_its_own_rows(project: Project) -> None:
    assert "feed.people.birthYear" in pedigree(project, "retired").feed_fields
    assert "feed.people.birthYear" not in pedigree(project, "coffee").feed_fields
    assert pedigree(project, "coffee").segments == ("one",)
    assert "feed.people.birthYear" not in pedigree(project, "one").feed_fields


@pytest.mark.parametrize("name", ["members.nothing", "nobody", "destination.portal.colour"])
def test_an_unknown_name_is_a_usage_error(project: Project, name: str) -> None:
    with pytest.raises(UsageError, match="is no column, indicator, segment or destination"):
        pedigree(project, name)


def run(project: Project, *arguments: str, **variables: str) -> Result:
    (project.folder / "dbt_project.yml").touch()
    os.utime(project.folder / "dbt_project.yml", (0, 0))
    target = project.folder / "target"
    target.mkdir(exist_ok=True)
    (target / "manifest.json").write_text(json.dumps(project.manifest))
    contracts = project.folder / "ingestion" / "feeds"
    root = Path(__file__).resolve().parents[3]
    if not contracts.exists():
        contracts.parent.mkdir()
        contracts.symlink_to(root / "ingestion" / "feeds")
        (project.folder / "governance").symlink_to(root / "governance")
    environment = {
        "TELLERLINE_PROJECT": str(project.folder),
        "DBT_ENGINE_TARGET_PATH": None,
        **variables,
    }
    return CliRunner().invoke(app, ["dictionary", *arguments], env=environment)


def test_a_refusal_names_what_could_not_be_followed() -> None:
    unfollowed = {"pivoted": "a source that is a pivot"}
    reason = r"pivoted counts whole, because it cannot be followed \(a source that is a pivot\)"
    path = "seg ← pivoted.a ← members.born (unresolved) [prohibited_basis]"
    with pytest.raises(PolicyRefusedError, match=reason):
        refuse_forbidden_basis(
            {"one": Basis(True, {"prohibited_basis": path}, unfollowed)}, lambda: (PACK,)
        )
    followed = {"prohibited_basis": "seg ← members.born [prohibited_basis]"}
    with pytest.raises(PolicyRefusedError) as caught:
        refuse_forbidden_basis({"one": Basis(True, followed, unfollowed)}, lambda: (PACK,))
    assert "pivoted" not in str(caught.value)


def test_lineage_from_the_command_line(project: Project) -> None:
    assert isinstance(run(project, "lineage", "--check").exception, ContractError)
    assert len(json.loads(run(project, "lineage", "--write", "--json").stdout)["written"]) == 2
    assert run(project, "lineage", "--check").exit_code == 0
    shown = json.loads(run(project, "lineage", "attributes.age_band", "--json").stdout)
    assert shown["law_tags"]["prohibited_basis"].endswith("← raw.people.born [prohibited_basis]")
    text = run(project, "lineage", "attributes.age_band").stdout
    assert "raw.people.born [prohibited_basis]" in text
    for arguments in (("x", "--write"), ("--write", "--check"), ("nobody",)):
        assert isinstance(run(project, "lineage", *arguments).exception, UsageError)


def test_lineage_reads_what_only_the_run_of_the_vault_compiled(project: Project) -> None:
    compiled = {
        unique_id: node.pop("compiled_code")
        for unique_id, node in project.manifest["nodes"].items()
        if "compiled_code" in node
    }
    error = run(project, "lineage", "attributes.age_band").exception
    assert "was not compiled" in str(error)
    vault = copy.deepcopy(project.manifest)
    for unique_id, code in compiled.items():
        vault["nodes"][unique_id]["compiled_code"] = code
    folder = project.folder / "target" / "vault"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(vault))
    assert "raw.people.born" in run(project, "lineage", "attributes.age_band").stdout
    # Changed after that run, if before the other: the file of a macro is in no checksum.
    macro = project.folder / "macros" / "clock.sql"
    macro.parent.mkdir()
    macro.touch()
    os.utime(folder / "manifest.json", (1, 1))
    os.utime(macro, (2, 2))
    error = run(project, "lineage", "attributes.age_band").exception
    assert "vault/manifest.json: was compiled before macros/clock.sql was changed" in str(error)
    assert "dbt compile --selector everything" in str(error)
    # Of another state of the project, it says nothing of this one.
    for node in vault["nodes"].values():
        node["checksum"] = {"name": "sha256", "checksum": "other"}
    (folder / "manifest.json").write_text(json.dumps(vault))
    error = run(project, "lineage", "attributes.age_band").exception
    assert "was not compiled" in str(error)


WORDS = {
    "dict_attributes": "select *, 'team' as owner from (values ('profile', 'age_band', 'varchar', "
    "'restricted', ['prohibited_basis'], 'Age [in bands].'), ('profile', 'tenure', 'integer', "
    "'internal', ['npi'], 'Days.')) as t(model_name, attribute_name, data_type, sensitivity, "
    "law_tags, description)",
    "dict_klis": "select 'spend__coffee' as kli_id, 'spend' as family, 'Coffee' as title, "
    "'team' as owner, ['npi'] as law_tags, 'Drinks coffee.' as description",
    "dict_segments": "select 'one' as segment_id, 'seg_one' as model_name, '1.0.0' as version, "
    "'One' as title, 'team' as owner, 'All.' as description",
    "dict_changes": "select timestamp '2026-06-30' as changed_at, 'attribute' as entity_kind, "
    "* from (values ('profile.tenure', 'changed', 'description', 'a', 'b', false, ['one']), "
    "('profile.age_band', 'changed', 'logic_digest', 'x', 'y', true, ['one', 'two'])) as "
    "t(entity_id, change_kind, field_name, before_text, after_text, is_breaking, segments)",
}


def test_the_published_dictionary_from_the_command_line(
    installation: Installation, project: Project
) -> None:
    publish(installation, 12, tables=WORDS)
    home = str(installation.settings.home)

    def rows(*arguments: str) -> Any:
        return json.loads(run(project, *arguments, "--json", TELLERLINE_HOME=home).stdout)

    def names(name: str, dataset: str, key: str) -> list[str]:
        return [row[key] for row in rows("show", name)[dataset]]

    assert names("profile.age_band", "dict_attributes", "attribute_name") == ["age_band"]
    assert names("profile", "dict_attributes", "attribute_name") == ["age_band", "tenure"]
    assert names("spend", "dict_klis", "kli_id") == ["spend__coffee"]
    assert names("one", "dict_segments", "segment_id") == ["one"]
    assert "Age [in bands]." in run(project, "show", "age_band", TELLERLINE_HOME=home).stdout
    assert run(project, "show", TELLERLINE_HOME=home).exit_code == 0
    unknown = run(project, "show", "profile.age_bend", TELLERLINE_HOME=home).exception
    assert isinstance(unknown, UsageError)
    assert "Did you mean profile.age_band" in str(unknown)

    def changed(*arguments: str) -> list[str]:
        return [row["entity_id"] for row in rows("changes", *arguments)]

    assert changed() == ["profile.age_band", "profile.tenure"]
    assert changed("--segment", "two") == changed("--breaking") == ["profile.age_band"]
    for name, words in {
        "three": "Known are one, two.",
        "ones": "Did you mean one?",
    }.items():
        error = run(project, "changes", "--segment", name, TELLERLINE_HOME=home).exception
        assert isinstance(error, UsageError)
        assert words in str(error)
    assert "logic_digest" in run(project, "changes", TELLERLINE_HOME=home).stdout


def test_a_dictionary_that_never_changed_says_so(
    installation: Installation, project: Project
) -> None:
    unchanged = {"dict_changes": f"select * from ({WORDS['dict_changes']}) where false"}
    publish(installation, 12, tables=WORDS | unchanged)
    shown = run(project, "changes", TELLERLINE_HOME=str(installation.settings.home))
    assert (shown.exit_code, shown.stdout) == (0, "No change is on record that fits.\n")


def test_without_a_publication_there_is_no_dictionary(project: Project) -> None:
    home = str(project.folder / "nowhere")
    error = run(project, "show", TELLERLINE_HOME=home).exception
    assert isinstance(error, RunStoppedError)
    assert error.exit_code == 1
