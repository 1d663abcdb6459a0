"""The pages of a small project: what they say, and when they are out of date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from activation.cli.app import app
from activation.governance.register import Register
from activation.pages.files import FOLDER, render_pages
from tellerline.errors import ConfigurationError, ContractError, UsageError
from tests.activation.installation import ENTRY

REGISTER = {
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
SEEDS = {
    "kli_taxonomy": """\
kli_id,family,parent,title,description,sensitivity,version,is_leaf,is_goal,law_tags
spend,spend,,Consumer spend,What a member spends on.,internal,1,false,false,
spend__coffee,spend,spend,Coffee drinker,Six purchases | or more.,internal,1,true,false,npi
spend__place,spend,spend,Places,Where it is.,internal,1,false,false,
spend__near,spend,spend__place,Buys nearby,Near home.,restricted,1,true,true,npi
""",
    "kli_rules": """\
kli_id,match_on,match_values,direction,member_type
spend__coffee,category,coffee_shops|bakeries,debit,individual
""",
    "scores/score_definitions": """\
score_id,version,title,purpose,population,outcome,indicator,floor_measure,floor_value,maximum_psi,\
owner,review_date,limits
near,2,Nearness,Whom to call.,Adults.,Buys nearby.,near,auc,0.65,0.25,a_team,2027-10-31,Guesses.
far,1,Farness,Nobody.,Adults.,Leaves.,far,auc,0.65,0.25,a_team,2027-10-31,None.
""",
    "scores/score_measurements": """\
score_id,version,measure,decile,measured_value,measured_on
near,1,auc,,0.999,2026-10-31
near,2,auc,,0.7294,2026-10-31
near,2,psi,,0.0036,2026-10-31
near,2,observed_ratio,1,0.5,2026-10-31
""",
    "governance/law_tags": """\
law_tag,title,meaning,citation
npi,Personal,About a member.,Regulation P
proxy,Proxy,Stands in for another.,Regulation B
prohibited_basis,Prohibited basis,Age and others.,Regulation B
""",
    "dictionary/column_facts": """\
relation_name,column_name,kli_id,inherited_law_tags,segments
act_attributes,age_band,,prohibited_basis,
act_attributes,town,,proxy,
dim_member_profile,has_loan,,,retention__quiet
dim_member_profile,member_id,,,retention__quiet
fct_member_klis,kli_id,spend__coffee,,retention__quiet
fct_member_klis,kli_id,spend__near,proxy,
""",
}
SEGMENT: dict[str, Any] = {
    "title": "Quiet members",
    "owner": "a_team",
    "purpose": "product_marketing",
    "goal_kli": "spend__near",
    "legal_basis": "consent",
    "channels": ["email"],
    "destinations": {"portal": ["age_band"]},
    "sensitivity": "confidential",
    "credit_related": False,
    "holdout_ratio": 0.125,
    "frequency_cap": {"maximum_touches": 2, "window_days": 30},
    "minimum_size": 20,
    "maximum_size": 100000,
    "expires_on": "2027-10-31",
    "version": "1.0.0",
}


class House:
    """A project in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in SEEDS.items():
            self.write(f"seeds/{name}.csv", text)
        self.write("governance/destinations.yml", yaml.safe_dump(REGISTER))
        meta = {"law_tags": ["npi"]}
        project = {"models": {"tellerline": {"segments": {"+meta": meta}}}}
        self.write("dbt_project.yml", yaml.safe_dump(project))
        self.model("activation/act_attributes", publish="attributes")
        self.model("klis/rules/kli_rules__evaluated", klis="kli_rules")
        self.model("klis/place/kli_spend__near", klis=["spend__near"])
        self.segment()

    def write(self, path: str, text: str) -> None:
        full = self.folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")

    def model(self, path: str, says: str = "Words.", **meta: Any) -> None:
        name = path.rsplit("/", maxsplit=1)[-1]
        entry = {"name": name, "description": f"{says}\n\nOne row.", "config": {"meta": meta}}
        self.write(f"models/{path}.yml", yaml.safe_dump({"models": [entry]}))

    def segment(self, **facts: Any) -> None:
        path = "segments/retention/seg_retention__quiet"
        self.model(path, "Members who\nare quiet.", segment={**SEGMENT, **facts})

    def seed(self, name: str, old: str, new: str) -> None:
        assert old in SEEDS[name]
        self.write(f"seeds/{name}.csv", SEEDS[name].replace(old, new))

    @property
    def pages(self) -> dict[str, str]:
        files = render_pages(self.folder, Register.model_validate(REGISTER))
        return {path.stem: data.decode() for path, data in files.contents.items()}

    def run(self, *arguments: str) -> Result:
        environment = {"TELLERLINE_PROJECT": str(self.folder)}
        return CliRunner().invoke(app, ["dictionary", "pages", *arguments], env=environment)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_page_of_a_family_tells_all_of_its_indicators(house: House) -> None:
    page = house.pages["indicators_spend"]
    assert "{% docs __kli_spend__ %}" in page
    assert (
        "| **Coffee drinker** `spend__coffee` | Six purchases \\| or more. |  | internal | `npi` |"
    ) in page
    # A stated tag and one that lineage found, below the group's own heading.
    below = page.split("## Places")[1]
    assert "| **Buys nearby** `spend__near` | Near home. | yes | restricted | `npi`, `proxy` |" in (
        below
    )
    assert "model.tellerline.kli_spend__near" in below
    assert "[Quiet members](#!/model/model.tellerline.seg_retention__quiet)" in below
    assert "* `proxy` **Proxy**: Stands in for another. (Regulation B)" in below
    assert (
        "[Consumer spend](#!/overview/kli_spend) | What a member spends on. | 2 | 1 |"
        in house.pages["indicators"]
    )


