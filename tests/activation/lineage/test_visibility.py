"""What lineage cannot see upstream of a segment is refused, and the error says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import FACTS, Project, table

MEMBERS = table("members")
ALL = f"select member_id, 'x' as reason from {MEMBERS}"
FORGET = "{% if is_incremental() %}delete from {{ this }} where {{ day }} is null{% endif %}"
INCREMENTAL: dict[str, Any] = {"materialized": "incremental"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("people", {"member_id": (), "day": (), "birth_year": ("prohibited_basis",)})
    made.source("changes", ("member_id", "segment_id"))
    made.manifest["sources"]["source.house.changes"]["config"]["meta"] = {
        "remembers": "who was in which segment"
    }
    made.source("loads", ("day",))
    made.model("members", f"select member_id, day from {table('raw.people')}")
    made.macro("forget_days", FORGET, "day")
    made.macro("today", "(select clock.day from {{ ref('as_of') }} as clock)")
    made.macro("asks", "{% set rows = run_query('select birth_year from raw.people') %}")
    made.macro("spelt", "{{ adapter.dispatch('spelt')() }}")
    made.macro("default__spelt", "cast")
    made.model("as_of", f"select max(day) as day from {table('raw.loads')}", parameter=True)
    made.segment(ALL)
    return made


def segment(project: Project, template: str = "", sql: str = ALL, **config: Any) -> None:
    columns = ("member_id", "reason")
    project.model("seg_one", sql, columns, config=config, template=template, segment=FACTS)


def members(project: Project, template: str = "", **config: Any) -> None:
    sql = f"select member_id, day from {table('raw.people')}"
    project.model("members", sql, ("member_id", "day"), config=config, template=template)


def hook(text: str) -> list[dict[str, str]]:
    return [{"sql": text}]


HIDDEN_IN_A_SEGMENT: dict[str, tuple[str, dict[str, Any], str]] = {
    "a hook after": ("", {"post-hook": hook("insert into x select 1")}, "has a hook"),
    "a hook before": ("", {"pre-hook": hook("select 1")}, "has a hook"),
    "a harmless hook": ("", {"post-hook": hook("{{ forget_days('day') }}")}, "has a hook"),
    "increments": ("", INCREMENTAL, "is materialized as incremental"),
    "its own materialization": ("", {"materialized": "appended"}, "is materialized as appended"),
    "a header": ("", {"sql_header": "insert into x select 1;"}, "has sql_header"),
    "a query": ("{% set x = run_query('select 1') %}", {}, "uses run_query"),
    "a query in a macro": ("{{ asks() }}", {}, "uses run_query"),
    "a statement": ("{% call statement('x') %}select 1{% endcall %}", {}, "uses statement"),
    "a statement's result": ("{{ load_result('x') }}", {}, "uses load_result"),
    "the graph": ("{% for node in graph.nodes %}{% endfor %}", {}, "uses graph"),
    "the adapter": ("{{ adapter.execute('select 1') }}", {}, r"uses adapter\.execute"),
    "the adapter renamed": ("{% set a = adapter %}{{ a.execute('x') }}", {}, "uses adapter in"),
    "the namespace of dbt": ("{{ dbt.run_query('x') }}", {}, "uses dbt"),
    "what other macros there are": ("{{ adapter.dispatch('get')() }}", {}, r"uses adapter\.disp"),
    "a computed macro": ("{{ adapter.dispatch(ref('a'))() }}", {}, r"uses adapter\.dispatch"),
    "the context": ("{{ context['run_query']('x') }}", {}, "uses context"),
    "the day": ("{{ modules.datetime.datetime.now() }}", {}, r"uses modules\.datetime"),
    "the start": ("{{ run_started_at }}", {}, "uses run_started_at"),
    "the environment": ("{{ env_var('WHO') }}", {}, "uses env_var"),
    "a variable": ("{{ var('who') }}", {}, "uses var"),
    "whether it was built": ("{% if is_incremental() %}x{% endif %}", {}, "uses is_incremental"),
    "itself": ("{{ this }}", {}, "uses this"),
    "what lies beneath": ("{{ ref.__globals__ }}", {}, "uses __globals__"),
    "a broken template": ("{% if %}", {}, "is no template that lineage can read"),
}


@pytest.mark.parametrize(
    ("template", "config", "problem"), HIDDEN_IN_A_SEGMENT.values(), ids=HIDDEN_IN_A_SEGMENT
)
def test_a_segment_hides_nothing(
    project: Project, template: str, config: dict[str, Any], problem: str
) -> None:
    segment(project, template, **config)
    with pytest.raises(ContractError, match=problem) as caught:
        project.describe()
    assert caught.value.remedy
    assert "seg_one" in str(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ config(materialized='view') }} select * from {{ ref('members') }} -- {{ today() }}",
        "{% set words = ['a'] %}{% for word in words %}{{ word }}{% endfor %}{{ spelt() }}",
    ],
)
def test_a_segment_may_use_what_is_the_same_for_every_build(
    project: Project, template: str
) -> None:
    segment(project, template, materialized="view")
    assert project.one().fingerprint


HIDDEN_UPSTREAM: dict[str, tuple[str, dict[str, Any], str]] = {
    "a query": ("{{ asks() }}", {}, "members: uses run_query"),
    "the graph": ("{{ graph }}", {}, "members: uses graph"),
    "a hook of a table": ("", {"post-hook": hook("{{ forget_days('day') }}")}, "has a hook"),
    "a hook that inserts": (
        "",
        {**INCREMENTAL, "post-hook": hook("insert into x select 1")},
        "has a hook that does more",
    ),
    "a hook that does more": (
        "",
        {**INCREMENTAL, "post-hook": hook("{{ forget_days('day') }}; insert into x select 1")},
        "has a hook that does more",
    ),
    "a hook by another macro": (
        "",
        {**INCREMENTAL, "post-hook": hook("{{ asks() }}")},
        "has a hook that does more",
    ),
    "a hook that reads more": (
        "",
        {**INCREMENTAL, "pre-hook": hook("{{ forget_days('birth_year') }}")},
        "members: reads birth_year in a hook",
    ),
    "an increment that reads more": (
        "{% if is_incremental() %}where birth_year > 1960{% endif %}",
        INCREMENTAL,
        "members: reads birth_year",
    ),
    "an increment that reads another relation": (
        "{% if is_incremental() %}where day in (from {{ source('raw', 'changes') }}){% endif %}",
        INCREMENTAL,
        "members: reads changes",
    ),
    "an increment handed to a macro": (
        "{{ forget_days('birth_year') }}",
        INCREMENTAL,
        "members: reads birth_year",
    ),
    "an increment by a name": (
        "{% set later = is_incremental() %}{% if later %}and x{% endif %}",
        INCREMENTAL,
        "uses is_incremental",
    ),
    "an increment of a table": (
        "{% if is_incremental() %}where day is null{% endif %}",
        {"materialized": "table"},
        "members: uses is_incremental",
    ),
    "predicates": (
        "",
        {**INCREMENTAL, "incremental_predicates": ["birth_year > 1960"]},
        "has incremental_predicates",
    ),
    "its own materialization": ("", {"materialized": "appended"}, "is materialized as appended"),
}


@pytest.mark.parametrize(
    ("template", "config", "problem"), HIDDEN_UPSTREAM.values(), ids=HIDDEN_UPSTREAM
)
def test_a_model_upstream_hides_nothing(
    project: Project, template: str, config: dict[str, Any], problem: str
) -> None:
    members(project, template, **config)
    with pytest.raises(ContractError, match=problem) as caught:
        project.describe()
    assert caught.value.remedy


@pytest.mark.parametrize("reader", ["members", "seg_one"])
def test_an_ephemeral_model_upstream_is_refused(project: Project, reader: str) -> None:
    """dbt writes it into the query of its reader, where its law tags are not stated."""
    born = f"with __dbt__cte__born as (select member_id, birth_year from {table('raw.people')}) "
    project.model(
        "born",
        born.partition("(")[2].rstrip(") "),
        {"member_id": (), "birth_year": ("fcra_report",)},
        config={"materialized": "ephemeral"},
    )
    sql = f"{born}select member_id, 'x' as reason, 1 as day from __dbt__cte__born"
    project.model(
        reader,
        sql,
        ("member_id", "reason", "day"),
        upstream=["model.house.born"],
        **({"segment": FACTS} if reader == "seg_one" else {}),
    )
    with pytest.raises(ContractError, match="born: is materialized as ephemeral") as caught:
        project.describe()
    assert reader in str(caught.value)


def test_a_snapshot_upstream_is_refused(project: Project) -> None:
    project.model("kept", f"select member_id from {MEMBERS}", ("member_id",), kind="snapshot")
    segment(project, sql=f"select member_id, 'x' as reason from {table('kept')}")
    with pytest.raises(ContractError, match="kept: is a snapshot"):
        project.describe()


def test_the_rows_of_a_seed_are_out_of_sight_in_the_dictionary_alone(project: Project) -> None:
    project.seed("words", "member_id\nm1\n")
    node = project.manifest["nodes"]["seed.house.words"]
    node["config"]["meta"] = {"generated": True}
    with pytest.raises(ContractError, match="words: says that it is generated"):
        project.describe()
    node["original_file_path"] = "seeds/dictionary/words.csv"
    assert project.one().fingerprint


def test_a_model_upstream_may_forget_and_take_up_again(project: Project) -> None:
    members(
        project,
        "{% if is_incremental() %}-- birth_year\nwhere day not in (select day from {{ this }})"
        "{% endif %}",
        **INCREMENTAL,
        **{"pre-hook": hook("{{ forget_days('day') }}")},
    )
    assert project.one().fingerprint


@pytest.mark.parametrize(
    "body",
    [
        "delete from {{ this }}",
        "{% if is_incremental() %}delete from {{ day }}{% endif %}",
        "{% if is_incremental() %}update {{ this }} set day = 1{% endif %}",
        "{% if is_incremental() %}delete from {{ this }}; insert into x select 1{% endif %}",
        "{% if is_incremental() %}delete from {{ this }}{% else %}insert into x{% endif %}",
        "{% if is_incremental() %}delete from {{ this }}{% endif %}insert into x select 1",
        "{% if execute %}delete from {{ this }}{% endif %}",
    ],
)
def test_a_hook_deletes_rows_of_its_own_and_does_no_more(project: Project, body: str) -> None:
    project.macro("forget_days", body, "day")
    members(project, **INCREMENTAL, **{"pre-hook": hook("{{ forget_days('day') }}")})
    with pytest.raises(ContractError, match="has a hook that does more"):
        project.describe()


def test_the_name_of_a_macro_is_no_column(project: Project) -> None:
    """As `row_checksum`, which is both."""
    project.macro("birth_year", "{{ adapter.dispatch('birth_year')() }}")
    project.macro("default__birth_year", "day")
    project.macro("forget_all", FORGET.replace("{{ day }}", "{{ birth_year() }}"))
    members(project, **INCREMENTAL, **{"pre-hook": hook("{{ forget_all() }}")})
    assert project.one().fingerprint
    project.macro("default__birth_year", "birth_year")
    with pytest.raises(ContractError, match="members: reads birth_year in a hook"):
        project.describe()


BOOKS = "insert into {{ log }} (table_name) select birth_year from {{ this }}"


@pytest.mark.parametrize("beside", [[], ["{{ forget_days('day') }}"]])
def test_a_growing_model_upstream_may_keep_books(project: Project, beside: list[str]) -> None:
    project.macro("remember_logic", BOOKS)
    hooks = [{"sql": text} for text in [*beside, "{{ remember_logic() }}"]]
    members(project, **INCREMENTAL, **{"post-hook": hooks})
    assert project.one().fingerprint


NOTES = "set variable changed_days = (select list(day) from {{ this }})"
NOTED_DAYS = "day in getvariable('changed_days')"
ONLY_NOTED = "{% if is_incremental() %}{{ is_noted() }}{% else %}true{% endif %}"
NOTING = {"pre-hook": hook("{{ note_changed_days() }}")}


def with_notes(project: Project, template: str, **config: Any) -> None:
    project.macro("note_changed_days", NOTES)
    project.macro("is_noted", "{{ adapter.dispatch('is_noted')() }}")
    project.macro("default__is_noted", NOTED_DAYS)
    project.macro("only_noted", ONLY_NOTED)
    members(project, f"select member_id, day from {table('raw.people')} {template}", **config)


def test_a_growing_model_upstream_may_note_its_days(project: Project) -> None:
    with_notes(project, "where {{ only_noted() }}", **INCREMENTAL, **NOTING)
    assert project.one().fingerprint


@pytest.mark.parametrize(
    ("template", "config"),
    [
        ("where {{ only_noted() }}", INCREMENTAL),
        ("where {{ is_noted() }}", {**INCREMENTAL, **NOTING}),
        (f"where {NOTED_DAYS}", {**INCREMENTAL, **NOTING}),
        ("{% if is_incremental() %}{% else %}{{ is_noted() }}{% endif %}", INCREMENTAL | NOTING),
        ("where {{ is_noted() }}", {}),
    ],
    ids=[
        "nobody noted",
        "on a first build",
        "without a macro",
        "on a first build alone",
        "a table",
    ],
)
def test_what_nobody_noted_is_not_read(
    project: Project, template: str, config: dict[str, Any]
) -> None:
    with_notes(project, template, **config)
    with pytest.raises(ContractError, match="members: reads a variable of the session"):
        project.describe()


def test_a_segment_reads_no_variable_of_the_session(project: Project) -> None:
    segment(project, f"{ALL} where {NOTED_DAYS}")
    with pytest.raises(ContractError, match="seg_one: reads a variable of the session"):
        project.describe()


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("{{ remember_logic() }}; insert into x select 1", INCREMENTAL),
        ("{{ remember_logic() }}{{ asks() }}", INCREMENTAL),
        ("{{ remember_more() }}", INCREMENTAL),
        ("{{ remember_logic() }}", {"materialized": "table"}),
    ],
)
def test_nothing_else_counts_as_keeping_books(
    project: Project, text: str, config: dict[str, Any]
) -> None:
    project.macro("remember_logic", BOOKS)
    project.macro("remember_more", BOOKS)
    members(project, **config, **{"post-hook": hook(text)})
    with pytest.raises(ContractError, match="has a hook that does more"):
        project.describe()


def test_books_are_kept_by_a_macro_of_the_project(project: Project) -> None:
    members(project, **INCREMENTAL, **{"post-hook": hook("{{ remember_logic() }}")})
    with pytest.raises(ContractError, match="has a hook that does more"):
        project.describe()


def test_seeds_upstream_have_no_hooks(project: Project) -> None:
    project.seed("rules", "member_id\na\n")
    project.segment(f"select member_id, 'x' as reason from {table('rules')}")
    project.manifest["nodes"]["seed.house.rules"]["config"]["post-hook"] = hook("insert into x")
    with pytest.raises(ContractError, match="rules: has a hook"):
        project.describe()


def test_code_in_another_language_is_refused(project: Project) -> None:
    project.manifest["nodes"]["model.house.members"]["language"] = "python"
    with pytest.raises(ContractError, match="members: is written in python"):
        project.describe()


@pytest.mark.parametrize("name", ["seg_one", "members"])
def test_no_table_but_an_incremental_one_reads_itself(project: Project, name: str) -> None:
    """A condition that reads the model itself is left out of lineage, as on a first build."""
    node = project.manifest["nodes"][f"model.house.{name}"]
    node["compiled_code"] += f" where member_id in (select member_id from {table(name)})"
    with pytest.raises(ContractError, match=f"{name}: reads its own table"):
        project.describe()


def test_only_the_clock_is_a_parameter(project: Project) -> None:
    project.model("limits", "select 600 as minimum", parameter=True)
    project.segment(f"{ALL} where 1 < (select minimum from {table('limits')})")
    with pytest.raises(ContractError, match="limits: says that it is a parameter"):
        project.describe()


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"member_id": (), "day": ()}, "day"),
        ({"day": ("npi",)}, "day"),
    ],
)
def test_the_clock_reads_nothing_of_members(
    project: Project, columns: dict[str, tuple[str, ...]], wanted: str
) -> None:
    project.source("loads", columns)
    project.model("as_of", f"select max({wanted}) as day from {table('raw.loads')}", parameter=True)
    project.segment(f"{ALL} where day < (select day from {table('as_of')})")
    with pytest.raises(ContractError, match=r"as_of: is a parameter and reads raw\.loads"):
        project.describe()


def test_the_clock_may_read_files(project: Project) -> None:
    project.segment(f"{ALL} where day < (select day from {table('as_of')})")
    assert "as_of" in project.one().parts


def test_no_segment_rests_on_what_remembers_segments(project: Project) -> None:
    project.model("spells", f"select member_id, segment_id from {table('raw.changes')}")
    project.segment(f"{ALL} where member_id not in (select member_id from {table('spells')})")
    with pytest.raises(
        ContractError,
        match=r"segment one: rests on raw\.changes by way of spells: that remembers who was",
    ):
        project.describe()


def test_no_attribute_that_is_sent_rests_on_what_remembers_segments(project: Project) -> None:
    project.model(
        "sent",
        f"select m.member_id, m.day, c.segment_id as former from {MEMBERS} as m "
        f"left join {table('raw.changes')} as c on m.member_id = c.member_id",
        publish="attributes",
    )
    project.unique("members", "member_id")
    project.segment(ALL, destinations={"crm": ["former"]})
    with pytest.raises(ContractError, match=r"rests on raw\.changes by way of sent"):
        project.describe()


def other_model(project: Project, **config: Any) -> None:
    sql = f"select day from {table('raw.loads')}"
    project.model("other", sql, ("day",), config=config)


BESIDE_ALL: dict[str, tuple[dict[str, Any], str]] = {
    "a hook": ({"post-hook": hook("update core.members set day = null")}, "has a hook that does"),
    "a header": ({"sql_header": "delete from core.members;"}, "has sql_header"),
    "its own materialization": ({"materialized": "appended"}, "is materialized as appended"),
}


@pytest.mark.parametrize(("config", "problem"), BESIDE_ALL.values(), ids=BESIDE_ALL)
def test_a_model_that_is_not_upstream_changes_nothing_beside_its_query(
    project: Project, config: dict[str, Any], problem: str
) -> None:
    other_model(project, **config)
    with pytest.raises(ContractError, match=f"other: {problem}"):
        project.describe()


def operation(project: Project, template: str) -> None:
    project.manifest["nodes"]["operation.house.house-on-run-end-0"] = {
        "resource_type": "operation",
        "raw_code": template,
    }


@pytest.mark.parametrize(
    "template",
    [
        "update core.members set day = null",
        "{{ asks() }}",
        "{{ record_proofs(results) }}; delete from core.members",
        # No macro of the project.
        "{{ create_missing_sources() }}",
    ],
)
def test_a_build_runs_nothing_unknown_before_or_after_its_models(
    project: Project, template: str
) -> None:
    project.macro("record_proofs", "insert into measurement.proofs select 1", "results")
    operation(project, template)
    with pytest.raises(ContractError, match=r"dbt_project.yml: runs .* at the start or the end"):
        project.describe()


def test_a_build_notes_what_it_made(project: Project) -> None:
    project.macro("record_proofs", "insert into measurement.proofs select 1", "results")
    operation(project, "{{ record_proofs(results) }}")
    assert project.one().fingerprint


@pytest.mark.parametrize(
    "name", ["create_table_as", "duckdb__create_table_as", "materialization_x"]
)
def test_no_macro_takes_the_place_of_one_of_dbt(project: Project, name: str) -> None:
    project.manifest["macros"]["macro.dbt.create_table_as"] = {
        "name": "create_table_as",
        "package_name": "dbt",
        "macro_sql": "{% macro create_table_as() %}{% endmacro %}",
    }
    assert project.one().fingerprint
    project.macro(name, "create table x as select * from core.members")
    with pytest.raises(ContractError, match=f"macro {name}: stands in the place of a macro of dbt"):
        project.describe()


WORDS = "word,kind,is_stem,except_in\nCLINIC,health,false,\nUNION,union,false,CREDIT UNION\n"


@pytest.mark.parametrize(
    "condition",
    [
        "day like '%CLINIC%'",
        "day = $$the clinics$$",
        "regexp_matches(day, 'Clinic|CAFE')",
        "day <> 'labor-union'",
    ],
)
@pytest.mark.parametrize("layer", ["core", "klis", "segments"])
def test_no_text_upstream_speaks_of_what_no_audience_may(
    project: Project, condition: str, layer: str
) -> None:
    project.seed("forbidden_words", WORDS)
    sql = f"select member_id, day from {table('raw.people')} where {condition}"
    project.model("members", sql, ("member_id", "day"), layer=layer)
    with pytest.raises(ContractError, match="members: holds a text that speaks of") as caught:
        project.describe()
    assert "clinics" not in str(caught.value)


def test_innocent_texts_comments_and_the_model_that_withholds_are_no_audience_s(
    project: Project,
) -> None:
    project.seed("forbidden_words", WORDS)
    sql = (
        f"select member_id, day from {table('raw.people')} where day <> 'credit union' -- 'clinic'"
    )
    project.model("members", sql, ("member_id", "day"), layer="core")
    assert project.one().fingerprint
    withholding = f"select member_id, day from {table('raw.people')} where day <> 'clinic'"
    project.model("dim_merchant_descriptors", withholding, ("member_id", "day"), layer="core")
    sql = f"select member_id, day from {table('dim_merchant_descriptors')}"
    project.model("members", sql, ("member_id", "day"), layer="core")
    assert project.one().fingerprint


def test_to_read_the_forbidden_words_frees_no_model_from_them(project: Project) -> None:
    project.seed("forbidden_words", WORDS)
    sql = f"select member_id, day from {table('raw.people')} where day = 'clinic'"
    upstream = ["seed.house.forbidden_words"]
    project.model("members", sql, ("member_id", "day"), layer="klis", upstream=upstream)
    with pytest.raises(ContractError, match="members: holds a text that speaks of health"):
        project.describe()
