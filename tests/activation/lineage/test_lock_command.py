"""`tellerline segment lock` from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from tellerline.errors import ContractError, PolicyRefusedError, RunStoppedError
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
    purpose: str = "marketing",
) -> Result:
    project.segment(
        f"select p.member_id, r.minimum as reason from {table('raw.people')} as p, "
        f"{table('rules')} as r where r.kli_id = 'coffee'",
        version=version,
        credit_related=is_credit_related,
        purpose=purpose,
    )
    target = project.folder / "target"
    target.mkdir(exist_ok=True)
    (target / "manifest.json").write_text(json.dumps(project.manifest))
    environment = {"TELLERLINE_PROJECT": str(project.folder), "DBT_ENGINE_TARGET_PATH": None}
    return CliRunner().invoke(app, ["segment", "lock", *arguments], env=environment)


def test_what_was_locked_passes_the_check(project: Project) -> None:
    assert isinstance(run(project, "--check").exception, ContractError)
    shown = json.loads(run(project, "--json").stdout)
    assert shown["one"]["version"] == "1.0.0"
    assert shown["one"]["law_tags"] == {"npi": "seg_one.member_id ← raw.people.member_id [npi]"}
    assert run(project, "--check").exit_code == 0


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
