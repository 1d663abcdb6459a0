"""Which files of a feed are held, against a reckoning of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tellerline.receipt_book import (
    DISCARDED,
    DUPLICATE,
    LOADED,
    QUARANTINED,
    RECEIVED,
    STOPPED,
    held_files,
    receipts,
)
from tellerline.state import State

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["consents", "others"]),
        st.sampled_from(["a.csv", "b.csv"]),
        st.sampled_from([RECEIVED, LOADED, QUARANTINED, DUPLICATE, STOPPED]),
        st.sampled_from(["", "rejected_ratio", DISCARDED]),
    ),
    max_size=8,
)


def add(state: State, number: int, row: tuple[str, str, str, str]) -> None:
    feed, name, what, reason = row
    with state.transaction() as connection:
        connection.execute(
            receipts.insert().values(
                load_id=f"{number:064d}", feed=feed, file_name=name, source="landing",
                byte_count=1, file_sha256="0" * 64, received_at="", state=what, reason=reason,
            )
        )  # fmt: skip


@given(rows=ROWS)
def test_held_is_what_nobody_decided_on(rows: list[tuple[str, str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, State(Path(folder) / "state.sqlite") as state:
        for number, row in enumerate(rows):
            add(state, number, row)
        found = held_files(state, "consents")
    expected = set()
    for number, (feed, name, what, reason) in enumerate(rows):
        corrected = ("consents", name, LOADED) in [row[:3] for row in rows[number + 1 :]]
        undecided = what == QUARANTINED and reason != DISCARDED and not corrected
        if feed == "consents" and (what in {RECEIVED, STOPPED} or undecided):
            expected.add(number)
    assert {int(file.load_id) for file in found} == expected
    order = [(STOPPED, QUARANTINED, RECEIVED).index(file.state) for file in found]
    assert order == sorted(order)
