"""The seeds of merchants: true to the public lists, large enough, and with nothing sensitive."""

from __future__ import annotations

import pytest

from curation.brands import forbidden_words, is_sensitive
from curation.codes import public_codes
from curation.patterns import patterns_of, words_of
from sandbox.feeds.evaluation.labelled import unseen_merchants
from tests.dbt.reading import plain, read_seed
from tests.dbt.sessions import ROOT

PRODUCTS = {
    "mortgage": 40, "auto_loan": 30, "credit_card": 30, "heloc": 10, "student_loan": 15,
    "personal_loan": 10, "brokerage": 20, "bnpl": 10, "crypto": 10, "insurance": 20, "deposit": 100,
    "money_transfer": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def products() -> dict[str, str]:
    return {c["category_id"]: c["competitor_product"] for c in read_seed("merchant_categories")}


def test_codes_are_those_of_the_public_list():
    held = {row["mcc"]: row["title"] for row in read_seed("mcc_categories")}
    assert held == public_codes()


def test_no_sensitive_code_has_a_category():
    withheld = {r["mcc"] for r in read_seed("forbidden_mccs") if r["is_withheld"] == "true"}
    given = {row["mcc"] for row in read_seed("mcc_categories") if row["category_id"]}
    assert not withheld & given
    assert withheld


def test_the_dictionary_is_large_enough(products):
    merchants = read_seed("merchants")
    assert len(merchants) >= 1000
    institutions = [m for m in merchants if products[m["category_id"]]]
    assert len(institutions) >= 150
    assert sum(m["category_id"] == "payroll_processors" for m in merchants) >= 10


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_has_its_institutions(products, product):
    found = [m for m in read_seed("merchants") if products[m["category_id"]] == product]
    assert len(found) >= PRODUCTS[product]


def test_no_merchant_tells_anything_sensitive():
    words = forbidden_words(ROOT / "seeds")
    merchants = [m for m in read_seed("merchants") if m["category_id"] != "drugstores"]
    names = [m["merchant_name"] for m in merchants]
    assert [name for name in names if is_sensitive(name, words)] == []
    assert is_sensitive("First Baptist Book Store", words)
    assert not is_sensitive("Navy Federal Credit Union", words)


def test_every_merchant_is_recognised_by_something():
    merchants = {row["merchant_id"] for row in read_seed("merchants")}
    assert merchants == {row["merchant_id"] for row in read_seed("merchant_patterns")}


def test_no_pattern_means_two_merchants():
    meant: dict[str, set[str]] = {}
    for row in read_seed("merchant_patterns"):
        meant.setdefault(plain(row["pattern"]), set()).add(row["merchant_id"])
    assert {text: ids for text, ids in meant.items() if len(ids) > 1 or len(text) < 2} == {}


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Ash & Company", {"ASH & COMPANY", "ASH & CO", "ASH CO", "ASH AND COMPANY", "ASHCOMPANY"}),
        ("&pizza", {"&PIZZA"}),
        ("Dairy Barn Inc.", {"DAIRY BARN INC", "DAIRY BARN", "DAIRYBARNINC"}),
    ],
)
def test_half_of_a_name_is_no_pattern_of_it(name, texts):
    assert {pattern.text for pattern in patterns_of(name, frozenset())} == texts


def test_the_unseen_are_unknown_to_the_dictionary():
    patterns = {plain(row["pattern"]) for row in read_seed("merchant_patterns")}
    names = [words_of(merchant.name) for merchant in unseen_merchants()]
    assert len(names) == len(set(names)) >= 1000
    assert not patterns & set(names)


@pytest.mark.parametrize("name", ["Chick-fil-A", "O'Reilly's", "Netflix.com", "AT&T", "Disney+"])
def test_names_are_compared_as_the_models_have_them(name):
    assert words_of(name) == plain(name)
