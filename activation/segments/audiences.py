"""The members of the segments on both sides, compared: in, out, unchanged, overlap and reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from activation.governance.segments import Purpose
from activation.segments.changes import SegmentChange
from activation.segments.revisions import Revision
from tellerline.sql import literal

BASE, HEAD = "base", "head"
# Reasons hold amounts and days of single members: only their wording is counted. Bands stay.
WORDING = r"regexp_replace(reason, '\b[0-9][0-9.,:-]*\b', '#', 'g')"
MOST_REASONS = 5
MOST_OVERLAPS = 5


@dataclass(frozen=True, slots=True)
class AudienceDifference:
    """What a change does to one audience.

    Args:
        change: How the segment differs.
        entered: How many members come in.
        left: How many go out.
        stayed: How many are in it on both sides.
        reasons_in: Members that come in by the wording of their reason, numbers left out.
        reasons_out: Members that go out by the wording of the reason that they had.
        overlaps: Members shared with other audiences as they are after the change, most first.
        reach: For each channel that the segment may use, members with consent and without
            suppression, before and after; empty where consent is not asked for.
        members_in: Who comes in, pseudonyms in order.
        members_out: Who goes out.
    """

    change: SegmentChange
    entered: int
    left: int
    stayed: int
    reasons_in: Mapping[str, int] = field(default_factory=dict)
    reasons_out: Mapping[str, int] = field(default_factory=dict)
    overlaps: Mapping[str, int] = field(default_factory=dict)
    reach: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    members_in: tuple[str, ...] = field(default=(), repr=False)
    members_out: tuple[str, ...] = field(default=(), repr=False)


class Audiences:
    """Members of segments by side, kept in a database of their own beside the warehouse's copy.

    Args:
        folder: The scratch folder.
        warehouse: The copy of the warehouse.
    """

    def __init__(self, folder: Path, warehouse: Path) -> None:
        self._warehouse = literal(str(warehouse))
        self._connection = duckdb.connect(str(folder / "audiences.duckdb"))
        self._connection.execute(
            "create table audiences "
            "(side varchar, segment_id varchar, member_id varchar, reason varchar)"
        )
        self._connection.execute(
            "create table reachable (side varchar, segment_id varchar, channel varchar, "
            "member_count bigint)"
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def present(self) -> frozenset[str]:
        """Return every relation of the warehouse's copy, as dbt names it."""
        self._attach()
        rows = self._connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' "
            "union all "
            "select schema_name, view_name from duckdb_views() where database_name = 'warehouse'"
        ).fetchall()
        self._detach()
        return frozenset(f'"warehouse"."{schema}"."{name}"' for schema, name in rows)

    def read(self, side: str, revision: Revision, segment_ids: Iterable[str]) -> None:
        """Keep the members of segments as the warehouse's copy has them now, and their reach."""
        self._attach()
        consents, suppressions = revision.dataset("consents"), revision.dataset("suppressions")
        for segment_id in segment_ids:
            facts = revision.facts(segment_id)
            relation = revision.model(segment_id)["relation_name"]
            self._connection.execute(
                f"insert into audiences select $1, $2, member_id, reason from {relation}",
                [side, segment_id],
            )
            if consents is None or suppressions is None:
                continue
            if facts["purpose"] == Purpose.SUPPRESSION:
                continue
            for channel in facts["channels"]:
                self._connection.execute(
                    f"""
                    insert into reachable
                    select $1, $2, $3, count(*)
                    from {relation}
                    where
                        member_id in (
                            select member_id from {consents}
                            where channel = $3 and purpose = $4 and is_granted
                        )
                        and member_id not in (
                            select member_id from {suppressions} where channel in ('all', $3)
                        )
                    """,
                    [side, segment_id, channel, facts["purpose"]],
                )
        self._detach()

    def compare(self, change: SegmentChange, *, with_members: bool) -> AudienceDifference:
        """Return what a change does to one audience whose members are kept.

        Args:
            change: How the segment differs.
            with_members: Whether to name the members by their pseudonyms.
        """
        segment_id = change.segment_id
        entered = self._count_only(HEAD, BASE, segment_id)
        return AudienceDifference(
            change=change,
            entered=entered,
            left=self._count_only(BASE, HEAD, segment_id),
            stayed=self._count(HEAD, segment_id) - entered,
            reasons_in=self._wordings(HEAD, BASE, segment_id),
            reasons_out=self._wordings(BASE, HEAD, segment_id),
            overlaps=self._overlaps(segment_id),
            reach=self._reach(segment_id),
            members_in=self._only(HEAD, BASE, segment_id) if with_members else (),
            members_out=self._only(BASE, HEAD, segment_id) if with_members else (),
        )

    def _attach(self) -> None:
        self._connection.execute(f"attach {self._warehouse} as warehouse (read_only)")

    def _detach(self) -> None:
        self._connection.execute("detach warehouse")

    def _only(self, side: str, other: str, segment_id: str) -> tuple[str, ...]:
        rows = self._connection.execute(f"{_ONLY} order by member_id", [side, other, segment_id])
        return tuple(str(row[0]) for row in rows.fetchall())

    def _wordings(self, side: str, other: str, segment_id: str) -> dict[str, int]:
        rows = self._connection.execute(
            f"select {WORDING} as wording, count(*) as member_count from ({_ONLY}) "
            "group by wording order by member_count desc, wording",
            [side, other, segment_id],
        ).fetchall()
        found = dict(rows[:MOST_REASONS])
        if rest := sum(count for _, count in rows[MOST_REASONS:]):
            found["other reasons"] = rest
        return found

    def _count(self, side: str, segment_id: str) -> int:
        return self._number(
            "select count(*) from audiences where side = $1 and segment_id = $2", side, segment_id
        )

    def _count_only(self, side: str, other: str, segment_id: str) -> int:
        return self._number(f"select count(*) from ({_ONLY})", side, other, segment_id)

    def _number(self, query: str, *values: str) -> int:
        row = self._connection.execute(query, list(values)).fetchone()
        return int(row[0]) if row else 0

    def _overlaps(self, segment_id: str) -> dict[str, int]:
        return dict(
            self._connection.execute(
                """
                select others.segment_id, count(*) as member_count
                from audiences as own
                inner join audiences as others on own.member_id = others.member_id
                where
                    own.side = 'head' and others.side = 'head'
                    and own.segment_id = $1 and others.segment_id <> $1
                group by others.segment_id
                order by member_count desc, others.segment_id
                limit $2
                """,
                [segment_id, MOST_OVERLAPS],
            ).fetchall()
        )

    def _reach(self, segment_id: str) -> dict[str, tuple[int, int]]:
        rows = self._connection.execute(
            """
            select
                channel,
                coalesce(max(member_count) filter (where side = 'base'), 0),
                coalesce(max(member_count) filter (where side = 'head'), 0)
            from reachable
            where segment_id = $1
            group by channel
            order by channel
            """,
            [segment_id],
        ).fetchall()
        return {channel: (before, after) for channel, before, after in rows}


_ONLY = """
select member_id, reason from audiences
where
    side = $1 and segment_id = $3
    and member_id not in (
        select member_id from audiences where side = $2 and segment_id = $3
    )
"""
