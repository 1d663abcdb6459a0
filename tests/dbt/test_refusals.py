"""What the build refuses: sensitive rules, broken receipts, segments of strangers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt.sessions import DbtSession

RULE = (
    "insert into seeds.kli_rules values ('{kli_id}', 'spend', 'spend', '{match_on}', "
    "'{match_values}', 'debit', 'individual', 90, 2, 10.00, 'internal', 1)"
)


@pytest.fixture(scope="module")
def copied(built: DbtSession, tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """A copy of what was built, to be spoiled."""
    return built.copied_to(tmp_path_factory.mktemp("copied"))


@pytest.fixture
def spoiled(copied: DbtSession) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose changes are taken back."""
    with copied.connect(read_only=False) as connection:
        connection.execute("begin")
        yield connection
        connection.execute("rollback")


@pytest.fixture(scope="module")
def checks(built: DbtSession) -> dict[str, str]:
    """The SQL of every data test by name: rows are failures."""
    nodes = built.manifest["nodes"].values()
    return {n["name"]: n["compiled_code"] for n in nodes if n["resource_type"] == "test"}


def failures(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("match_on", "match_values"),
    [
        ("mcc", "5814|8011"),
        ("mcc", "7995"),
        ("mcc", "5912"),
        ("category", "drugstores"),
        ("category", "coffee|withheld"),
        ("merchant", "cvs_pharmacy"),
    ],
)
def test_rules_on_sensitive_codes_are_refused(spoiled, checks, match_on, match_values):
    check = checks["kli_rules__matches_nothing_sensitive"]
    assert failures(spoiled, check) == []
    spoiled.execute(RULE.format(kli_id="spend__x", match_on=match_on, match_values=match_values))
    assert failures(spoiled, check)


@pytest.mark.parametrize("kli_id", ["spend__casino", "spend__church_goer", "spend__union_dues"])
def test_rules_that_speak_of_sensitive_matters_are_refused(spoiled, checks, kli_id):
    check = checks["kli_rules__speaks_of_nothing_sensitive"]
    assert failures(spoiled, check) == []
    spoiled.execute(RULE.format(kli_id=kli_id, match_on="category", match_values="coffee"))
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    ("seed", "line"),
    [
        ("kli_pages", "('intent__x', '/products/health-savings', 1)"),
        ("kli_pages", "('intent__church_loans', '/products/x', 1)"),
        ("kli_bands", "('client__hardship', 'payment_count_30_days', 0, '1', 1.00, 'Payments')"),
        ("kli_bands", "('client__x', 'payment_count_30_days', 0, '1', 1.00, 'Casino visits')"),
        ("merchant_words", "('word_clinics', 'CLINICS', 'personal_services', '', '', 0.80)"),
        ("merchant_words", "('word_x', 'SPORTSBOOKS', 'entertainment', '', '', 0.80)"),
        ("merchant_categories", "('churches', 'leisure', 'X', null, 'local')"),
        ("merchant_categories", "('x', 'leisure', 'Casinos', null, 'local')"),
        ("ach_entry_rules", "('x', 'debit', null, 'UNION DUES', null, 'taxes', 0.90, true)"),
        ("ach_entry_rules", "('x', 'debit', null, null, 'MEDICAL', 'taxes', 0.90, true)"),
        ("zip_regions", "('999', 'geography__x', 'Around the mosques')"),
    ],
)
def test_other_lines_that_speak_of_sensitive_matters_are_refused(spoiled, checks, seed, line):
    check = checks[f"{seed}__speaks_of_nothing_sensitive"]
    assert failures(spoiled, check) == []
    spoiled.execute(f"insert into seeds.{seed} values {line}")
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    ("seed", "line"),
    [
        ("merchant_words", "('word_clinics', 'CLINICS', 'withheld', '', '', 0.80)"),
        ("merchant_words", "('word_pharmacy', 'PHARMACY', 'drugstores', '', '', 0.80)"),
        ("ach_entry_rules", "('x', 'debit', null, 'UNION DUES', null, 'withheld', 0.90, true)"),
    ],
)
def test_lines_that_keep_what_is_sensitive_apart_may_name_it(spoiled, checks, seed, line):
    spoiled.execute(f"insert into seeds.{seed} values {line}")
    assert failures(spoiled, checks[f"{seed}__speaks_of_nothing_sensitive"]) == []


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ("'Mortgage elsewhere'", "'Casinos elsewhere'"),
        ("'Pays a mortgage elsewhere: '", "'Pays a clinic elsewhere: '"),
        ("'competitive__mortgage'", "'spend__sportsbooks'"),
        ("who have an open account here", "who give to churches, have an open account here"),
        ("'seg_recapture__mortgage_elsewhere'", "'seg_recapture__payday_borrowers'"),
        ('{"hubspot": ["tenure_band"]', '{"bingo_club": ["tenure_band"]'),
    ],
)
def test_segments_that_speak_of_sensitive_matters_are_refused(spoiled, checks, told, spoken):
    check = checks["assert_segments_speak_of_nothing_sensitive"]
    assert failures(spoiled, check) == []
    assert told in check
    assert failures(spoiled, check.replace(told, spoken))


