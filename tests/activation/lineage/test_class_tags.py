"""Law tags of classes of payments along the lineage of the project itself."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from activation.lineage import describe_segments
from activation.policies.lineage import Basis, refuse_forbidden_basis
from activation.policies.packs import packs_in_force
from tellerline.errors import PolicyRefusedError
from tests.activation.lineage.conftest import Compiled
from tests.dbt.sessions import ROOT

pytestmark = pytest.mark.breadth
FORBIDDEN_IN_CREDIT = {"prohibited_basis", "proxy"}
TOLD = FORBIDDEN_IN_CREDIT | {"sensitive"}
CREDIT = "recapture__mortgage_elsewhere"
COFFEE = "spend__coffee,spend,spend,category,coffee,"
OPEN_ACCOUNT = "and profile.open_account_count >= 1"
CATEGORIES = '"warehouse"."core"."fct_member_categories"'


@pytest.mark.parametrize(
    ("match", "tag", "value"),
    [
        ("category,childcare", "prohibited_basis", "category_id childcare"),
        ("category,coffee|baby_and_kids", "prohibited_basis", "category_id baby_and_kids"),
        ("category,retirement_income", "prohibited_basis", "category_id retirement_income"),
        ("category,education", "proxy", "category_id education"),
        ("merchant,kindercare", "prohibited_basis", "merchant_id kindercare"),
        ("merchant,davids_bridal", "prohibited_basis", "merchant_id davids_bridal"),
        ("merchant,patel_brothers", "proxy", "merchant_id patel_brothers"),
        ("mcc,5641", "prohibited_basis", "mcc 5641"),
        ("mcc,5814|5621", "proxy", "mcc 5621"),
        ("mcc,7995", "sensitive", "mcc 7995"),
        ("competitor_product,money_transfer", "proxy", "competitor_product money_transfer"),
    ],
)
def test_a_rule_line_inherits_the_tags_of_its_classes(
    compiled: Compiled, tmp_path: Path, match: str, tag: str, value: str
) -> None:
    """Although its line in the taxonomy says nothing of them."""
    edits = {
        "kli_rules": (COFFEE, f"spend__coffee,spend,spend,{match},"),
        f"seg_{CREDIT}": ("'competitive__mortgage'", "'spend__coffee'"),
    }
    manifest = compiled.edited(tmp_path, edits)
    path = describe_segments(manifest, tmp_path, {CREDIT})[CREDIT].tags[tag]
    assert path == (
        f"seg_{CREDIT}.member_id ← fct_member_klis.confidence (condition) ← "
        f"kli_rules__evaluated.confidence ← dim_spend_classes.confidence of {value} [{tag}]"
    )
    pack = packs_in_force(ROOT / "governance", date(9999, 1, 1))
    with pytest.raises(PolicyRefusedError, match=re.escape(path)):
        refuse_forbidden_basis({CREDIT: Basis(True, {tag: path})}, lambda: pack)
    for fair_lending_alone in {tag} & FORBIDDEN_IN_CREDIT:
        refuse_forbidden_basis({CREDIT: Basis(False, {fair_lending_alone: path})}, lambda: pack)


def test_an_innocent_rule_line_inherits_none(compiled: Compiled) -> None:
    found = compiled.lineage_with(CREDIT, "competitive__mortgage", "spend__coffee")
    assert not TOLD & found.tags.keys()


@pytest.mark.parametrize(
    ("condition", "tags"),
    [
        ("category_id = 'childcare'", {"prohibited_basis"}),
        ("category_id in ('coffee', 'childcare')", {"prohibited_basis"}),
        ("category_id like 'child%'", {"prohibited_basis"}),
        ("starts_with(category_id, 'retire')", {"prohibited_basis"}),
        ("case category_id when 'childcare' then 1 else 0 end = 1", {"prohibited_basis"}),
        ("lower(category_id) = 'education'", {"proxy"}),
        ("category_id = 'withheld'", {"sensitive"}),
        ("category_id = 'drugstores'", {"sensitive"}),
        ("category_id <> 'childcare'", set()),
        ("category_id not in ('withheld', 'childcare')", set()),
        ("category_id = 'coffee'", set()),
        ("category_id in ('payroll', 'retirement_income')", set()),
    ],
)
def test_a_segment_that_singles_out_a_class_has_its_tags(
    compiled: Compiled, condition: str, tags: set[str]
) -> None:
    found = compiled.lineage_with(
        CREDIT,
        OPEN_ACCOUNT,
        f"and exists (select 1 from {CATEGORIES} as c where {condition})",
    )
    assert TOLD & found.tags.keys() == tags
