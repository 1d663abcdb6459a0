"""The Merkle tree over the records of one batch, computed by the database level by level.

Equal to `merkle.root_of` over the same leaves: pairs are hashed, an odd last node is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from activation.ledger.commitments import blob_sql
from activation.ledger.merkle import EMPTY_ROOT

_LEVEL = "tellerline_tree_level"
_NODE = f"unhex(sha256({blob_sql(bytes([1]))} || below.hash || sibling.hash))"


def tree_root(connection: duckdb.DuckDBPyConnection, leaves: str) -> bytes:
    """Return the Merkle root over a table of leaf hashes.

    Args:
        connection: Where the table is.
        leaves: A relation with the columns `position` (0 to n-1) and `hash` (32 bytes).
    """
    root = EMPTY_ROOT
    for level in _levels(connection, leaves):
        root = _hash_at(connection, level, 0) or EMPTY_ROOT
    return root


def tree_path(connection: duckdb.DuckDBPyConnection, leaves: str, position: int) -> list[bytes]:
    """Return the inclusion proof of the leaf at `position`, its sibling first.

    Args:
        connection: Where the table is.
        leaves: As for `tree_root`.
        position: The leaf to prove.
    """
    path = []
    for level in _levels(connection, leaves):
        sibling = _hash_at(connection, level, position ^ 1)
        if sibling is not None:
            path.append(sibling)
        position //= 2
    return path


def _levels(connection: duckdb.DuckDBPyConnection, leaves: str) -> Iterator[str]:
    """Yield the relation of each level of the tree, leaves first; the last holds the root."""
    level, height = leaves, 0
    try:
        while True:
            yield level
            if _count(connection, level) <= 1:
                return
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
    finally:
        for parity in (0, 1):
            connection.execute(f"drop table if exists temp.{_LEVEL}_{parity}")


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0


def _hash_at(connection: duckdb.DuckDBPyConnection, relation: str, position: int) -> bytes | None:
    row = connection.execute(
        f"select hash from {relation} where position = ?", [position]
    ).fetchone()
    return bytes(row[0]) if row else None
