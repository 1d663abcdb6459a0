"""Accuracy of merchant standardisation on labelled descriptors that nobody wrote rules from.

The baseline reads the same descriptors in the barest way: the longest name of a merchant with which
the text begins, and otherwise the category of the code. docs/merchants.md holds the whole result.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from benchmarks.figure import Figure
from benchmarks.merchants_page import PAGE, page
from benchmarks.merchants_scores import Scores, score
from curation.patterns import words_of
from curation.seeds import read_rows, write_rows
from sandbox.feeds.evaluation.labelled import Labelled, Named, labelled_descriptors
from sandbox.feeds.world import load_world
from tellerline.sql import literal

PROJECT = Path(__file__).resolve().parents[1]
SEEDS = PROJECT / "seeds" / "merchants"
SEED, ROUNDS = 20260630, 3
BY_ENTRY = frozenset({
    "mortgage", "auto_loan", "credit_card", "heloc", "student_loan", "personal_loan", "brokerage",
    "pay_later", "crypto", "insurance", "deposit_transfers", "money_transfer", "payroll_processors",
})  # fmt: skip
# Not bought from: what is told by the entry alone, whoever pays.
NOT_BOUGHT = frozenset({"card_settlements", "taxes", "gig_income"})


def measure(members: int) -> Iterator[Figure]:
    """Yield the figures, and write the page of the result where it differs.

    Args:
        members: How often each merchant is shown; 0 for three times.
    """
    rows = list(labelled_descriptors(*_named(), rounds=members or ROUNDS, seed=SEED))
    with tempfile.TemporaryDirectory(dir=PROJECT) as folder:
        scores = _read(Path(folder), rows)
    measured = page(scores)
    is_current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == measured
    if not members:
        PAGE.write_text(measured, encoding="utf-8")
    known, unseen, bare = scores.known, scores.unseen, scores.baseline
    goals = (
        (
            "merchant precision, known",
            known.merchant_precision,
            bare.known.merchant_precision,
            0.97,
        ),
        ("merchant coverage, known", known.merchant_coverage, bare.known.merchant_coverage, 0.85),
        (
            "category precision, code",
            unseen[0].parent_precision,
            bare.unseen[0].parent_precision,
            0.95,
        ),
        (
            "category precision, no code",
            unseen[1].parent_precision,
            bare.unseen[1].parent_precision,
            0.80,
        ),
    )
    for name, value, baseline, goal in goals:
        yield Figure(
            name,
            round(100 * value, 2),
            "%",
            round(100 * baseline, 2),
            round(value / baseline, 3) if baseline else 0.0,
            f"at least {goal:.0%}",
            value >= goal,
        )
    if not members:
        current = float(is_current)
        yield Figure("docs/merchants.md as measured", current, "", 1.0, current, "1", is_current)


def _named() -> tuple[list[Named], list[Named]]:
    """Return the merchants of the dictionary, by their names and by those of the simulator."""
    codes: dict[str, str] = {}
    for row in read_rows(SEEDS / "mcc_categories.csv"):
        if row["mcc"] >= "4000" or row["category_id"] not in {"airlines", "lodging", "car_rental"}:
            codes.setdefault(row["category_id"], row["mcc"])
    known: list[Named] = []
    ids: dict[str, dict[str, str]] = {}
    for row in read_rows(SEEDS / "merchants.csv"):
        category, name = row["category_id"], row["merchant_name"].upper()
        ids[words_of(name)] = row
        if category not in NOT_BOUGHT:
            mcc = "" if category in BY_ENTRY else codes.get(category, "")
            known.append(Named(name, row["merchant_id"], category, mcc))
    abbreviated = [
        Named(stem, held["merchant_id"], held["category_id"], merchant.mcc)
        for kind in load_world().categories.values()
        for merchant in kind.merchants
        if (held := ids.get(words_of(merchant.name)))
        for stem in merchant.stems
    ]
    return known, abbreviated


def _read(home: Path, rows: Sequence[Labelled]) -> Scores:
    """Let the dbt project read the descriptors in a warehouse of their own."""
    warehouse = home / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema raw")
        connection.execute(
            "create table raw.transactions (transaction_id varchar, version bigint, "
            "status varchar, direction varchar, channel varchar, amount decimal(18, 2), "
            "mcc varchar, descriptor varchar, ach_company_name varchar, "
            "ach_entry_description varchar, ach_entry_class varchar, posted_date date, "
            "authorized_at timestamp, "
            "business_date date, load_id varchar)"
        )
        connection.execute("create schema truth")
        connection.execute(
            "create table truth.labels (transaction_id varchar, part varchar, channel varchar, "
            "mcc varchar, descriptor varchar, company varchar, entry varchar, entry_class varchar, "
            "merchant_id varchar, category_id varchar)"
        )
        table = home / "labels.csv"
        numbered = [(f"t{number}", *row) for number, row in enumerate(rows)]
        write_rows(table, ("transaction_id", *Labelled._fields), numbered)
        connection.execute(
            f"insert into truth.labels from read_csv({literal(str(table))}, all_varchar = true)"
        )
        connection.execute(
            "insert into raw.transactions select transaction_id, 1, 'posted', 'debit', channel, "
            "10, mcc, descriptor, company, entry, entry_class, date '2026-06-30', "
            "timestamp '2026-06-30 12:00:00', date '2026-06-30', 'evaluation' from truth.labels"
        )
    _build(home)
    with duckdb.connect(str(warehouse)) as connection:
        return score(connection)


def _build(home: Path) -> None:
    subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "--quiet", "build",
            "--vars", "as_of_date: 2026-06-30", "--select", "+dim_merchant_descriptors",
            "--exclude-resource-types", "test", "unit_test", "snapshot",
        ],
        cwd=PROJECT, check=True,
        env=os.environ | {
            "TELLERLINE_HOME": str(home), "DBT_ENGINE_TARGET_PATH": str(home / "target"),
        },
    )  # fmt: skip
