"""Which wordings the build and the author's own command refuse, and which they let pass."""

from __future__ import annotations

import duckdb
import pytest

from activation.governance.words import find_sensitive_words
from tests.dbt.sessions import ROOT, DbtSession

CHECK = "kli_taxonomy__speaks_of_nothing_sensitive"
RELATION = '"warehouse"."seeds"."kli_taxonomy"'
# By kind: what a reviewer would try beside the plain words of the seed.
REFUSED = {
    "adult": (
        "Adult entertainment", "Adults in clubs", "Strippers", "Strip clubs", "Escorts", "Erotica",
        "Pornography", "Massage parlors", "Dating app users", "Sexual interests", "Sexy lingerie",
        "Gays and lesbians", "LGBTQ households", "Transgender members", "Nudists",
    ),
    "charity": (
        "Campaign donors", "Donates monthly", "Donating", "Donations", "Charities",
        "charitable_givers", "Donors",
    ),
    "gambling": (
        "Casinos", "casino's guests", "Gamblers", "Sportsbooks", "Sports bettors", "Lotteries",
        "Lottos", "Poker players", "Bookies", "Bingo halls", "Wagering", "Jackpots",
        "Slot machines",
    ),
    "hardship": (
        "Payday borrowers", "Bankruptcies", "Bankrupt", "Foreclosures", "Foreclosed homes",
        "Evictions", "evicted_renters", "Delinquencies", "Overdrafts", "Pawnshops", "Pawned goods",
        "Unemployed", "On welfare", "Food stamps", "Repossessed cars", "Homelessness", "Layoffs",
        "Debt collectors", "In arrears", "Hardships", "Insolvency", "Laid off", "Charge-offs",
        "Food banks", "Foodbanks", "Soup kitchens", "Hunger relief",
    ),
    "health": (
        "Clinics", "Therapists", "Therapeutic", "In therapy", "Diabetic", "Diabetes", "Pregnant",
        "Oncology", "Oncologists", "Hospitals", "Hospitalized", "Doctors", "Dentists", "Patients",
        "Healthy eaters", "Medications", "Medically frail", "Pharmacies", "Prescriptions",
        "Addicts", "Addiction", "Rehabs", "Psychologists", "Disabled", "Disabilities", "Surgeries",
        "Vaccinated", "Maternity", "Obesity", "Illnesses", "Urgent-care visitors", "Abortions",
        "Infertility", "Marijuana dispensaries", "Alzheimer's", "Depressed", "IVF", "HIV-positive",
        "Vapers", "Vaping", "Smokers",
    ),
    "politics": (
        "Republicans", "Democrats", "Politicians", "Voters", "Super PACs", "Elections",
        "Campaigns", "MAGA", "Partisans", "Activists", "Lobbyists", "Socialists",
    ),
    "religion": (
        "Churches", "church_goers", "The church's friends", "Synagogues", "Mosques", "Temples",
        "Catholics", "Catholicism", "Muslims", "Islam", "Jews", "Judaism", "Hindus", "Buddhists",
        "Sikhs", "Mormons", "Christianity", "Baptists", "Religions", "Parishioners", "Tithing",
        "Worshippers", "Ministers", "Pastors", "Rabbis", "Prayers", "Bible study",
        "People of faith", "Ramadan shoppers", "Diwali", "Hanukkah", "Tarot",
    ),
    "union": (
        "Union members", "Unions", "Unionized", "Teamster", "Credit union and labor union members",
        "Collective bargaining", "Shop stewards",
    ),
}  # fmt: skip
INNOCENT = (
    "Credit union switcher", "Credit unions elsewhere", "credit_union", "Union Station regulars",
    "Western Union senders", "Planned purchases", "Partyware", "Massage chair", "donatos_pizza",
    "Striped shirts", "Hospitality",
    "Animal hospitals", "Adults who joined at least 365 days ago.", "Church's Chicken diner",
    "Church Street shops", "Strip malls", "Stripe payouts", "Rabbits", "Fertilizer", "Christmas",
    "Better homes", "Package tours", "Backpackers", "Reunion trips", "Essex", "Bailey's",
    "Good faith", "Administration", "Temporary stays", "Protest-free", "Financial planner",
    "Smokehouse regulars", "Vapor barriers", "Magazines",
)  # fmt: skip


@pytest.fixture(scope="module")
def check(built: DbtSession) -> str:
    (code,) = (
        node["compiled_code"] for node in built.manifest["nodes"].values() if node["name"] == CHECK
    )
    assert RELATION in code
    return str(code)


@pytest.fixture(scope="module")
def warehouse(built: DbtSession):
    with built.connect() as connection:
        yield connection


def refusals(warehouse: duckdb.DuckDBPyConnection, check: str, text: str) -> set[str]:
    """Return the kinds that the build finds in one text."""
    quoted = text.replace("'", "''")
    line = f"(select 'x' as kli_id, '{quoted}' as title, null as description)"
    found = warehouse.execute(check.replace(RELATION, line)).fetchall()
    assert {(word, kind) for _, word, kind in found} == set(find_sensitive_words(ROOT, text))
    return {kind for _, _, kind in found}


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in REFUSED.items() for text in texts]
)
def test_inflections_and_other_wordings_are_refused(warehouse, check, kind, text):
    assert kind in refusals(warehouse, check, text)


@pytest.mark.parametrize("text", INNOCENT)
def test_words_that_tell_nothing_of_people_pass(warehouse, check, text):
    assert refusals(warehouse, check, text) == set()


def test_every_forbidden_word_refuses_itself(warehouse, check):
    words = warehouse.execute("select word, kind from seeds.forbidden_words").fetchall()
    for word, kind in words:
        assert kind in refusals(warehouse, check, word), word
