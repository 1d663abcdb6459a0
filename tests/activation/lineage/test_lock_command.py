"""`tellerline segment lock` from the command line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from tellerline.errors import (
    ConfigurationError,
    ContractError,
    PolicyRefusedError,
    RunStoppedError,
    TellerlineError,
)
from tests.activation.lineage.manifests import Project, table
from tests.dbt.sessions import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dbt_project.yml").touch()
    shutil.copytree(ROOT / "governance" / "policies", tmp_path / "governance" / "policies")
    made = Project(tmp_path)
    made.source("people", {"member_id": ("npi",)})
    made.seed("rules", "kli_id,minimum\ncoffee,1\n")
    return made


def run(
    project: Project,
    *arguments: str,
    version: str = "1.0.0",
    is_credit_related: bool = False,
    purpose: str = "product_marketing",
) -> Result:
    project.segment(
        f"select p.member_id, r.minimum as reason from {table('raw.people')} as p, "
        f"{table('rules')} as r where r.kli_id = 'coffee'",
        version=version,
        credit_related=is_credit_related,
        purpose=purpose,
    )
    return lock(project, json.dumps(project.manifest), *arguments)


def lock(project: Project, manifest: str, *arguments: str) -> Result:
    target = project.folder / "target"
    target.mkdir(exist_ok=True)
    (target / "manifest.json").write_text(manifest)
    environment = {"TELLERLINE_PROJECT": str(project.folder), "DBT_ENGINE_TARGET_PATH": None}
    return CliRunner().invoke(app, ["segment", "lock", *arguments], env=environment)


def test_what_was_locked_passes_the_check(project: Project) -> None:
    assert isinstance(run(project, "--check").exception, ContractError)
    shown = json.loads(run(project, "--json").stdout)
    assert shown["one"]["version"] == "1.0.0"
    assert shown["one"]["law_tags"] == {"npi": "seg_one.member_id ← raw.people.member_id [npi]"}
    assert run(project, "--check").exit_code == 0


@pytest.mark.parametrize(
    ("file", "is_told"),
    [
        ("models/core/people.sql", True),
        ("models/core/people.yml", True),
        ("macros/clock.sql", True),
        ("snapshots/people.sql", True),
        ("seeds/rules.yml", True),
        ("dbt_project.yml", True),
        ("seeds/rules.csv", False),
        ("models/dictionary/pages/page.md", False),
    ],
)
def test_what_was_changed_after_compiling_must_be_compiled(
    project: Project, file: str, is_told: bool
) -> None:
    run(project)
    path = project.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert run(project, "--check").exit_code == 0
    later = (project.folder / "target" / "manifest.json").stat().st_mtime_ns + 3_600_000_000_000
    os.utime(path, ns=(later, later))
    result = run(project, "--check")
    if is_told:
        assert isinstance(result.exception, ContractError)
        assert f"was compiled before {file} was changed" in str(result.exception)
        assert "dbt compile" in str(result.exception)
    else:
        assert result.exit_code == 0


def test_a_changed_threshold_fails_until_the_version_changes(project: Project) -> None:
    run(project)
    lock = project.folder / "segments.lock"
    before = lock.read_bytes()
    project.seed("rules", "kli_id,minimum\ncoffee,2\n")
    for arguments in (("--check",), ()):
        error = run(project, *arguments).exception
        assert isinstance(error, ContractError)
        assert "segment one" in str(error)
        assert "changed: rules" in str(error)
        assert lock.read_bytes() == before
    assert run(project, version="1.1.0").exit_code == 0
    assert lock.read_bytes() != before
    assert run(project, "--check", version="1.1.0").exit_code == 0


def test_an_unchanged_lock_is_not_written_again(project: Project) -> None:
    run(project)
    lock = project.folder / "segments.lock"
    before = lock.stat().st_mtime_ns
    assert run(project).exit_code == 0
    assert lock.stat().st_mtime_ns == before


def test_a_proxy_upstream_of_a_credit_related_segment_is_refused_with_its_path(
    project: Project,
) -> None:
    project.source("people", {"member_id": ("npi", "proxy")})
    assert run(project).exit_code == 0
    credit, suppression = {"is_credit_related": True}, {"purpose": "suppression"}
    for arguments, facts in (((), credit), (("--check",), credit), ((), suppression)):
        error = run(project, *arguments, **facts).exception
        assert isinstance(error, PolicyRefusedError)
        assert error.exit_code == 3
        assert "segment one: ECOA-1: proxy is upstream" in str(error)
        assert "seg_one.member_id ← raw.people.member_id [proxy]" in str(error)


def test_what_is_sensitive_upstream_of_any_segment_is_refused_with_its_path(
    project: Project,
) -> None:
    project.source("people", {"member_id": ("npi", "sensitive")})
    error = run(project).exception
    assert isinstance(error, PolicyRefusedError)
    assert "segment one: FCRA-1: sensitive is upstream of an audience" in str(error)
    assert "seg_one.member_id ← raw.people.member_id [sensitive]" in str(error)


def test_a_project_that_was_not_compiled_is_an_error(project: Project) -> None:
    environment = {"TELLERLINE_PROJECT": str(project.folder), "DBT_ENGINE_TARGET_PATH": None}
    error = CliRunner().invoke(app, ["segment", "lock"], env=environment).exception
    assert isinstance(error, RunStoppedError)
    assert "Run `dbt compile`" in str(error)


def bare_node(kind: str, settings: str) -> str:
    node = f'"config": {settings}, "resource_type": "{kind}", "name": "b"'
    return f'{{"nodes": {{"{kind}.a.b": {{{node}, "unique_id": "{kind}.a.b"}}}}}}'


DAMAGED_MANIFESTS = {
    "empty": ("", "is not plain JSON"),
    "cut off": ('{"nodes": {"a": ', "is not plain JSON"),
    "a list": ("[]", "is no JSON object"),
    "nothing": ("null", "is no JSON object"),
    "without nodes": ("{}", "has no `nodes` by name"),
    "nodes in a list": ('{"nodes": []}', "has no `nodes` by name"),
    "sources in a list": ('{"nodes": {}, "sources": []}', "has no `sources` by name"),
    "a node that is a text": ('{"nodes": {"model.a.b": "x"}}', "has no config, name"),
    "an empty node": ('{"nodes": {"model.a.b": {}}}', "has no config, name"),
    "a bare node": (
        bare_node("model", "{}"),
        "has no alias, columns, database, original_file_path, schema of model.a.b",
    ),
    "settings in a list": (
        bare_node("test", "[]"),
        "has no config by name of test.a.b",
    ),
    "a seed without a file": (
        bare_node("seed", "{}"),
        "seed.a.b: is not as dbt writes it in its manifest: it lacks",
    ),
    "another schema": (
        '{"nodes": {}, "metadata": {"dbt_schema_version": "https://x/dbt/manifest/v20.json"}}',
        r"is of the schema https://x/dbt/manifest/v20.json, not of manifest/v12.json",
    ),
    "another kind of metadata": ('{"nodes": {}, "metadata": []}', "is of the schema None"),
}


@pytest.mark.parametrize(("text", "problem"), DAMAGED_MANIFESTS.values(), ids=DAMAGED_MANIFESTS)
def test_a_damaged_manifest_is_an_error_that_says_what_to_run(
    project: Project, text: str, problem: str
) -> None:
    error = lock(project, text).exception
    assert isinstance(error, ContractError)
    assert problem in str(error)
    assert "dbt compile" in error.remedy


@pytest.mark.parametrize(
    "text", ["segments: [", "- a", "x: y", "segments: {one: 1}", "segments:\n  one: &a {}", "\x00"]
)
def test_a_damaged_lock_is_an_error_that_says_how_to_get_it_back(
    project: Project, text: str
) -> None:
    (project.folder / "segments.lock").write_text(text)
    for arguments in ((), ("--check",)):
        error = run(project, *arguments).exception
        assert isinstance(error, ConfigurationError)
        assert "git checkout segments.lock" in str(error)


WRONG_FACTS = {
    "a misspelt key": ({"ownr": "x"}, "ownr: Extra inputs are not permitted (the keys here are "),
    "a misspelt key below": (
        {"frequency_cap": {"maximum_touches": 1, "window_days": 1, "windows": 2}},
        "windows: Extra inputs are not permitted (the keys here are maximum_touches, window_days)",
    ),
    "a text for a number": ({"minimum_size": "many"}, "minimum_size: "),
    "a list for a text": ({"title": ["a"]}, "title: "),
    "a list for attributes by destination": ({"destinations": ["crm"]}, "destinations: "),
    "a text for attributes": ({"destinations": {"crm": "age_band"}}, "destinations.crm: "),
    "nothing for channels": ({"channels": None}, "channels: "),
}


@pytest.mark.parametrize(("facts", "problem"), WRONG_FACTS.values(), ids=WRONG_FACTS)
def test_wrong_facts_are_an_error_that_names_segment_key_and_keys(
    project: Project, facts: dict[str, Any], problem: str
) -> None:
    project.segment("select 'a' as member_id, 'x' as reason", **facts)
    error = lock(project, json.dumps(project.manifest)).exception
    assert isinstance(error, ConfigurationError)
    assert "segment one: models/seg_one.sql (meta.segment)" in error.subject
    assert problem in str(error)
    if "ownr" in facts:
        assert ", owner, " in str(error)


@pytest.mark.parametrize("facts", ["x", ["owner"], {"destinations": ["crm"]}, {"destinations": 1}])
def test_lineage_of_wrong_facts_is_an_error_that_names_the_segment(
    project: Project, facts: object
) -> None:
    project.model("seg_one", "select 1 as member_id", segment=facts)
    with pytest.raises(TellerlineError, match=r"seg_one, meta\.segment: has no facts by name"):
        project.describe()


def test_facts_that_are_no_facts_are_an_error_of_the_command(project: Project) -> None:
    project.model("seg_one", "select 1 as member_id", ("member_id", "reason"), segment="x")
    error = lock(project, json.dumps(project.manifest)).exception
    assert isinstance(error, ConfigurationError)
    assert "segment one" in error.subject


def test_a_difference_needs_a_warehouse(project: Project) -> None:
    environment = {
        "TELLERLINE_PROJECT": str(ROOT),
        "TELLERLINE_HOME": str(project.folder / "nowhere"),
        "DBT_ENGINE_TARGET_PATH": None,
    }
    error = CliRunner().invoke(app, ["segment", "diff", "HEAD"], env=environment).exception
    assert isinstance(error, RunStoppedError)
    assert "nowhere/warehouse.duckdb: is missing" in str(error)
    assert "TELLERLINE_HOME" in error.remedy
