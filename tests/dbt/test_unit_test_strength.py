"""A threshold, a window or a comparison that moves by one is noticed by a unit test.

Mutates the SQL of core, segments, indicators and measurement and the lines of the seeds that
indicators read, one place at a time, and runs the unit tests of the model on each mutant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt.reading import read_seed
from tests.dbt.sessions import ROOT, DbtSession
from tests.dbt.unit_tests import Bench, UnitTest, unit_tests_of

MODELS = sorted(
    path.stem
    for folder in ("core", "segments", "klis", "measurement")
    for path in (ROOT / "models" / folder).rglob("*.sql")
)
SWAPS = {">=": ">", "<=": "<", ">": ">=", "<": "<=", "=": "<>", "<>": "="}
TOKENS = re.compile(
    r"(?P<string>'(?:[^']|'')*')|(?P<comment>--[^\n]*)|(?P<comparison><>|>=|<=|>|<|(?<![<>=!])=)"
    r"|(?P<number>(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"]))|(?P<word>[a-z_][a-z0-9_]*)",
    re.IGNORECASE,
)
# No rules: types, counting by case, the one fact behind a band, how an engine reads a common table
# expression, and checksums: any bits of them tell ids apart.
FIXED = re.compile(
    r"decimal\(\d+, \d+\)|then 1( else 0)? end|cast\(1 as bigint\)"
    r"|as not materialized|cast\(hash\([^()]*\) >> 1 as bigint\)"
)

# Mutants that give the same rows, by what stands in them alone.
SAME = (
    "where change <> 'left'",  # who never left is only spared a search for a leave
    "<= latest.business_date",  # the day of the latest file has a file
    "cast(-(6) as integer)) < latest.business_date",  # the same
)


@pytest.fixture(scope="module")
def types(built: DbtSession) -> dict[str, dict[str, str]]:
    """Column types of all tables by name."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in built.rows(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where database_name in ('warehouse', 'vault') order by column_index"
    ):
        found.setdefault(table, {})[column] = kind
    return found


def compiled(manifest: dict[str, Any], model: str) -> str:
    return str(manifest["nodes"][f"model.tellerline.{model}"]["compiled_code"])


def mutants(sql: str) -> Iterator[tuple[str, str]]:
    """Yield (what was changed, changed SQL)."""
    fixed = [match.span() for match in FIXED.finditer(sql)]
    for match in TOKENS.finditer(sql):
        start, end = match.span()
        if any(a <= start and end <= b for a, b in fixed):
            continue
        line = sql.count("\n", 0, start) + 1
        text = match.group()
        for new in replacements(match.lastgroup or "", text, sql[:start]):
            yield f"line {line}: {text} -> {new}", sql[:start] + new + sql[end:]


def replacements(kind: str, text: str, before: str) -> list[str]:
    """Return what a token may be mistaken for."""
    if kind == "comparison":
        return [SWAPS[text]]
    if kind == "number":
        step = Decimal("0.01") if "." in text else Decimal(1)
        return [str(Decimal(text) + step), str(Decimal(text) - step)]
    if kind == "word" and text.lower() == "not" and not before.rstrip().endswith("is"):
        return [""]
    return []


def benches(manifest: dict[str, Any], types: dict[str, dict[str, str]], model: str) -> list[Bench]:
    return [Bench(types, test) for test in unit_tests_of(manifest, model)]


@pytest.mark.breadth
@pytest.mark.parametrize("model", MODELS)
def test_each_mutant_of_a_model_fails_a_unit_test(built, types, model):
    manifest = built.manifest
    sql = compiled(manifest, model)
    tried = benches(manifest, types, model)
    tellable = [
        (what, mutant) for what, mutant in mutants(sql) if not any(same in mutant for same in SAME)
    ]
    assert not any(same in sql for same in SAME), "what stands in the model is no mutant"
    assert tried or not tellable, "no unit test reads the model"
    assert all(bench.passes(sql) for bench in tried), "the bench disagrees with dbt"
    survivors = [what for what, mutant in tellable if all(bench.passes(mutant) for bench in tried)]
    assert not survivors, "\n".join(survivors)


# What a number of a line may be mistaken for, all lines at once: each is judged by its own rows.
AMOUNT_STEP = (
    "case when measure like '%amount' then 0.01 when measure like '%ratio' then 0.0001 else 1 end"
)


@dataclass(frozen=True)
class Lines:
    """Lines of a seed, the unit test that reads them, and what they may be mistaken for.

    The rows that judge a line are those whose `judged_by` is the line's `key`.
    """

    seed: str
    model: str
    test: str
    mistakes: dict[str, tuple[str, ...]]
    key: str = "kli_id"
    judged_by: str = "kli_id"


