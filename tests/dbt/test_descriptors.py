"""The table of descriptors, as it changes from one build to the next."""

from __future__ import annotations

from pathlib import Path

from tests.dbt.sessions import DbtSession

MODEL = "dim_merchant_descriptors"
FLOWS = "fct_recurring_flows"


def test_what_nobody_pays_any_more_and_other_rules_made_is_forgotten(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    descriptors = f"from core.{MODEL} order by descriptor_key"
    before = home.rows(descriptors)
    with home.connect(read_only=False) as connection:
        for key, checksum in ((-1, "'other rules'"), (-2, "rules_checksum")):
            connection.execute(
                f"insert into core.{MODEL} by name (select * replace ({key} as descriptor_key, "
                f"{checksum} as rules_checksum) from core.{MODEL} limit 1)"
            )
        connection.execute(
            f"update core.{MODEL} set rules_checksum = 'other rules', category_id = 'unknown' "
            f"where descriptor_key = (select min(descriptor_key) from core.{MODEL} "
            "where descriptor_key >= 0)"
        )
    home.invoke("run", "--select", MODEL)
    assert home.rows(descriptors) == before


def test_numbers_tell_flows_and_classes_of_spend_apart(built: DbtSession, tmp_path: Path) -> None:
    home = built.copied_to(tmp_path)
    payments = (
        ("debit", "TINY LENDER LLC", "MORTGAGE"),
        ("debit", "TINY LENDER LLC", "MORTGAGE 12"),
        ("debit", "TINY LENDER LLC", "AUTO LOAN"),
        ("credit", "TINY LENDER LLC", "MORTGAGE"),
        ("debit", "LARGE LENDER LLC", "MORTGAGE"),
    )
    with home.connect(read_only=False) as connection:
        for number, (direction, party, entry) in enumerate(payments, start=1):
            connection.execute(
                "insert into staging.stg_alkami__transactions by name (select * replace ("
                f"-{number} as descriptor_key, 'ach' as channel_kind, '{direction}' as direction, "
                f"null as mcc, '{party}' as party_text, '{entry}' as entry_text, "
                "'PPD' as entry_class) from staging.stg_alkami__transactions limit 1)"
            )
    home.invoke("run", "--select", MODEL)
    read = home.rows(
        "select flow_key, spend_class_key, direction, party_id, category_id, merchant_id, mcc, "
        f"confidence from core.{MODEL}"
    )
    flows = {(flow, tuple(names[:3])) for flow, _, *names in read}
    classes = {(kind, (names[0], *names[2:])) for _, kind, *names in read}
    in_the_lenders_flows = {names for _, names in flows if names[1] == "TINY LENDER LLC"}
    assert {(direction, category) for direction, _, category in in_the_lenders_flows} == {
        ("debit", "mortgage"), ("debit", "auto_loan"), ("credit", "unknown"),
    }  # fmt: skip
    for told in (flows, classes):
        keys, named = zip(*told, strict=True)
        assert len(set(keys)) == len(set(named)) == len(told)


def test_flows_follow_what_their_category_stands_for(built: DbtSession, tmp_path: Path) -> None:
    """The number of a flow stays the same then."""
    home = built.copied_to(tmp_path)
    models = ("--select", MODEL, "fct_transaction_days", "fct_member_flow_days", FLOWS)
    flows = f"from core.{FLOWS} order by all"
    before = home.rows(flows)
    with home.connect(read_only=False) as connection:
        connection.execute(
            "update seeds.merchant_categories set competitor_product = 'deposit' "
            "where category_id = 'auto_loan'"
        )
    home.invoke("run", *models)
    once = home.rows(flows)
    home.invoke("run", "--full-refresh", *models)
    assert home.rows(flows) == once != before
