"""HubSpot's answers: a row is done only when the answer accounts for it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.destinations.declaration import Answer, Batch, DeliveryFacts, Limits, Stage
from activation.destinations.fields import MappedField
from activation.destinations.hubspot import HubSpot
from activation.destinations.hubspot_answers import read_membership, read_statuses, read_upsert
from activation.destinations.transport import Reply, Transport
from tellerline.errors import RetryableError
from tests.activation.scripted_server import answer, scripted_server

KEY = "member"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["results", "errors", "id", "properties", "context", "objectWriteTraceId", KEY,
             "category", "recordIdsMissing", "recordsIdsAdded", "numErrors",
             "subscriberIdString", "status"]
        ),
        children,
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


def stage(name: str) -> Stage:
    return Stage(name=name, operations=frozenset(), key="seq", fragment="", records=100)


def upsert_of(*traces: str) -> Batch:
    inputs = [{"id": f"M{trace}", "objectWriteTraceId": trace} for trace in traces]
    return Batch("b", stage("contacts"), json.dumps({"inputs": inputs}).encode(), traces)


def statuses_of(*keys: str) -> Batch:
    inputs = [{"subscriberIdString": f"a{key}@example.com"} for key in keys]
    return Batch("b", stage("withdrawal"), json.dumps({"inputs": inputs}).encode(), keys)


def members_of(*keys: str, verb: str = "add") -> Batch:
    return Batch("b", stage(f"membership_{verb}"), json.dumps(keys).encode(), keys)


def test_results_are_matched_by_trace_or_by_our_key_in_any_order() -> None:
    document = {
        "results": [
            {"id": "30", "properties": {KEY: "m3"}},
            {"id": "10", "objectWriteTraceId": "1", "properties": {}},
        ],
        "errors": [
            {
                "category": "VALIDATION_ERROR",
                "subCategory": "BAD_EMAIL",
                "context": {"objectWriteTraceId": ["2"]},
            }
        ],
    }
    read = read_upsert(Reply(207, document), upsert_of("1", "2", "3", "4"), KEY)
    assert read.record_ids == {"1": "10", "3": "30"}
    assert read.rejected == {"2": "BAD_EMAIL"}
    assert read.unknown == {"4"}


@pytest.mark.parametrize("status", [200, 207])
def test_an_answer_without_results_confirms_nobody(status: int) -> None:
    document = {"status": "COMPLETE", "results": [], "errors": [{"category": "X"}], "numErrors": 1}
    read = read_upsert(Reply(status, document), upsert_of("1", "2"), KEY)
    assert read.unknown == {"1", "2"}
    read = read_membership(Reply(status, document), members_of("1", "2"), KEY)
    assert read.unknown == {"1", "2"}
    read = read_statuses(Reply(status, document), statuses_of("1", "2"), KEY)
    assert read.unknown == {"1", "2"}


@pytest.mark.parametrize("spelling", ["recordsIdsAdded", "recordIdsAdded"])
def test_members_who_were_there_before_are_confirmed_too(spelling: str) -> None:
    document = {spelling: ["1"], "recordIdsMissing": ["3"]}
    read = read_membership(Reply(200, document), members_of("1", "2", "3"), KEY)
    assert read.rejected == {"3": "RECORD_MISSING"}
    assert not read.unknown


def test_a_contact_that_is_gone_is_removed() -> None:
    read = read_membership(
        Reply(200, {"recordIdsMissing": ["1"]}), members_of("1", verb="remove"), KEY
    )
    assert not read.rejected
    assert not read.unknown


def test_a_reason_that_is_a_sentence_is_not_repeated() -> None:
    error = {"category": "canary@example.com is bad", "context": {"objectWriteTraceId": ["1"]}}
    read = read_upsert(Reply(207, {"errors": [error]}), upsert_of("1"), KEY)
    assert read.rejected == {"1": "OTHER"}


@given(JSON)
def test_whatever_is_answered_no_row_is_confirmed_without_a_word_of_it(document: Any) -> None:
    for read, batch in (
        (read_upsert, upsert_of("1", "2")),
        (read_membership, members_of("1", "2")),
        (read_statuses, statuses_of("1", "2")),
    ):
        found: Answer | None = None
        # What a malformed answer may raise, `send` turns into an unknown outcome.
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError, RetryableError):
            found = read(Reply(200, document), batch, KEY)
        if found is None:
            continue
        assert found.unknown | found.rejected.keys() <= set(batch.keys) | {"1", "2"} | set(
            found.rejected
        )
        if read is read_upsert:
            confirmed = set(batch.keys) - found.unknown - found.rejected.keys()
            assert confirmed <= found.record_ids.keys()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"ok"',
        b'{"results":[{"properties":{"member":"m1"}}]}',
        b'{"results":5}',
        b'{"results":[5]}',
        b'{"errors":["x"]}',
    ],
)
def test_an_answer_of_another_form_leaves_the_outcome_unknown(body: bytes) -> None:
    facts = DeliveryFacts("run", "segment", "Segment", "2026-11-19", "2026-11-20T00:00:00Z")
    with scripted_server(answer("200 OK", body)) as server:
        portal = HubSpot(
            name="portal",
            transport=Transport("portal", server.base_url, {}, Limits(100, 10, 1)),
            facts=facts,
            fields=(MappedField("email", "email"),),
            options={"key_property": KEY},
        )
        with pytest.raises(RetryableError) as caught:
            portal.send(upsert_of("1"))
        portal.close()
    assert caught.value.outcome_unknown
