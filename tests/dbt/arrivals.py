"""Files of the built institution that arrive late, in waves drawn at random, and corrections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from random import Random
from typing import Any

from tests.dbt.sessions import DbtSession

PAST = date(2026, 5, 20)
FEEDS = (
    "account_snapshot",
    "consent_changes",
    "digital_events",
    "onboarding_events",
    "transactions",
)
# Version 3 of some posted payments: on another day, of another amount, by another merchant.
CORRECTED_PAYMENTS = """
    insert into raw.transactions by name
    select * exclude (number) replace (
        3 as version,
        if(number % 3 = 0, posted_date - {days}, posted_date) as posted_date,
        if(number % 3 = 1, amount + 1, amount) as amount,
        if(number % 3 = 2, 'SBUX 0001', descriptor) as descriptor,
        date '2026-06-29' as business_date,
        '{load_id}' as load_id
    )
    from (
        select *, row_number() over (order by md5(transaction_id || '{load_id}')) as number
        from built.raw.transactions
        where
            status = 'posted'
            and channel = 'card_present'
            and posted_date > date '2026-04-01'
            and version < 3
    )
    where number <= {rows}
"""
# A whole month's end, corrected after the fact: balances differ, and rows are taken back.
CORRECTED_SNAPSHOT = """
    insert into raw.account_snapshot by name
    select * replace (
        if(line_number % {days} = 0, current_balance + {rows}, current_balance) as current_balance,
        '{load_id}' as load_id,
        loaded_at + interval 1 day * {days} as loaded_at
    )
    from built.raw.account_snapshot
    where business_date = date '2026-05-31' and line_number % {days} <> {rows} % {days}
"""
CORRECTIONS = (
    ("transactions", "transactions-corrected", CORRECTED_PAYMENTS),
    # Received in one order, and arriving in another one.
    ("account_snapshot", "account_snapshot-corrected-1", CORRECTED_SNAPSHOT),
    ("account_snapshot", "account_snapshot-corrected-2", CORRECTED_SNAPSHOT),
)


class Drawn:
    """Files in the order in which they happen to arrive.

    Args:
        seed: Draws.
        loads: Load id and business date of every file.
        early: In how many waves the files up to the past day arrive.
        later: In how many waves all others and the corrections do.
    """

    def __init__(
        self, seed: int, loads: Iterable[tuple[str, date]], *, early: int, later: int
    ) -> None:
        draw = Random(seed)
        self.waves: list[list[str]] = [[] for _ in range(early + later)]
        # Some waves are large and some small, and a feed may be late for days.
        weights = [draw.uniform(0.2, 1) for _ in self.waves]
        for load_id, day in sorted(loads):
            numbers = range(early) if day <= PAST else range(early, early + later)
            number = draw.choices(numbers, [weights[n] for n in numbers])[0]
            self.waves[number].append(load_id)
        self.corrections: dict[int, list[str]] = defaultdict(list)
        for name, load_id, statement in CORRECTIONS:
            self.corrections[draw.randrange(early, early + later)].append(
                statement.format(load_id=load_id, rows=draw.randint(3, 9), days=draw.randint(2, 60))
                + f"; insert into raw.loads by name select '{load_id}' as load_id, "
                f"'{name}' as feed, max(business_date) as business_date, 'loaded' as state, "
                "max(loaded_at) as received_at, "
                f"{name == 'account_snapshot'} as is_whole_day "
                f"from raw.{name} where load_id = '{load_id}'"
            )


class Raw:
    """Moves the raw rows of the built institution to a home of its own, file by file."""

    def __init__(self, built: DbtSession, home: DbtSession) -> None:
        self.built, self.home = built, home

    def loads(self) -> list[tuple[Any, ...]]:
        """Return load id and business date of every file that there is."""
        return self.built.rows("select load_id, business_date from raw.loads")

    def receive(self, drawn: Drawn, wave: int) -> None:
        """Let the files of one wave arrive, and the corrections that come with it."""
        with self.home.connect(read_only=False) as connection:
            connection.execute(
                f"attach '{self.built.home / 'warehouse.duckdb'}' as built (read_only)"
            )
            connection.execute("set variable arriving = ?", [drawn.waves[wave]])
            for table in (*FEEDS, "loads"):
                connection.execute(
                    f"insert into raw.{table} by name select * from built.raw.{table} "
                    "where list_contains(getvariable('arriving'), load_id)"
                )
            for statement in drawn.corrections[wave]:
                connection.execute(statement)
