"""`tellerline segment diff`: what a change does to audiences, on the fixture's institution."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from activation.segments.revisions import Workbench
from tellerline.errors import ContractError, RunStoppedError, UsageError
from tellerline.settings import Settings
from tests.dbt.sessions import ROOT, DbtSession

pytestmark = [pytest.mark.slow, pytest.mark.breadth]
SEGMENTS = Path("models") / "segments"
GONE = "business__payroll_processor"
NEW = "retention__quiet_ones"
LOGIC = "deposit_growth__balance_without_certificate"
SEED = "recapture__auto_loan_elsewhere"
FACTS = "digital_adoption__rdc_not_adopted"


def path_of(segment_id: str, ending: str) -> Path:
    return SEGMENTS / segment_id.split("__", maxsplit=1)[0] / f"seg_{segment_id}.{ending}"


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Author", "-c", "user.email=author@example.com")
    subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    )  # fmt: skip


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


@dataclass
class Compared:
    """One comparison and the world that it was made in."""

    project: Path
    home: Path
    document: dict[str, Any]

    def segment(self, segment_id: str) -> dict[str, Any]:
        found = [item for item in self.document["segments"] if item["segment"] == segment_id]
        return dict(found[0])


def diff(project: Path, home: Path, *arguments: str) -> Result:
    environment = {"TELLERLINE_PROJECT": str(project), "TELLERLINE_HOME": str(home)}
    return CliRunner().invoke(app, ["segment", "diff", *arguments], env=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the project's own, whose working tree holds one change of each kind."""
    folder = tmp_path_factory.mktemp("a project")
    for name in ("models", "seeds", "snapshots", "macros", "governance", "tests/generic"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(ROOT / name, folder / name)
    # They name segments that are about to go.
    (folder / "models" / "exposures.yml").unlink()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Begin")
    for ending in ("sql", "yml"):
        (folder / path_of(GONE, ending)).unlink()
    replace(folder / "macros" / "segments.sql", f"    'seg_{GONE}',\n", "")
    environment = {"TELLERLINE_PROJECT": str(folder)}
    made = CliRunner().invoke(app, ["segment", "new", *NEW.split("__")], env=environment)
    assert made.exit_code == 0
    replace(folder / path_of(LOGIC, "sql"), "tenure_days >= 365", "tenure_days >= 2000")
    replace(folder / path_of(LOGIC, "yml"), 'version: "1.0.0"', 'version: "1.1.0"')
    replace(folder / path_of(FACTS, "yml"), "holdout_ratio: 0.1", "holdout_ratio: 0.2")
    rules = folder / "seeds" / "kli_rules.csv"
    line = re.search(r"competitive__auto_loan,.*", rules.read_text())
    assert line is not None
    replace(rules, line[0], line[0].replace(",75,2,200.00,", ",75,3,200.00,"))
    # A rule that no segment reads.
    line = re.search(r"spend__museums,.*", rules.read_text())
    assert line is not None
    replace(rules, line[0], line[0].replace(",180,2,", ",180,3,"))
    return folder


@pytest.fixture(scope="module")
def compared(
    built: DbtSession, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Compared:
    home = tmp_path_factory.mktemp("a home")
    shutil.copy(built.home / "warehouse.duckdb", home)
    before = (home / "warehouse.duckdb").read_bytes()
    shown = diff(project, home, "main", "--members", "--json")
    assert shown.exit_code == 0, shown.exception
    # The state folder is as it was: the copy is gone and the warehouse untouched.
    assert [path.name for path in home.iterdir()] == ["warehouse.duckdb"]
    assert (home / "warehouse.duckdb").read_bytes() == before
    return Compared(project, home, json.loads(shown.stdout))


def members(built: DbtSession, query: str) -> set[str]:
    return {row[0] for row in built.rows(query)}


def of_segment(segment_id: str) -> str:
    return f"select member_id from segments.seg_{segment_id}"


def test_every_segment_of_either_side_is_compared(compared: Compared) -> None:
    changes = {item["segment"]: item["change"] for item in compared.document["segments"]}
    changed = {name: change for name, change in changes.items() if change != "none"}
    assert changed == {GONE: "gone", NEW: "new", LOGIC: "logic", SEED: "logic", FACTS: "facts"}
    files = (compared.project / SEGMENTS).rglob("seg_*.sql")
    assert changes.keys() == {path.stem.removeprefix("seg_") for path in files} | {GONE}


def test_a_changed_threshold_moves_who_it_says(built: DbtSession, compared: Compared) -> None:
    found = compared.segment(LOGIC)
    before = members(built, of_segment(LOGIC))
    older = members(built, "select member_id from klis.dim_member_profile where tenure_days < 2000")
    assert set(found["members"]["out"]) == before & older
    assert (found["in"], found["out"]) == (0, len(before & older))
    assert found["unchanged"] == len(before - older)
    assert 0 < found["unchanged"] < len(before)
    assert sum(found["reasons"]["out"].values()) == found["out"]
    assert found["differs_in"]["upstream"] == [f"seg_{LOGIC}"]
    assert not found["lacks_version"]


def test_a_changed_rule_moves_its_segment_and_no_other(
    built: DbtSession, compared: Compared
) -> None:
    found = compared.segment(SEED)
    fewer = members(
        built,
        "select member_id from klis.fct_member_klis "
        "where kli_id = 'competitive__auto_loan' and evidence_count < 3",
    )
    before = members(built, of_segment(SEED))
    assert set(found["members"]["out"]) == before & fewer
    assert found["out"] > 0
    assert found["differs_in"]["upstream"] == ["kli_rules"]
    assert found["lacks_version"]


def test_new_and_gone_segments_are_counted_whole(built: DbtSession, compared: Compared) -> None:
    gone, new = compared.segment(GONE), compared.segment(NEW)
    assert (gone["in"], gone["out"]) == (0, len(members(built, of_segment(GONE))))
    selected = members(
        built,
        "select member_id from klis.dim_member_profile where member_type = 'individual' "
        "and member_status = 'active' and not is_minor and tenure_days >= 365",
    )
    assert set(new["members"]["in"]) == selected
    assert new["version"] == {"after": "1.0.0", "before": None}
    assert new["reasons"]["in"] == {"Member for # days": len(selected)}
    shared = members(built, of_segment(FACTS)) & selected
    assert new["overlaps"].get(FACTS, len(shared)) == len(shared)
    assert max(new["overlaps"].values()) > 0


def test_reach_counts_consent_without_suppression(built: DbtSession, compared: Compared) -> None:
    reachable = (
        "select member_id from activation.act_consents where is_granted and channel = 'direct_mail'"
        " and purpose = 'product_marketing' and member_id not in (select member_id from "
        "activation.act_suppressions where channel in ('all', 'direct_mail'))"
    )
    before = members(built, f"{of_segment(LOGIC)} intersect ({reachable})")
    left = set(compared.segment(LOGIC)["members"]["out"])
    assert compared.segment(LOGIC)["reach"]["direct_mail"] == {
        "after": len(before - left), "before": len(before),
    }  # fmt: skip
    assert len(before) > 0
    assert compared.segment("suppression__new_members")["reach"] == {}


def test_other_facts_move_nobody_and_need_a_version(built: DbtSession, compared: Compared) -> None:
    found = compared.segment(FACTS)
    assert (found["in"], found["out"]) == (0, 0)
    assert found["unchanged"] == len(members(built, of_segment(FACTS)))
    assert found["differs_in"] == {"facts": ["holdout_ratio"], "upstream": []}
    assert found["lacks_version"]


def test_what_cannot_be_compared_is_said_plainly(project: Path, tmp_path: Path) -> None:
    for revision in ("no-such", "--all"):
        error = diff(project, tmp_path, "--", revision).exception
        assert isinstance(error, UsageError)
        assert "none that git knows" in str(error)
    error = diff(project, tmp_path, "main").exception
    assert isinstance(error, RunStoppedError)
    assert "warehouse.duckdb" in str(error)


def test_what_dbt_says_of_a_failure_is_not_shown(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(ROOT / "profiles.yml", project)
    (project / "dbt_project.yml").write_text("name: a secret\n")
    settings = Settings.from_environment(dict(os.environ), project)
    with pytest.raises(RunStoppedError) as caught:
        Workbench(settings, tmp_path / "bench").compile("head", None)
    assert str(caught.value) == (
        "the working tree: cannot be compiled on this warehouse. "
        "Run `dbt compile` on a checkout of it to see why."
    )


def test_what_lineage_refuses_names_the_revision(tmp_path: Path) -> None:
    project = tmp_path / "project"
    segments = project / "models" / "segments"
    segments.mkdir(parents=True)
    shutil.copy(ROOT / "profiles.yml", project)
    (project / "dbt_project.yml").write_text("name: tellerline\nprofile: tellerline\n")
    (segments / "seg_retention__grown.sql").write_text(
        "{{ config(materialized='incremental') }} select 'm' as member_id, 'r' as reason"
    )
    (segments / "seg_retention__grown.yml").write_text(
        "models: [{name: seg_retention__grown, config: {meta: {segment: {version: '1.0.0'}}}}]"
    )
    settings = Settings.from_environment(dict(os.environ), project)
    with pytest.raises(ContractError) as caught:
        Workbench(settings, tmp_path / "bench").compile("head", None)
    assert str(caught.value).startswith("the working tree: seg_retention__grown: ")
    assert str(caught.value).endswith(" Or compare with another revision.")


def test_help_says_what_stands_for_the_second_revision() -> None:
    shown = CliRunner().invoke(app, ["segment", "diff", "--help"]).stdout
    assert "The one after; the working tree when absent." in " ".join(shown.split())
