"""Canonical JSON has one form, and JSON that parsers disagree on is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tellerline.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    canonical_json,
    parse_canonical,
    parse_json,
    sha256_hex,
)
from tellerline.errors import IntegrityError

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]).filter(lambda c: c != "\x7f")
)
KEY = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=20,
)


@given(VALUE)
def test_it_is_rfc_8785_and_what_json_writes_when_asked_to_sort(value: Any) -> None:
    data = canonical_json(value)
    assert data == rfc8785.dumps(value)
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data == plain.encode()


@given(VALUE)
def test_it_reads_back_and_is_its_own_canonical_form(value: Any) -> None:
    data = canonical_json(value)
    assert parse_json(data, "value") == value
    assert parse_canonical(data, "value") == value
    assert canonical_json(parse_json(data, "value")) == data


@given(VALUE, VALUE)
def test_equal_bytes_mean_equal_values(one: Any, other: Any) -> None:
    # 1 and True are equal in Python and different in JSON.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_json(one) == canonical_json(other)) == same


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "\ud800",
        {"caf\N{LATIN SMALL LETTER E WITH ACUTE}": 1},
        {"a\tb": 1},
        {1: 1},
        b"bytes",
        {"set"},
        [[1.5]],
        {"a": {"b": object()}},
    ],
)
def test_what_readers_disagree_on_is_refused(value: Any) -> None:
    with pytest.raises(IntegrityError):
        canonical_json(value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_has_an_end() -> None:
    assert canonical_json(nested(MAX_DEPTH))
    with pytest.raises(IntegrityError, match="deeper than 32"):
        canonical_json(nested(MAX_DEPTH + 1))
    assert parse_json(json.dumps(nested(MAX_DEPTH)), "value")
    with pytest.raises(IntegrityError, match="deeper than 32"):
        parse_json(json.dumps(nested(MAX_DEPTH + 1)), "value")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"consent":true,"consent":false}',
        b'{"a":{"b":1,"b":1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-32-le"),
        b'"\x01"',
        b"[" * 100_000,
        b"1" * 5_000,
        "'single'",
    ],
)
def test_hostile_json_is_refused_with_one_kind_of_error(data: bytes | str) -> None:
    with pytest.raises(IntegrityError, match="the body: is not plain JSON"):
        parse_json(data, "the body")


def test_an_error_does_not_repeat_the_data() -> None:
    with pytest.raises(IntegrityError) as refusal:
        parse_json(b'{"email": "canary@example.com", oops}', "the body")
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b'"\\u0041"', b"1.0", b"1e2", b"-0"]
)
def test_another_spelling_of_a_value_is_not_canonical(data: bytes) -> None:
    assert parse_json(data, "value") is not None
    with pytest.raises(IntegrityError):
        parse_canonical(data, "value")


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        value = parse_canonical(data, "value")
    except IntegrityError:
        return
    assert canonical_json(value) == data


def test_a_hash_is_lower_case_hexadecimal() -> None:
    assert sha256_hex(b"abc").startswith("ba7816bf8f01cfea")
    assert len(sha256_hex(b"")) == 64
