"""`tellerline segment new`."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from activation.governance.segments import SegmentFacts
from activation.segments.template import make_segment
from tellerline.documents import check_document
from tellerline.errors import ConfigurationError, UsageError
from tests.dbt.sessions import ROOT
from tests.dbt.test_dictionary import SEGMENT_KEYS
from tests.dbt.test_yaml_keys import broken_keys
from tests.dbt.unit_tests import Bench, UnitTest

TODAY = date(2026, 7, 1)
PROFILE = {
    "member_id": "varchar",
    "member_type": "varchar",
    "member_status": "varchar",
    "is_minor": "boolean",
    "tenure_days": "integer",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two goals, one segment, the forbidden words, and what pages are made of."""
    (tmp_path / "dbt_project.yml").touch()
    for goal in ("retention", "suppression"):
        (tmp_path / "models" / "segments" / goal).mkdir(parents=True)
    (tmp_path / "models" / "segments" / "retention" / "seg_retention__known.sql").touch()
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    shutil.copytree(ROOT / "governance", tmp_path / "governance")
    shutil.copy(ROOT / "models" / "groups.yml", tmp_path / "models")
    return tmp_path


def new(project: Path, *arguments: str) -> Result:
    environment = {"TELLERLINE_PROJECT": str(project)}
    return CliRunner().invoke(app, ["segment", "new", *arguments], env=environment)


def document_of(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def rows_of(text: str) -> list[dict[str, Any]]:
    header, *lines = [line.split(",") for line in text.strip().splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.parametrize("goal", ["retention", "suppression"])
def test_a_new_segment_states_every_fact_and_goes_nowhere(project: Path, goal: str) -> None:
    made = make_segment(
        project,
        goal,
        "quiet_ones",
        owner="marketing_analytics",
        goal_kli="fi_product__savings",
        today=TODAY,
    )
    document = document_of(made.files[1])
    assert broken_keys(document) == []
    stated = document["models"][0]["config"]["meta"]["segment"]
    facts = check_document(stated, SegmentFacts, "segment")
    assert set(stated) == SEGMENT_KEYS
    assert (facts.title, facts.owner, facts.goal_kli) == (
        "Quiet ones", "marketing_analytics", "fi_product__savings",
    )  # fmt: skip
    assert facts.destinations == {}
    assert facts.expires_on == date(2027, 7, 1)
    assert (facts.purpose == "suppression") == (goal == "suppression") == (facts.holdout_ratio == 0)


def test_the_unit_test_of_a_new_segment_holds_and_can_fail(project: Path) -> None:
    made = make_segment(
        project, "retention", "quiet_ones",
        owner="marketing_analytics", goal_kli="fi_product__savings", today=TODAY,
    )  # fmt: skip
    (test,) = document_of(made.files[1])["unit_tests"]
    expected = rows_of(test["expect"]["rows"])
    bench = Bench(
        {"dim_member_profile": PROFILE},
        UnitTest(
            name=test["name"],
            model=test["model"],
            given={"dim_member_profile": rows_of(test["given"][0]["rows"])},
            columns=list(expected[0]),
            expected=[tuple(row.values()) for row in expected],
        ),
    )
    sql = made.files[0].read_text().replace("{{ ref('dim_member_profile') }}", "dim_member_profile")
    assert bench.passes(sql)
    for before, after in (
        (">= 365", "> 365"), (">= 365", ">= 364"), ("= 'individual'", "<> ''"),
        ("= 'active'", "<> ''"), ("and not is_minor", ""),
    ):  # fmt: skip
        assert not bench.passes(sql.replace(before, after))


def test_the_command_names_the_files_and_the_next_steps(project: Path) -> None:
    shown = new(project, "retention", "quiet_ones")
    assert shown.exit_code == 0
    for word in ("seg_retention__quiet_ones.yml", "dbt build -s", "segment lock", "segment diff"):
        assert word in shown.output
    # Each of these reads what the one before it wrote, and CI holds what they write to the project.
    steps = ("dbt compile --selector everything", "dictionary lineage --write",
             "dictionary pages --write", "segment lock")  # fmt: skip
    places = [shown.output.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    shown = new(project, "suppression", "loud_ones", "--json")
    assert json.loads(shown.output) == {
        "files": [
            "models/segments/suppression/seg_suppression__loud_ones.sql",
            "models/segments/suppression/seg_suppression__loud_ones.yml",
        ],
        "segment": "suppression__loud_ones",
    }


def test_a_name_that_only_looks_sensitive_is_taken(project: Path) -> None:
    assert new(project, "retention", "credit_union_switchers").exit_code == 0


def test_the_command_writes_the_page_that_the_description_shows(project: Path) -> None:
    assert new(project, "retention", "quiet_ones").exit_code == 0
    model = "seg_retention__quiet_ones"
    (stated,) = document_of(project / f"models/segments/retention/{model}.yml")["models"]
    assert f'{{{{ doc("{model}") }}}}' in stated["description"]
    page = (project / "models/dictionary/pages/audiences_retention.md").read_text()
    assert f"{{% docs {model} %}}" in page
    assert "### Quiet ones" in page


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("retention", "known"), "exists"),
        (("suppression", "../x"), "is no name"),
        (("retention", "Quiet"), "is no name"),
        (("retention", "quiet__ones"), "is no name"),
        (("retention", "quiet_2"), "is no name"),
        (("retention", "_quiet"), "is no name"),
        (("retention", "q" * 60), "more than 63"),
        (("retention", "casino_goers"), "speaks of gambling: CASINO"),
        (("retention", "pregnant"), "speaks of health: PREGNAN"),
        (("retention", "union_members"), "speaks of union: UNION"),
        (("retain", "quiet"), "is not one of retention, suppression"),
        (("../retention", "quiet"), "is not one of"),
        (
            ("retention", "quiet", "--owner", "nobody"),
            "Known are data_team, identity_team, marketing_analytics.",
        ),
        (
            ("retention", "quiet", "--owner", "marketing_analysts"),
            "Did you mean marketing_analytics?",
        ),
        (("retention", "quiet", "--goal-kli", "spend__coffee"), "cannot be a goal"),
        (("retention", "quiet", "--goal-kli", "no_such"), "cannot be a goal"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(
    project: Path, arguments: tuple[str, ...], problem: str
) -> None:
    before = sorted(project.rglob("*"))
    error = new(project, *arguments).exception
    assert isinstance(error, UsageError)
    assert problem in str(error)
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("models/groups.yml", None),
        ("models/groups.yml", "groups: [{name: a}]"),
        ("models/groups.yml", "- a"),
        ("models/groups.yml", "groups: [\t"),
        ("seeds/kli_taxonomy.csv", None),
        ("seeds/kli_taxonomy.csv", "a,b\n1,2\n"),
    ],
)
def test_a_damaged_project_is_an_error_that_names_the_file(
    project: Path, path: str, text: str | None
) -> None:
    (project / path).unlink()
    if text is not None:
        (project / path).write_text(text)
    error = new(project, "retention", "quiet").exception
    assert isinstance(error, ConfigurationError)
    assert Path(path).name in error.subject
