"""The page of the build's figures, written from results."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

import duckdb

from benchmarks.build.raw import DAYS, FEWEST_MEMBERS, MEMORY_LIMIT, PROJECT, Institution
from benchmarks.figure import Figure

PAGE = PROJECT / "docs" / "build.md"
TEMPLATE = """\
# What a build costs

A dbt build of everything, warehouse and vault, as it runs every night, against one DuckDB script
that a good engineer would write by hand to have the same final tables once: members' indicators,
their profile and the members of all segments ([`by_hand.sql`](../benchmarks/build/by_hand.sql)).
Both read the same raw tables, with two threads and {memory} for DuckDB, and the benchmark fails
unless the final tables of both are equal, row by row.

    python -m benchmarks build --members {members} --transactions {transactions} --write

| figure | value | unit | baseline | ratio | goal | holds |
| --- | ---: | --- | ---: | ---: | --- | --- |
{rows}

Measured with {members:,} members, {rows_count:,} rows of {transactions_count:,} transactions
({distinct:,} distinct texts) and {events:,} digital events of {days} days, on {cores} cores
({machine}) with a load of {load:.1f} over the last 15 minutes, DuckDB {duckdb}. Where the load is
above the number of cores, other work took its share, and times are longer than on an idle machine.

## What is compared

- **The full build** starts from raw tables and nothing else: dbt parses the project, loads seeds,
  builds every layer, not only what the script makes (identities, what may leave, the dictionary,
  the history of memberships), and runs every data test. It is two runs of dbt, one that writes the
  warehouse and one that reads contact data. Unit tests are left out, as in the orchestrated build:
  they test code, not data. The baseline is the script.
- **Numbers**: dbt's models group payments by numbers that stand for members, accounts, flows and
  categories, as many warehouses do; the script groups by ids and names as they come, and keeps
  fewer columns. With numbers it would be faster too.
- **The nightly build** goes to a home on which {days_before} days are built, receives the files of
  one more day, and must end with the same final tables as the script over all of them. Of tables
  that grow, data tests read the files and days that came or changed since they passed. Its baseline
  is the full build.
- **Rows that the night changes** are those of all tables that dbt builds in the warehouse to which
  no row was equal before: a table of what is known of a member as of a day is another one on the
  next. The baseline is all rows of these tables.
- **A night that only starts and writes** is what is left when nothing is read, compared or
  computed: the nightly build of {fewest:,} members, in which dbt runs all its models and tests over
  next to no rows, and the time in which one statement a table writes the changed rows, ready made,
  to a file. The baseline is the full build. Two cores could do a part of both at once.
- **Processor time** is what a command had of all cores together: beside other work on the same
  machine it tells more than the time that passed.
- **Peak memory** is the most that the process of dbt, DuckDB within it, had resident; the baseline
  is that of the script.
- **One more line** of `kli_rules`: every line of the seed stands in it once more, under another id,
  and the added time of the model that evaluates them is divided by their number. Both are written
  to a file and measured in turns, seven times or for two minutes, and the middle one counts. The
  baseline is the time of the model with the lines that there are.
- **Growth** is the power of the size with which time grows between a tenth of the members and all
  of them: 1 is in proportion. The baseline is that of the script.

The institution is invented inside DuckDB by
[`institution.sql`](../benchmarks/build/institution.sql) and
[`movements.sql`](../benchmarks/build/movements.sql), the same on every run: wages, bills and
subscriptions on their days, purchases at few large and many small merchants with store numbers,
cities, order codes and times in their texts, pending and posted versions, reversals, late
duplicates. It comes day by day, with one exception: of the daily snapshots of members and accounts
only those stand in the raw tables that a build keeps or replaces, the last day of each month and
the last two days. Raw tables stay in `.bench/` for the next run.
"""


def write_page(institution: Institution, figures: Sequence[Figure]) -> None:
    """Write docs/build.md.

    Args:
        institution: What was measured on.
        figures: What was measured.
    """
    with duckdb.connect(str(institution.warehouse), read_only=True) as connection:
        [(rows_count, transactions_count, distinct, events)] = connection.execute("""
            select
                count(*),
                count(distinct transaction_id),
                count(distinct concat_ws('|', descriptor, ach_company_name, ach_entry_description)),
                (select count(*) from raw.digital_events)
            from raw.transactions
        """).fetchall()
    rows = "\n".join(
        f"| {item.figure} | {item.value:,.2f} | {item.unit} | {item.baseline:,.2f} "
        f"| {item.ratio:.3f} | {item.goal} | {'yes' if item.holds else 'no'} |"
        for item in figures
    )
    text = TEMPLATE.format(
        members=institution.members, transactions=institution.transactions, rows=rows,
        rows_count=rows_count, transactions_count=transactions_count, distinct=distinct,
        events=events,
        fewest=FEWEST_MEMBERS,
        memory=MEMORY_LIMIT.replace("GB", " GB"), days=DAYS, days_before=DAYS - 1,
        cores=os.cpu_count(), machine=platform.machine(),
        duckdb=duckdb.__version__, load=os.getloadavg()[2],
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
