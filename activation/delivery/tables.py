"""Runs, batches, withheld rows and leases in the operational database."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from tellerline.state import METADATA


class RunState(StrEnum):
    """Where a run is."""

    STARTED = "started"
    FINISHED = "finished"


class BatchState(StrEnum):
    """Where a batch is.

    `SENT` says that bytes may have left and no answer is recorded; `SUPERSEDED` that others took
    their place, because consent was withdrawn meanwhile.
    """

    PLANNED = "planned"
    SENT = "sent"
    DONE = "done"
    SPLIT = "split"
    SUPERSEDED = "superseded"


runs = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String(26), primary_key=True),
    sa.Column("plan_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("segment_id", sa.String(63), nullable=False),
    sa.Column("destination_id", sa.String(63), nullable=False),
    sa.Column("request_id", sa.String(26), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", sa.String(24), nullable=False),
    sa.Column("finished_at", sa.String(24), nullable=False, default=""),
    sa.Column("summary", sa.Text, nullable=False, default=""),
    sa.Column("outcomes_sha256", sa.String(64), nullable=False, default=""),
)

batches = sa.Table(
    "batches",
    METADATA,
    sa.Column("run_id", sa.String(26), sa.ForeignKey("runs.run_id"), primary_key=True),
    # Sorts by stage and place, halves of a split batch after one another.
    sa.Column("batch_id", sa.String(80), primary_key=True),
    sa.Column("stage", sa.String(40), nullable=False),
    sa.Column("first_seq", sa.Integer, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False, default=0),
    sa.Column("payload_bytes", sa.Integer, nullable=False, default=0),
    sa.Column("payload_sha256", sa.String(64), nullable=False, default=""),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("status_code", sa.Integer, nullable=False, default=0),
    # JSON: {"outcome", "ids": {key: id}, "rejected": {key: reason}, "unknown": [key]}.
    sa.Column("answer", sa.Text, nullable=False, default=""),
    sa.Column("sent_at", sa.String(24), nullable=False, default=""),
    sa.Column("answered_at", sa.String(24), nullable=False, default=""),
)

withheld = sa.Table(
    "withheld",
    METADATA,
    sa.Column("run_id", sa.String(26), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    # Rows are withheld from this stage and from those after it.
    sa.Column("stage_number", sa.Integer, nullable=False),
    # A batch with the row was under way when the process died: it may have arrived.
    sa.Column("may_have_arrived", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(63), nullable=False),
    sa.Column("noticed_at", sa.String(24), nullable=False),
)

leases = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", sa.String(130), primary_key=True),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("holder", sa.String(80), nullable=False),
    sa.Column("host", sa.String(80), nullable=False),
    sa.Column("expires_at", sa.String(24), nullable=False),
)
