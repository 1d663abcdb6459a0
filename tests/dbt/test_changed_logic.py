"""A table that grows day by day is made anew once it would be made by other logic."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.sessions import LAST_DAY, DbtSession

GROWING = (
    "stg_alkami__account_snapshots",
    "stg_alkami__digital_events",
    "stg_alkami__transactions",
    "dim_merchant_descriptors",
    "fct_digital_daily",
    "fct_member_categories",
    "fct_member_flow_days",
    "fct_member_spend_days",
    "fct_recurring_flows",
)
LOGIC = "select table_name, logic_checksum from builds.table_logic"
SPEND_DAYS = "select * from core.fct_member_spend_days order by all"
CATEGORIES = "select * from core.fct_member_categories order by all"
PLACES = "select rowid, * from core.fct_member_spend_days order by all"


@pytest.fixture
def home(built: DbtSession, tmp_path: Path) -> DbtSession:
    """A copy of what was built, with a manifest of its own."""
    session = built.copied_to(tmp_path)
    session.parsed = copy.deepcopy(built.parsed)
    return session


def change_model(home: DbtSession, name: str, old: str, new: str) -> None:
    """Change the file of a model, as dbt would read it."""
    from dbt.artifacts.resources.base import FileHash  # noqa: PLC0415  dbt takes seconds to load

    node: Any = home.parsed.nodes[f"model.tellerline.{name}"]
    assert old in node.raw_code
    node.raw_code = node.raw_code.replace(old, new)
    node.checksum = FileHash.from_contents(node.raw_code)


def change_macro(home: DbtSession, name: str, old: str, new: str) -> None:
    macro = home.parsed.macros[f"macro.tellerline.{name}"]
    assert old in macro.macro_sql
    macro.macro_sql = macro.macro_sql.replace(old, new)


def logic(home: DbtSession) -> dict[str, str]:
    return dict(home.rows(LOGIC))


def build(home: DbtSession, *arguments: str) -> None:
    home.invoke("run", *arguments, "--select", *GROWING, "fct_transactions", "fct_transaction_days")


def test_each_growing_table_says_what_it_was_made_by(built, models):
    growing = {m["name"] for m in models if m["config"]["materialized"] == "incremental"}
    assert growing == set(GROWING)
    assert set(logic(built)) == growing


def test_the_same_logic_leaves_the_rows_where_they_are(home):
    places, before = home.rows(PLACES), logic(home)
    build(home)
    assert home.rows(PLACES) == places
    assert logic(home) == before


def test_a_model_upstream_is_changed(home):
    """Of amounts alone: no checksum of a row shows it."""
    before = logic(home)
    change_model(home, "fct_transactions", "else netted.amount -", "else 2 * netted.amount -")
    build(home)
    changed, rows = logic(home), home.rows(SPEND_DAYS)
    build(home, "--full-refresh")
    assert home.rows(SPEND_DAYS) == rows
    assert {name for name in before if changed[name] != before[name]} == {
        "fct_member_spend_days",
        "fct_member_categories",
        "fct_member_flow_days",
        "fct_recurring_flows",
    }
    places = home.rows(PLACES)
    build(home)
    assert home.rows(PLACES) == places


def test_a_macro_that_a_macro_uses_is_changed(home):
    before = logic(home)
    change_macro(home, "default__days_between", "date_diff", "1 + date_diff")
    build(home)
    changed = logic(home)
    assert changed["fct_member_spend_days"] != before["fct_member_spend_days"]


def test_what_a_table_does_not_rest_on_is_changed(home):
    before, places = logic(home), home.rows(PLACES)
    change_model(home, "fct_member_activity", "login_count > 0", "login_count > 1")
    change_macro(home, "record_memberships", "built_collections", "built_collections ")
    build(home)
    assert logic(home) == before
    assert home.rows(PLACES) == places


def test_a_table_that_stands_as_of_a_later_day_is_made_anew(home):
    """Days that had left a window by then are in it again."""
    models = ("--select", "as_of", *GROWING)
    before = home.rows(CATEGORIES)
    asked = DbtSession(home.home)
    asked.invoke("run", *models, "--vars", f'{{as_of_date: "{LAST_DAY + timedelta(days=7)}"}}')
    assert home.rows(CATEGORIES) != before
    home.invoke("run", *models)
    assert home.rows(CATEGORIES) == before
    # The same where the last day that was loaded is taken back.
    eve = LAST_DAY - timedelta(days=1)
    with home.connect(read_only=False) as connection:
        connection.execute(f"update raw.loads set state = 'taken' where business_date > '{eve}'")
    home.invoke("run", *models)
    once = home.rows(CATEGORIES)
    home.invoke("run", "--full-refresh", *models)
    assert home.rows(CATEGORIES) == once != before


def test_a_home_that_says_nothing_is_made_anew(home):
    """As one is that an earlier version built."""
    before = logic(home)
    with home.connect(read_only=False) as connection:
        connection.execute("drop schema builds cascade")
        connection.execute("update core.fct_member_spend_days set net_amount = net_amount + 1")
    build(home)
    rows = home.rows(SPEND_DAYS)
    assert logic(home) == before
    build(home, "--full-refresh")
    assert home.rows(SPEND_DAYS) == rows