def without_value(place: int) -> str:
    """Return the values of a line but the one at a place, counted from one."""
    return (
        "array_to_string(list_filter(string_split(match_values, '|'), "
        f"lambda value, place: place <> {place}), '|')"
    )


MOST_VALUES = max(len(line["match_values"].split("|")) for line in read_seed("kli_rules"))
LINES = [
    Lines(
        "kli_rules",
        "kli_rules__evaluated",
        "each_rule_line_holds_at_its_threshold",
        {
            "window_days": ("window_days + 1", "window_days - 1"),
            "minimum_count": ("minimum_count + 1", "minimum_count - 1"),
            "minimum_amount": ("minimum_amount + 0.01", "minimum_amount - 0.01"),
            "direction": ("case direction when 'debit' then 'credit' else 'debit' end",),
            "member_type": (
                "case member_type when 'individual' then 'business' else 'individual' end",
            ),
        },
    ),
    Lines(
        "kli_rules",
        "kli_rules__evaluated",
        "each_value_of_a_rule_line_counts",
        {
            "match_on": tuple(
                f"'{kind}'" for kind in ("category", "merchant", "mcc", "competitor_product")
            ),
            "match_values": tuple(without_value(place + 1) for place in range(MOST_VALUES)),
        },
    ),
    Lines(
        "kli_bands",
        "kli_bands__evaluated",
        "each_band_line_meets_its_borders",
        {
            "at_least": (f"at_least + {AMOUNT_STEP}", f"at_least - {AMOUNT_STEP}"),
            "below": (
                f"cast(cast(nullif(below, '') as decimal(18, 4)) + {AMOUNT_STEP} as varchar)",
                f"cast(cast(nullif(below, '') as decimal(18, 4)) - {AMOUNT_STEP} as varchar)",
            ),
        },
    ),
    Lines(
        "kli_pages",
        "kli_intent__page_visits",
        "each_page_line_meets_its_minimum",
        {
            "page": ("page || 's'",),
            # One visit is the least that there can be.
            "minimum_count": ("minimum_count + 1", "greatest(minimum_count - 1, 1)"),
        },
    ),
    Lines(
        "zip_regions",
        "kli_geography__home_region",
        "each_region_has_its_zip_codes",
        {
            "zip3": ("left(zip3, 2)", "cast(cast(zip3 as integer) + 100 as varchar)"),
            "kli_id": ("'geography__elsewhere'",),
            "region": ("region || ' and beyond'",),
        },
        key="zip3",
        judged_by="member_id",
    ),
]


@pytest.mark.parametrize("lines", LINES, ids=[lines.test for lines in LINES])
def test_each_mutant_of_a_line_fails_a_unit_test(built, types, lines):
    manifest, columns = built.manifest, types[lines.seed]
    sql = compiled(manifest, lines.model)
    tests = unit_tests_of(manifest, lines.model)
    bench = Bench(types, next(test for test in tests if test.name == lines.test))
    assert bench.passes(sql)
    sound = bench.rows_by(lines.judged_by, sql)
    survivors = []
    for column, mistakes in lines.mistakes.items():
        for mistake in mistakes:
            bench.fill(lines.seed, columns, bench.test.given[lines.seed])
            mistaken = f"{column} is not null and ({mistake}) is distinct from {column}"
            changed = bench.connection.execute(
                f"select {lines.key} from {lines.seed} where {mistaken}"
            ).fetchall()
            assert changed, f"{column} = {mistake} changes no line"
            bench.connection.execute(
                f"update {lines.seed} set {column} = {mistake} where {mistaken}"
            )
            wrong = bench.rows_by(lines.judged_by, sql)
            survivors += [
                f"{key}: {column} = {mistake}"
                for (key,) in changed
                if wrong.get(key) == sound.get(key)
            ]
    assert not survivors, "\n".join(survivors)


def test_balances_elsewhere_are_owed_for_so_many_months():
    # The unit test of the measure reads round numbers of its own.
    assert {
        line["competitor_product"]: int(line["balance_months"])
        for line in read_seed("held_away_factors")
    } == {"mortgage": 160, "heloc": 90, "auto_loan": 36, "student_loan": 90, "personal_loan": 24}


def test_the_bench_finds_a_broken_threshold():
    test = UnitTest("t", "m", {"facts": [{"value": 5}, {"value": 4}]}, ["value"], [("5",)])
    bench = Bench({"facts": {"value": "integer"}}, test)
    assert bench.passes("select value from facts where value >= 5")
    assert not bench.passes("select value from facts where value > 5")
    assert not bench.passes("select value from facts where value >= 4")