def test_a_model_shows_what_it_assigns_and_a_rule_line_what_it_counts(house: House) -> None:
    assert "{% docs klis_of_kli_spend__near %}" in house.pages["assigned_place"]
    assert "| **Buys nearby** `spend__near` | Near home. |" in house.pages["assigned_place"]
    assert (
        "| debits of individual members, category: coffee shops, bakeries |"
        in (house.pages["assigned_rules"])
    )


def test_the_page_of_an_audience_tells_what_governs_it(house: House) -> None:
    page = house.pages["audiences_retention"]
    assert "{% docs seg_retention__quiet %}" in page
    for row in (
        "| Goal | [Buys nearby](#!/overview/kli_spend): Near home. |",
        "| Purpose | product marketing |",
        "| Owner | a team |",
        "| Channels | email |",
        "| Control group | 12.5 % are not sent |",
        "| Frequency cap | at most 2 touches in 30 days, by member and channel |",
        "| Size | from 20 to 100,000 members |",
        "| Expires | 31 October 2027 |",
        "| [Portal](#!/exposure/exposure.tellerline.portal) | email | age band |",
        "| **Coffee drinker** `spend__coffee` | Six purchases \\| or more. | [Consumer spend]",
    ):
        assert row in page
    assert "| has loan ([meaning](#!/model/model.tellerline.dim_member_profile)) |" in page
    assert "model.tellerline.seg_retention__quiet?g_v=1&g_i=2%2Bseg_retention__quiet%2B2)" in page
    # Of what goes along, the tags of what it sends, and of nothing else.
    assert "`npi`" in page
    assert "`prohibited_basis`" in page
    assert "`proxy`" not in page
    house.segment(purpose="credit_offers", credit_related=True, holdout_ratio=0, destinations={})
    page = house.pages["audiences_retention"]
    assert "| credit offers; credit-related: held to fair lending |" in page
    assert "| Control group | none |" in page
    assert "Where it may go" not in page
    assert "`prohibited_basis`" not in page


def test_the_page_of_all_audiences_says_whom_each_selects(house: House) -> None:
    assert (
        "| [Quiet members](#!/model/model.tellerline.seg_retention__quiet) "
        "| Members who are quiet. | [Buys nearby](#!/overview/kli_spend) "
        "| [Portal](#!/exposure/exposure.tellerline.portal) |"
    ) in house.pages["audiences"]
    house.segment(destinations={})
    assert "| nobody |" in house.pages["audiences"]


def test_the_page_of_a_destination_tells_its_fields_and_audiences(house: House) -> None:
    page = house.pages["destinations"]
    for row in (
        "{% docs destination_portal %}",
        "| `age` | attribute: age band |",
        "| `mail` | contact data: email |",
        "| [Quiet members](#!/model/model.tellerline.seg_retention__quiet) |",
    ):
        assert row in page
    house.segment(destinations={})
    assert "Quiet members" not in house.pages["destinations"]


