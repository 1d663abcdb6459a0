"""A build tests what its tables got, and what changed in them; `dbt test` tests them whole."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.nodes import Node
from tests.dbt.sessions import LAST_DAY, DbtSession

STAGED = "stg_alkami__transactions"
SPENT = "fct_member_spend_days"
STAGED_TEST = f"{STAGED}__holds"
SPENT_TEST = f"{SPENT}__holds"
SLICED = {
    STAGED_TEST: "load_id",
    "stg_alkami__digital_events__holds": "load_id",
    "fct_transactions__holds": "transaction_date",
    SPENT_TEST: "transaction_date",
    "fct_member_flow_days__holds": "transaction_date",
    "fct_digital_daily__holds": "activity_date",
}
GROWING = (
    "stg_alkami__digital_events",
    STAGED,
    "dim_merchant_descriptors",
    "fct_transactions",
    "fct_transaction_days",
    SPENT,
    "fct_member_flow_days",
    "fct_digital_daily",
)
NIGHT = ("--select", "as_of", *GROWING, "--exclude", "tag:vault", "resource_type:unit_test")
PROOFS = "select * from builds.proved_slices order by all"
ALL, NONE = "true", "false"
OLD_LOAD = "transactions-20260601"
OLD_DAY = LAST_DAY - timedelta(days=29)

# One more file of the last day: its rows name new transactions and events.
NEW_FILES = """
    insert into raw.transactions by name
    select * replace (sha256(transaction_id) as transaction_id, 'new' as load_id)
    from raw.transactions
    where load_id = 'transactions-20260630' and status = 'posted'
        and reversal_of_transaction_id is null and posted_date = business_date;
    insert into raw.digital_events by name
    select * replace (sha256(event_id) as event_id, 'it''s new' as load_id)
    from raw.digital_events
    where load_id = 'digital_events-20260630' and cast(occurred_at as date) = business_date;
    insert into raw.loads by name
    select * replace (if(feed = 'transactions', 'new', 'it''s new') as load_id)
    from raw.loads
    where load_id in ('transactions-20260630', 'digital_events-20260630')
"""
# The same key once more, in a file of its own.
OLD_KEY = f"""
    insert into staging.{STAGED} by name
    select * replace ('again' as load_id) from staging.{STAGED}
    where load_id = '{OLD_LOAD}' limit 1
"""
BELOW_ZERO = f"""
    update staging.{STAGED} set amount = -1, row_checksum = row_checksum + {{shown}}
    where transaction_id = (
        select min(transaction_id) from staging.{STAGED} where load_id = '{OLD_LOAD}'
    )
