"""At most 7 bytes in a row of what lay in memory are written: two files are compared.

Once the allocator fills what it hands out with zeros and once with other bytes. Where the two files
differ, memory was written that nobody had filled.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tellerline.storage import PACKING, STORAGE_VERSION

HEADERS, BLOCK, CHECKSUM = 3 * 4096, 256 * 1024, 8
# What aligns the parts of a block. Not harmless: six digits of a number are a trace of a member.
PADDING = 7

TABLES = """
    select
        i::double / 3 as ratio,
        sqrt(i * 1.7) as root,
        (i * 1.5)::decimal(18, 2) as amount,
        i as number,
        timestamp '2026-01-01' + to_seconds(i) as at,
        i % 7 = 0 as is_seventh,
        'only one' as constant,
        'one of ' || i % 5 as word,
        sha256(i::varchar) as id,
        case when i % 3 = 0 then sha256((i % 100)::varchar) end as id_or_null,
        repeat('x', (i % 300)::integer) || i as text,
        ['a', sha256(i::varchar)] as list
    from range({rows}) as rows(i)
"""
WRITER = """
import sys, duckdb
path, version, tables, *statements = sys.argv[1:]
connection = duckdb.connect(config={"storage_compatibility_version": version, "threads": 1})
for statement in statements:
    connection.execute(statement)
connection.execute(f"attach '{path}' as written")
for rows in (1, 3000, 60_000):
    connection.execute(f"create table written.of_{rows} as " + tables.format(rows=rows))
connection.execute("create table written.added (word varchar, number integer)")
for _ in range(3):
    connection.execute("insert into written.added select 'word' || i, i from range(900) as r(i)")
connection.execute("checkpoint written")
connection.execute("delete from written.of_3000 where number % 11 = 0")
connection.execute("update written.of_3000 set text = 'new' where number % 10 = 0")
connection.execute("checkpoint written; detach written")
"""


def unwritten(folder: Path, *statements: str) -> list[int]:
    """Return the lengths of the runs of bytes that nobody had filled, longest first."""
    files = []
    for fill in ("zero", "junk"):
        path = folder / f"{fill}.duckdb"
        subprocess.run(
            [sys.executable, "-c", WRITER, str(path), STORAGE_VERSION, TABLES, *statements],
            env=os.environ | {"DUCKDB_JE_MALLOC_CONF": f"{fill}:true"},
            check=True,
        )
        files.append(path.read_bytes())
    zeroed, filled = files
    assert len(zeroed) == len(filled)
    assert len(zeroed) > HEADERS + 20 * BLOCK
    lengths = []
    for start in range(HEADERS, len(zeroed), BLOCK):
        ones, others = (data[start + CHECKSUM : start + BLOCK] for data in files)
        if ones != others:
            differing = bytes(one != other for one, other in zip(ones, others, strict=True))
            lengths += [len(run[0]) for run in re.finditer(b"\x01+", differing)]
    return sorted(lengths, reverse=True)


# Elsewhere DuckDB takes the allocator of the system.
needs_jemalloc = pytest.mark.skipif(sys.platform != "linux", reason="fills memory by jemalloc")


@needs_jemalloc
def test_blocks_end_with_at_most_padding(tmp_path: Path) -> None:
    assert max(unwritten(tmp_path, *PACKING)) <= PADDING


@needs_jemalloc
@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(PACKING[:1], id="ALP"),
        pytest.param(
            ("set disabled_compression_methods = 'alp,alprd,dict_fsst,fsst,dictionary'",), id="text"
        ),
    ],
)
def test_other_ways_of_packing_end_with_memory(tmp_path: Path, statements: tuple[str, ...]) -> None:
    """When one of these fails, DuckDB was mended and the rule is needed no longer."""
    assert max(unwritten(tmp_path, *statements)) > PADDING


def test_dbt_packs_the_same() -> None:
    project = Path(__file__).parents[2]
    macro = (project / "macros" / "storage.sql").read_text(encoding="utf-8")
    assert tuple(re.findall(r'run_query\("(.*?)"\)', macro)) == PACKING
    assert "pack_without_foreign_memory()" in (project / "dbt_project.yml").read_text("utf-8")