@pytest.mark.parametrize(
    ("seed", "old", "new", "line"),
    [
        ("kli_taxonomy", "Coffee drinker", "Tea drinker", r"\*\*Tea drinker\*\*"),
        ("kli_rules", "bakeries", "grocers", "coffee shops, grocers"),
        ("governance/law_tags", "About a member.", "Of a member.", "Of a member"),
        ("dictionary/column_facts", "spend__near,proxy", "spend__near,", "`npi`"),
    ],
)
def test_pages_that_a_seed_left_behind_fail_the_check(
    house: House, seed: str, old: str, new: str, line: str
) -> None:
    assert house.run("--write").exit_code == 0
    assert house.run("--check").exit_code == 0
    house.seed(seed, old, new)
    error = house.run("--check").exception
    assert isinstance(error, ContractError)
    assert "tellerline dictionary pages --write" in str(error)
    with pytest.raises(ContractError, match=line):
        raise error
    assert house.run("--write").exit_code == 0
    assert house.run("--check").exit_code == 0


def test_the_pages_follow_facts_of_segments_and_what_is_gone_goes(house: House) -> None:
    assert len(json.loads(house.run("--write", "--json").stdout)["written"]) == len(house.pages)
    assert json.loads(house.run("--write", "--json").stdout)["written"] == []
    house.segment(expires_on="2028-01-01")
    assert "1 January 2028" in str(house.run("--check").exception)
    left = house.folder / FOLDER / "audiences_gone.md"
    assert house.run("--write").exit_code == 0
    left.touch()
    assert "audiences_gone.md" in str(house.run("--check").exception)
    assert house.run("--write").exit_code == 0
    assert not left.exists()
    assert isinstance(house.run("--write", "--check").exception, UsageError)


def test_what_names_nothing_known_is_refused(house: House) -> None:
    house.segment(goal_kli="spend__nothing")
    with pytest.raises(ContractError, match=r"seg_retention__quiet.*spend__nothing"):
        _ = house.pages
    house.segment(holdout_ratio=2)
    with pytest.raises(ConfigurationError, match=r"seg_retention__quiet.*holdout_ratio"):
        _ = house.pages
    house.segment()
    house.seed("kli_taxonomy", "internal,1,true,false,npi", "internal,1,true,false,nip")
    with pytest.raises(ContractError, match="law tag nip"):
        _ = house.pages


@pytest.mark.parametrize("mark", ["{{ doc('x') }}", "{% enddocs %}", "{# a note #}"])
def test_marks_of_templates_are_refused(house: House, mark: str) -> None:
    house.seed("kli_taxonomy", "Near home.", mark)
    with pytest.raises(ContractError, match="which dbt takes for a template"):
        _ = house.pages


def test_a_seed_that_cannot_be_read_is_named(house: House) -> None:
    house.seed("kli_taxonomy", "is_goal", "may_be_goal")
    with pytest.raises(ContractError, match=r"kli_taxonomy.*lacks is_goal"):
        _ = house.pages
    (house.folder / "seeds" / "kli_taxonomy.csv").unlink()
    with pytest.raises(ContractError, match=r"kli_taxonomy.*is missing"):
        _ = house.pages


def test_a_family_whose_indicator_a_score_makes_shows_the_score_cards(house: House) -> None:
    text = house.pages["indicators_spend"]
    assert (
        "| **Nearness** `near`, version 2 | Whom to call. Adults. | Buys nearby. "
        "| area under the curve 0.729 (at least 0.65); stability index 0.004 (at most 0.25) "
        "| Guesses. | by 31 October 2027, a team |"
    ) in text
    assert "| **Farness** `far`, version 1 | Nobody. Adults. | Leaves. | not measured |" in text
    assert "(#!/model/model.tellerline.msr_score_cards)" in text
    house.seed("scores/score_definitions", "Buys nearby.,near,", "Buys nearby.,nigh,")
    assert "Score cards" not in house.pages["indicators_spend"]


def test_a_score_without_a_day_of_review_is_refused(house: House) -> None:
    house.seed("scores/score_definitions", "a_team,2027-10-31,Guesses.", "a_team,soon,Guesses.")
    with pytest.raises(ContractError, match="the score near: has a date or a number"):
        _ = house.pages
