"""Audiences of two sides, compared in a small warehouse: who is counted, and who is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activation.cli.segments import _difference, _explain
from activation.lineage import SegmentLineage
from activation.segments.audiences import BASE, HEAD, Audiences
from activation.segments.changes import Change, SegmentChange, find_changes, find_stale
from activation.segments.revisions import Revision

CHANGE = SegmentChange("one", Change.LOGIC, ("seg_one",), (), ("1.0.0", "1.0.0"))


def node(name: str, sql: str, *parents: str, **meta: Any) -> dict[str, Any]:
    return {
        "unique_id": f"model.{name}",
        "resource_type": "model",
        "name": name,
        "compiled_code": sql,
        "relation_name": f'"warehouse"."main"."{name}"',
        "depends_on": {"nodes": [f"model.{parent}" for parent in parents]},
        "config": {"materialized": "table", "meta": meta},
    }


def revision(label: str, parts: dict[str, str], *nodes: dict[str, Any]) -> Revision:
    segments = {
        n["name"].removeprefix("seg_"): SegmentLineage(
            fingerprint=parts.get(n["name"], ""),
            version=n["config"]["meta"]["segment"]["version"],
            parts=dict(parts),
        )
        for n in nodes
        if n["name"].startswith("seg_")
    }
    manifest = {"nodes": {n["unique_id"]: n for n in nodes}}
    return Revision(label, Path(), Path(), manifest, segments)


def facts(**others: Any) -> dict[str, Any]:
    return {
        "channels": ["email", "sms"],
        "purpose": "product_marketing",
        "version": "1.0.0",
        **others,
    }


def small(label: str = "base", **others: Any) -> Revision:
    return revision(
        label,
        {"seg_one": "a"},
        node("seg_one", "select 1", segment=facts(**others)),
        node("seg_two", "select 1", segment=facts(purpose="suppression")),
        node("act_consents", "select 1", publish="consents"),
        node("act_suppressions", "select 1", publish="suppressions"),
    )


@pytest.fixture
def audiences(tmp_path: Path) -> Iterator[Audiences]:
    """Base: m1 to m4. Head: m3 to m6, of whom m4 and m5 are in another audience too."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            create table seg_one as
                select 'm' || i as member_id, 'Paid ' || i || '.50 of 10k on 2026-06-0' || i
                as reason from range(1, 5) as r (i);
            create table seg_two as
                select 'm' || i as member_id, 'r' as reason from range(4, 6) as r (i);
            create table act_consents as
                select
                    'm' || i as member_id, 'email' as channel, 'product_marketing' as purpose,
                    i <> 3 as is_granted
                from range(1, 6) as r (i)
                union all select 'm6', 'email', 'credit_offers', true;
            create table act_suppressions as
                select 'm1' as member_id, 'all' as channel union all select 'm2', 'email'
                union all select 'm4', 'sms';
        """)
    with closing(Audiences(tmp_path, path)) as made:
        made.read(BASE, small(), ["one"])
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "create or replace table seg_one as "
                "select 'm' || i as member_id, 'Paid' as reason from range(3, 7) as r (i)"
            )
        made.read(HEAD, small(), ["one", "two"])
        yield made


def test_members_are_counted_in_out_and_unchanged(audiences: Audiences) -> None:
    found = audiences.compare(CHANGE, with_members=True)
    assert (found.entered, found.left, found.stayed) == (2, 2, 2)
    assert (found.members_in, found.members_out) == (("m5", "m6"), ("m1", "m2"))
    assert found.overlaps == {"two": 2}


def test_reasons_are_counted_by_their_wording_without_numbers(audiences: Audiences) -> None:
    found = audiences.compare(CHANGE, with_members=False)
    assert found.reasons_out == {"Paid # of 10k on #": 2}
    assert found.reasons_in == {"Paid": 2}


def test_reach_needs_consent_for_the_purpose_and_no_suppression(audiences: Audiences) -> None:
    # Before: m4 alone, m1 and m2 being suppressed and m3 having withdrawn. After: m4 and m5.
    assert audiences.compare(CHANGE, with_members=False).reach == {"email": (1, 2), "sms": (0, 0)}
    other = SegmentChange("two", Change.NEW, (), (), (None, "1.0.0"))
    assert audiences.compare(other, with_members=False).reach == {}


def test_members_are_named_only_when_they_are_asked_for(
    audiences: Audiences, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in (False, True):
        found = audiences.compare(CHANGE, with_members=asked)
        _explain(found)
        shown = capsys.readouterr().out + str(_difference(found))
        assert ("m5" in shown, "m1" in shown) == (asked, asked)
        assert "m5" not in repr(found)


def test_many_reasons_are_cut_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table seg_one as select 'm' || i as member_id, "
            "'because ' || chr(96 + i::int) as reason from range(1, 9) as r (i)"
        )
    with closing(Audiences(tmp_path, path)) as made:
        only = revision("head", {}, node("seg_one", "select 1", segment=facts()))
        made.read(HEAD, only, ["one"])
        found = made.compare(CHANGE, with_members=False)
    assert (len(found.reasons_in), found.reasons_in["other reasons"]) == (6, 3)
    assert found.reach == {}


def test_only_what_differs_and_lies_between_is_built() -> None:
    def side(middle: str, threshold: str) -> Revision:
        return revision(
            "side",
            {"seg_one": "a", "middle": middle},
            node("first", "select 1"),
            node("middle", middle, "first"),
            node("beside", "select 1", "first"),
            node("after", "select 1", "middle", "beside"),
            node("seg_one", threshold, "after", segment=facts()),
            node("seg_two", threshold, "beside", segment=facts()),
        )

    base, head = side("select 2", "select 1"), side("select 3", "select 1")
    present = frozenset(n["relation_name"] for n in base.manifest["nodes"].values())
    changes = [item for item in find_changes(base, head) if item.segment_id == "one"]
    assert [item.change for item in changes] == [Change.LOGIC]
    assert find_stale(base, head, changes, present) == {"middle", "after", "seg_one"}
    assert find_stale(head, base, changes, present) == {"middle", "after", "seg_one"}
    missing = present - {'"warehouse"."main"."beside"'}
    assert find_stale(head, base, changes, missing) == {"middle", "beside", "after", "seg_one"}
    same = find_changes(base, base)
    assert find_stale(base, base, same, present) == set()
    lacking = present - {'"warehouse"."main"."seg_two"'}
    assert find_stale(base, base, same, lacking) == {"seg_two"}


def test_facts_alone_move_nobody_and_need_a_version() -> None:
    found = {c.segment_id: c for c in find_changes(small(), small(holdout_ratio=0.2))}["one"]
    assert (found.change, found.facts, found.moves_members) == (
        Change.FACTS, ("holdout_ratio",), False,
    )  # fmt: skip
    assert found.lacks_version
    other = {c.segment_id: c for c in find_changes(small(), small(version="1.0.1"))}["one"]
    assert (other.change, other.lacks_version) == (Change.FACTS, False)