def test_no_measure_counts_what_is_sensitive(spoiled, checks):
    check = checks["fct_member_categories__holds"]
    assert failures(spoiled, check) == []
    spoiled.execute(
        "update core.fct_member_categories set category_id = 'withheld' "
        "where category_id = 'coffee'"
    )
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    "title",
    [
        "In financial hardship",
        "The church's friends",
        "Church&State",
        "Physical-therapy",
        "Adam & Eve",
    ],
)
def test_indicators_described_by_sensitive_words_are_refused(spoiled, checks, title):
    check = checks["kli_taxonomy__speaks_of_nothing_sensitive"]
    assert failures(spoiled, check) == []
    spoiled.execute("update seeds.kli_taxonomy set title = ? where kli_id = 'spend__golf'", [title])
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    "change",
    [
        "delete from raw.transactions where line_number = 1 and business_date = date '2026-06-30'",
        "update raw.loads set read_count = read_count + 1 where feed = 'contacts'",
        "update raw.loads set loaded_count = loaded_count + 1, rejected_count = rejected_count - 1",
        "insert into raw.digital_events (event_id, load_id) values ('e', 'no such file')",
        "delete from raw.loads where load_id = 'consent_changes-20260201'",
    ],
)
def test_a_lost_row_fails_conservation(spoiled, checks, change):
    check = checks["assert_loads_conserve_rows"]
    assert failures(spoiled, check) == []
    spoiled.execute(change)
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "assert_rollups_conserve_amounts",
            (
                "update core.fct_member_spend_days set net_amount = net_amount + 0.01 "
                "where transaction_date = date '2026-06-01'"
            ),
        ),
        *(
            (
                "assert_rollups_conserve_amounts",
                f"delete from core.{side} where transaction_date = date '2026-06-01'",
            )
            for side in ("fct_member_spend_days", "fct_member_flow_days", "fct_transaction_days")
        ),
        (
            "assert_segments_are_sound",
            "insert into segments.seg_retention__dormant_digital values ('stranger', 'no reason')",
        ),
        (
            "assert_segments_are_sound",
            (
                "update core.dim_members set member_status = 'deceased' where member_id in "
                "(select member_id from segments.seg_recapture__mortgage_elsewhere)"
            ),
        ),
        (
            "assert_segments_are_sound",
            (
                "insert into dictionary.dict_segments by name (select * replace ("
                "'seg_retention__unlisted' as model_name) from dictionary.dict_segments limit 1)"
            ),
        ),
        (
            "assert_segments_are_sound",
            (
                "update dictionary.dict_attributes set allowed_destinations = ['mailhouse'] "
                "where model_name = 'act_attributes' and attribute_name = 'tenure_band'"
            ),
        ),
        (
            "assert_segments_are_sound",
            "delete from dictionary.dict_attributes where attribute_name = 'tenure_band'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update seeds.kli_taxonomy set version = 2 where kli_id = 'spend__golf'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update seeds.kli_rules set minimum_count = 4 where kli_id = 'spend__golf'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update seeds.kli_rules set minimum_amount = 60.50 where kli_id = 'spend__golf'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update seeds.kli_rules set window_days = 18 where kli_id = 'spend__golf'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update seeds.kli_bands set kli_id = 'client__x' where kli_id = 'client__primary'",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "insert into seeds.kli_pages values ('intent__x', '/x', 1)",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "insert into seeds.zip_regions values ('999', 'geography__x', 'Nowhere')",
        ),
        (
            "assert_rules_agree_with_taxonomy",
            "update klis.fct_member_klis set kli_id = 'spend__x' where kli_id = 'spend__coffee'",
        ),
        (
            "assert_law_tags_hold",
            (
                "insert into seeds.class_law_tags values "
                "('merchant', 'no such', 'proxy', null, 'Shows it.', 'Regulation B')"
            ),
        ),
        (
            "assert_law_tags_hold",
            "delete from seeds.merchant_categories where category_id = 'childcare'",
        ),
        (
            "class_law_tags__law_tag_is_known",
            "update seeds.class_law_tags set law_tag = 'proxi' where match_value = 'beauty'",
        ),
        (
            "class_law_tags__holds",
            "update seeds.class_law_tags set reason = '' where match_value = 'beauty'",
        ),
        (
            "assert_merchant_seeds_agree",
            "update seeds.merchants set category_id = 'no such' where merchant_id = 'starbucks'",
        ),
        (
            "assert_merchant_seeds_agree",
            "delete from seeds.merchants where merchant_id = 'starbucks'",
        ),
        (
            "assert_merchant_seeds_agree",
            "update seeds.merchant_words set billed_category_id = 'x' where rule_id = 'word_gas'",
        ),
        *(
            (
                "assert_merchant_seeds_agree",
                f"update seeds.kli_rules set match_values = {value} where kli_id = 'spend__golf'",
            )
            for value in ("'no such'", "'golf|no such'", "'golf|'", "''", "null", "'starbucks'")
        ),
        (
            "assert_merchant_seeds_agree",
            "update seeds.kli_rules set match_on = 'mcc' where kli_id = 'spend__golf'",
        ),
        (
            "assert_merchant_seeds_agree",
            "update seeds.held_away_factors set competitor_product = 'x' where balance_months = 90",
        ),
        (
            "assert_no_contact_data_in_warehouse",
            "alter table core.dim_members add column email varchar",
        ),
        (
            "dim_members__holds",
            "insert into core.dim_members by name (select * from core.dim_members limit 1)",
        ),
        (
            "dim_members__share_no_key",
            (
                "insert into core.dim_members by name (from (select * replace (member_id || '0' "
                "as member_id) from core.dim_members limit 1))"
            ),
        ),
        (
            "dim_accounts__share_no_key",
            (
                "insert into core.dim_accounts by name (from (select * replace (account_id || '0' "
                "as account_id) from core.dim_accounts limit 1))"
            ),
        ),
        (
            "assert_keys_stand_for_one_thing",
            (
                "update core.dim_merchant_descriptors set party_id = 'another' where "
                "descriptor_key = (select min(descriptor_key) "
                "from core.dim_merchant_descriptors where merchant_id = 'starbucks')"
            ),
        ),
        (
            "assert_keys_stand_for_one_thing",
            (
                "update core.dim_spend_classes set category_key = 1 "
                "where category_id in ('coffee', 'groceries')"
            ),
        ),
        (
            "dim_merchant_descriptors__holds",
            (
                "update core.dim_merchant_descriptors set clean_text = 'CLINIC' "
                "where category_id = 'withheld'"
            ),
        ),
        (
            "fct_account_owners__account_id_is_known",
            "delete from core.dim_accounts where product_type = 'savings'",
        ),
        (
            "msr_input_findings__whom_feeds_name_is_known",
            (
                "insert into measurement.msr_input_findings values "
                "('digital_events', 'unknown_member', 'kept', 1, date '2026-06-30')"
            ),
        ),
        (
            "assert_contacts_name_known_members",
            (
                "insert into vault.identity.fct_person_members by name select * replace ("
                "'nobody' as member_id, 'absent' as member_standing) "
                "from vault.identity.fct_person_members limit 1"
            ),
        ),
    ],
)
def test_each_guard_notices_what_it_guards(spoiled, checks, name, change):
    check = checks[name]
    assert failures(spoiled, check) == []
    spoiled.execute(change)
    assert failures(spoiled, check)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "kli_bands__holds",
            "update seeds.kli_bands set confidence = 2 where kli_id = 'client__primary'",
            "is broken 1 times, such as by client__primary",
        ),
        (
            "dict_attributes__holds",
            (
                "update dictionary.dict_attributes set owner = '' "
                "where model_name = 'dim_merchants' and attribute_name = 'merchant_id'"
            ),
            "it has an owner is broken 1 times, such as by dim_merchants.merchant_id",
        ),
        (
            "kli_taxonomy__parent_is_known",
            "update seeds.kli_taxonomy set parent = 'spendd' where kli_id = 'spend__golf'",
            "parent has spendd, which is no known kli_id",
        ),
        (
            "dim_members__holds",
            "insert into core.dim_members by name (select * from core.dim_members limit 1)",
            "key member_id is broken 1 times",
        ),
    ],
)
def test_a_refusal_names_the_line_and_never_a_member(spoiled, built, name, change, said):
    node = next(n for n in built.manifest["nodes"].values() if n["name"] == name)
    spoiled.execute(change)
    words = node["config"]["meta"]["words"]
    found = failures(spoiled, f"select {words} from ({node['compiled_code']})")
    assert [row[0] for row in found if row[0].endswith(said)]
