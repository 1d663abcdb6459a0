"""The Merkle tree over the records of one batch: the database halves it until few hashes are left.

Equal to `merkle.root_of` over the same leaves: pairs are hashed, an odd last node is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from activation.ledger.commitments import blob_sql
from activation.ledger.merkle import prove_inclusion, root_of

# Up to here a query a level costs more than hashing what is left in one go.
TOP_HASHES = 2048
_LEVEL = "tellerline_tree_level"
_NODE = f"unhex(sha256({blob_sql(bytes([1]))} || below.hash || sibling.hash))"


def tree_root(connection: duckdb.DuckDBPyConnection, leaves: str, top: int = TOP_HASHES) -> bytes:
    """Return the Merkle root over a table of leaf hashes.

    Args:
        connection: Where the table is.
        leaves: A relation with the columns `position` (0 to n-1) and `hash` (32 bytes).
        top: How many hashes are few enough to leave the database.
    """
    *_, last = _levels(connection, leaves, top)
    return root_of(last[1])


def tree_path(
    connection: duckdb.DuckDBPyConnection, leaves: str, position: int, top: int = TOP_HASHES
) -> list[bytes]:
    """Return the inclusion proof of the leaf at `position`, its sibling first.

    Args:
        connection: Where the table is.
        leaves: As for `tree_root`.
        position: The leaf to prove; the table must have it.
        top: As for `tree_root`.
    """
    path: list[bytes] = []
    hashes: list[bytes] = []
    for level, hashes in _levels(connection, leaves, top):
        if not hashes:
            query = f"select hash from {level} where position = ?"
            siblings = connection.execute(query, [position ^ 1]).fetchall()
            path += [bytes(row[0]) for row in siblings]
            position //= 2
    return path + _top_path(hashes, position)


def _levels(
    connection: duckdb.DuckDBPyConnection, leaves: str, top: int
) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the relation of each level, leaves first, and for the last one also its hashes."""
    level, height = leaves, 0
    try:
        while _count(connection, level) > top:
            yield level, []
            height += 1
            above = f"{_LEVEL}_{height % 2}"
            connection.execute(
                f"""
                create or replace temp table {above} as
                select
                    below.position // 2 as position,
                    case when sibling.hash is null then below.hash else {_NODE} end as hash
                from {level} as below
                left join {level} as sibling on sibling.position = below.position + 1
                where below.position % 2 = 0
                """
            )
            level = above
        rows = connection.execute(f"select hash from {level} order by position").fetchall()
        yield level, [bytes(row[0]) for row in rows]
    finally:
        for parity in (0, 1):
            connection.execute(f"drop table if exists temp.{_LEVEL}_{parity}")


def _top_path(hashes: list[bytes], position: int) -> list[bytes]:
    """Return the inclusion proof within the last level."""

    def subtree(level: int, index: int) -> bytes:
        return root_of(hashes[index << level : (index + 1) << level])

    return prove_inclusion(position, len(hashes), subtree)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0