"""


@pytest.fixture
def home(built: DbtSession, tmp_path: Path) -> DbtSession:
    """A copy of what was built and tested, with a manifest of its own."""
    session = built.copied_to(tmp_path)
    session.parsed = copy.deepcopy(built.parsed)
    return session


def change(home: DbtSession, *statements: str) -> None:
    with home.connect(read_only=False) as connection:
        for statement in statements:
            connection.execute(statement)


def read(results: Any) -> dict[str, str]:
    """Return which rows each sliced test read, as the condition in its query."""
    nodes = {result.node.name: result.node for result in results.results}
    return {
        name: _condition(nodes[name].compiled_code)
        for name in SLICED
        if name in nodes and nodes[name].compiled_code
    }


def _condition(query: str) -> str:
    found = re.search(r"where\s+(true|false|\(.*\))$", query, re.MULTILINE)
    assert found is not None, query
    return found[1]


def run(home: DbtSession, test: str, *arguments: str, command: str = "build") -> str:
    """Run one test and return which rows it read."""
    return read(home.invoke(command, "--select", test, *arguments))[test]


def refused(home: DbtSession, test: str, *arguments: str, command: str = "build") -> None:
    with pytest.raises(AssertionError, match=rf"{test}\S*: fail"):
        home.invoke(command, "--select", test, *arguments)


def of_last_day(column: str) -> str:
    return f"({column} in (cast('{LAST_DAY}' as date)))"


def parsed_test(home: DbtSession, name: str) -> Any:
    assert home.parsed is not None
    return next(node for node in home.parsed.nodes.values() if node.name == name)


def test_the_tests_of_growing_tables_are_sliced(manifest: Node):
    sliced = {
        node["name"]: node["config"]["meta"]["slices"]
        for node in manifest["nodes"].values()
        if "slices" in node["config"]["meta"]
    }
    assert sliced == SLICED


def test_every_slice_is_proved_by_the_first_build(built: DbtSession):
    proved = built.rows(
        "select test_name, count(distinct test_checksum) from builds.proved_slices "
        "group by test_name"
    )
    assert dict(proved) == dict.fromkeys(SLICED, 1)
    assert built.rows("select * from builds.found_slices") == []
    for model, column in ((STAGED, "staging.{} as it"), (SPENT, "core.{} as it")):
        by = SLICED[f"{model}__holds"]
        assert built.rows(
            f"select {by}::varchar, count(*), sum(row_checksum) from {column.format(model)} "
            "group by all order by all"
        ) == built.rows(
            "select slice, row_count, checksum from builds.proved_slices "
            f"where test_name = '{model}__holds' order by all"
        )


def test_a_night_reads_what_it_brought(home: DbtSession):
    change(home, NEW_FILES)
    assert read(home.invoke("build", *NIGHT)) == {
        STAGED_TEST: "(load_id in (cast('new' as varchar)))",
        "stg_alkami__digital_events__holds": "(load_id in (cast('it''s new' as varchar)))",
        "fct_transactions__holds": of_last_day("transaction_date"),
        SPENT_TEST: of_last_day("transaction_date"),
        # Nothing of it may recur: cards were present.
        "fct_member_flow_days__holds": NONE,
        "fct_digital_daily__holds": of_last_day("activity_date"),
    }
    assert set(read(home.invoke("build", *NIGHT)).values()) == {NONE}


def test_a_slice_that_fails_is_read_until_it_passes(home: DbtSession):
    proofs = home.rows(PROOFS)
    change(home, NEW_FILES, "update raw.transactions set amount = -1 where load_id = 'new'")
    with pytest.raises(AssertionError, match=rf"{STAGED_TEST}\S*: fail"):
        home.invoke("build", *NIGHT)
    # Nothing new comes.
    refused(home, STAGED_TEST)
    assert [row for row in home.rows(PROOFS) if row[0] == STAGED_TEST] == [
        row for row in proofs if row[0] == STAGED_TEST
    ]
    change(home, f"update staging.{STAGED} set amount = 1 where load_id = 'new'")
    assert run(home, STAGED_TEST) == "(load_id in (cast('new' as varchar)))"
    assert run(home, STAGED_TEST) == NONE


def test_a_key_of_a_new_slice_stands_in_an_old_one(home: DbtSession):
    change(home, OLD_KEY)
    refused(home, STAGED_TEST)
    change(home, f"delete from staging.{STAGED} where load_id = 'again'")
    # No more slice than were proved.
    assert run(home, STAGED_TEST) == NONE


def test_a_key_stands_twice_in_a_new_slice(home: DbtSession):
    change(
        home,
        f"insert into core.{SPENT} select * from core.{SPENT} "
        f"where transaction_date = '{OLD_DAY}' limit 1",
    )
    refused(home, SPENT_TEST)


def test_rows_without_a_slice_are_one(home: DbtSession):
    change(home, OLD_KEY.replace("'again'", "null"))
    refused(home, STAGED_TEST)
    change(home, f"delete from staging.{STAGED} where load_id is null")
    assert run(home, STAGED_TEST) == NONE


def test_an_old_slice_that_changed_is_read_again(home: DbtSession):
    condition = f"(load_id in (cast('{OLD_LOAD}' as varchar)))"
    change(
        home,
        f"delete from staging.{STAGED} where row_checksum = "
        f"(select min(row_checksum) from staging.{STAGED} where load_id = '{OLD_LOAD}')",
    )
    assert run(home, STAGED_TEST) == condition
    change(home, BELOW_ZERO.format(shown=1))
    refused(home, STAGED_TEST)


@pytest.mark.parametrize(
    "statement",
    [
        f"update staging.{STAGED} set channel = 'smoke' where transaction_date = '{OLD_DAY}'",
        "update core.dim_merchant_descriptors set competitor_product = 'smoke'",
        "delete from core.dim_merchant_descriptors",
    ],
    ids=["channel", "product", "class"],
)
def test_a_view_is_read_again_when_what_it_shows_changed(home: DbtSession, statement: str):
    """Its checksum covers all that its test speaks of, also what other checksums do not."""
    change(home, statement)
    refused(home, "fct_transactions__holds")


def test_what_no_checksum_shows_is_found_by_dbt_test(home: DbtSession):
    change(home, BELOW_ZERO.format(shown=0))
    assert run(home, STAGED_TEST) == NONE
    refused(home, STAGED_TEST, command="test")
    refused(home, STAGED_TEST, "--full-refresh")


def test_dbt_test_reads_everything_and_proves_nothing(home: DbtSession):
    change(home, "delete from builds.proved_slices")
    assert run(home, STAGED_TEST, command="test") == ALL
    assert home.rows(PROOFS) == []
    # What an empty build passes on is no proof either.
    run(home, STAGED_TEST, "--empty")
    assert home.rows(PROOFS) == []
    assert run(home, STAGED_TEST, "--full-refresh") == ALL
    assert run(home, STAGED_TEST) == NONE


def test_by_other_logic_nothing_is_proved(home: DbtSession):
    """Once for each of what a verdict comes of."""
    from dbt.artifacts.resources.base import FileHash  # noqa: PLC0415  dbt takes seconds to load

    assert home.parsed is not None
    test, model = parsed_test(home, SPENT_TEST), parsed_test(home, STAGED)
    macros = home.parsed.macros

    def argument() -> None:
        test.test_metadata.kwargs["conditions"]["more"] = "net_amount < 1000000"

    def upstream() -> None:
        model.checksum = FileHash.from_contents(model.raw_code + "\n")

    def macro() -> None:
        macros["macro.tellerline.test_holds"].macro_sql += "\n"

    def inner_macro() -> None:
        macros["macro.tellerline.default__row_checksum"].macro_sql += "\n"

    def values() -> None:
        column = parsed_test(home, SPENT).columns["net_amount"]
        column.config.meta["allowed_values"] = [1]

    for change_logic in (argument, upstream, macro, inner_macro):
        change_logic()
        assert run(home, SPENT_TEST) == ALL, change_logic
        assert run(home, SPENT_TEST) == NONE, change_logic
    values()
    refused(home, SPENT_TEST)


def test_a_model_that_cannot_be_sliced_is_refused(home: DbtSession):
    parsed_test(home, SPENT).columns.pop("row_checksum")
    with pytest.raises(AssertionError) as refusal:
        run(home, SPENT_TEST)
    assert (
        "is sliced by transaction_date, but model.tellerline.fct_member_spend_days has no"
        in str(refusal.value)
    )
    assert "Add it to the model and its YAML" in str(refusal.value)
