"""Checks what the entries of the log say: their form, their runs, and the database beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa

from activation.ledger.findings import Audit
from activation.ledger.tree_audit import IndexedEntry
from tellerline.canonical import parse_canonical
from tellerline.errors import IntegrityError
from tellerline.outbox import ENTRY_TYPES, ENTRY_VERSION, MAX_ENTRY_BYTES, outbox
from tellerline.state import State

ENTRY_KEYS = {"actor", "body", "code", "id", "refs", "run", "ts", "type", "v"}
RUN_STARTED = "run.started"
RUN_FINISHED = "run.finished"
_ENTRY_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ROWS_AT_ONCE = 4096


class EntryAudit:
    """Checks entries one after another, in the order of the log.

    Args:
        audit: Where findings go.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._ids: set[str] = set()
        self._started: dict[str, int] = {}
        self._finished: dict[str, int] = {}
        self._mentioned: dict[str, int] = {}

    def check(self, index: int, data: bytes) -> dict[str, Any] | None:
        """Return the entry at `index`, or None after reporting why it is none."""
        subject = f"entry {index}"
        try:
            value = parse_canonical(data, subject)
        except IntegrityError as error:
            self._audit.report(subject, error.problem)
            return None
        fault = _fault(value, len(data))
        if fault:
            self._audit.report(subject, fault)
            return None
        entry: dict[str, Any] = value
        if entry["id"] in self._ids:
            self._audit.report(subject, "repeats the id of an earlier entry.")
        self._ids.add(entry["id"])
        self._audit.entries_by_type[entry["type"]] += 1
        self._follow_run(index, entry)
        return entry

    def finish(self) -> None:
        """Check what only shows at the end: every run that is mentioned was started."""
        for run, index in self._mentioned.items():
            if run not in self._started:
                self._audit.report(
                    f"run {run}", f"is named by entry {index} but has no {RUN_STARTED} entry."
                )

    def _follow_run(self, index: int, entry: dict[str, Any]) -> None:
        run, kind = entry["run"], entry["type"]
        if not run:
            if kind in {RUN_STARTED, RUN_FINISHED}:
                self._audit.report(f"entry {index}", f"is {kind} but names no run.")
            return
        self._mentioned.setdefault(run, index)
        for marker, seen in ((RUN_STARTED, self._started), (RUN_FINISHED, self._finished)):
            if kind != marker:
                continue
            if run in seen:
                self._audit.report(
                    f"run {run}", f"has two {kind} entries: {seen[run]} and {index}."
                )
            seen.setdefault(run, index)
        if kind == RUN_FINISHED and run not in self._started:
            self._audit.report(f"run {run}", f"finished at entry {index} before it was started.")


def _fault(value: Any, length: int) -> str | None:  # noqa: ANN401 - what JSON may hold
    """Return what keeps `value` from being an entry, or None."""
    if not isinstance(value, dict) or value.keys() != ENTRY_KEYS:
        return "does not have the keys of an entry."
    actor, refs = value["actor"], value["refs"]
    checks = (
        (length <= MAX_ENTRY_BYTES, f"is longer than {MAX_ENTRY_BYTES} bytes."),
        (value["v"] == ENTRY_VERSION, "is of an unknown version."),
        (value["type"] in ENTRY_TYPES, "is of an unknown type."),
        (_matches(_ENTRY_ID, value["id"]), "has an id that is no ULID."),
        (_matches(_TIMESTAMP, value["ts"]), "has a malformed time."),
        (isinstance(value["body"], dict), "has a body that is no object."),
        (isinstance(value["run"], str), "has a run that is no text."),
        (isinstance(value["code"], str), "has a code version that is no text."),
        (_has_texts(actor, {"id", "kind"}), "has a malformed actor."),
        (isinstance(refs, list) and all(map(_is_reference, refs)), "has a malformed reference."),
    )
    return next((problem for holds, problem in checks if not holds), None)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _has_texts(value: object, keys: set[str]) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == keys
        and all(isinstance(text, str) and text for text in value.values())
    )


def _is_reference(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _matches(_SHA256, value.get("sha256"))
        and isinstance(value.get("bytes"), int)
    )


def compare_with_state(
    entries: Iterator[IndexedEntry], state: State | None, audit: Audit
) -> Iterator[IndexedEntry]:
    """Yield `entries` while comparing each with what the outbox holds under its index.

    Args:
        entries: The entries of the log in order.
        state: The operational database, or None when only the log is at hand.
        audit: Where findings go.
    """
    if state is None:
        yield from entries
        return
    query = (
        sa.select(outbox.c.log_index, outbox.c.entry)
        .where(outbox.c.log_index.is_not(None))
        .order_by(outbox.c.log_index)
    )
    with ExitStack() as stack:
        connection = stack.enter_context(state.reading())
        rows = iter(connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query))
        row = next(rows, None)
        for index, data in entries:
            while row is not None and row.log_index < index:
                row = next(rows, None)
            if row is None or row.log_index != index:
                audit.report(f"entry {index}", f"is in the log but not in {state.path.name}.")
            elif bytes(row.entry) != data:
                audit.report(f"entry {index}", f"differs from the one in {state.path.name}.")
            yield index, data


def waiting_entries(state: State | None, size: int) -> int:
    """Return how many entries of the outbox are not under a checkpoint of `size` entries."""
    if state is None:
        return 0
    is_waiting = sa.or_(outbox.c.log_index.is_(None), outbox.c.log_index >= size)
    with state.reading() as connection:
        return int(
            connection.scalar(sa.select(sa.func.count()).select_from(outbox).where(is_waiting)) or 0
        )
