"""The part of a query that matters to one reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from activation.lineage.queries import Demand
from activation.lineage.uses import Form, Namings
from tellerline.canonical import sha256_hex

NOTHING = "nothing"


class Read(NamedTuple):
    """One use of a column of another relation.

    Args:
        unique_id: The relation.
        demand: All that is wanted of it at this place.
        column: The column.
        is_certain: False when the query could not be resolved and the column may be unused.
        named: The texts with which the reader compares it, as `namings` has them.
        form: What of it is in what is made from it.
    """

    unique_id: str
    demand: Demand
    column: str
    is_certain: bool = True
    named: Namings = frozenset()
    form: Form = Form.WHOLE


Reads = frozenset[Read]
NO_READS: Reads = frozenset()


@dataclass(frozen=True, eq=False)
class Slice:
    """The part of a query that matters to one demand.

    Args:
        digest: Hash of its normal form; None when no row of it matters.
        values: For each wanted column what its value is made from.
        conditions: What decides which rows there are.
        tables: Every relation read, with what is wanted of it.
    """

    digest: str | None
    values: Mapping[str, Reads]
    conditions: Reads = NO_READS
    tables: frozenset[tuple[str, Demand]] = frozenset()

    def value(self, column: str) -> Reads:
        """Return what the value of `column` is made from."""
        return self.values.get(column, NO_READS)


EMPTY = Slice(None, {})


def digest_of(document: object) -> str:
    """Return the hash of a JSON value."""
    return sha256_hex(json.dumps(document, sort_keys=True).encode())
