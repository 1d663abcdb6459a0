"""Switches for what the public reference leaves open.

Where sources agree the simulators have one behaviour. Where they contradict each other, or say
nothing, the behaviour is one of these switches, and its default is the one that is hardest on a
client. `--quirk name=value` sets one at the start, `PUT /_sandbox/quirks` at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.destinations.errors import SandboxError


class Quirks(BaseModel):
    """What the simulators do where the reference is silent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sparse_errors: bool = Field(
        default=False,
        description="Leave out the error fields that HubSpot's own samples leave out.",
    )
    echo_trace_ids: bool = Field(
        default=False, description="Repeat objectWriteTraceId in the results of an upsert."
    )
    result_order: Literal["descending_id", "input"] = Field(
        default="descending_id", description="Order of results; HubSpot promises none."
    )
    unknown_property: Literal["batch", "record"] = Field(
        default="batch",
        description="An unknown property fails the batch, or, with trace ids, its record only.",
    )
    dated_partial_status: Literal[200, 207] = Field(
        default=200, description="Status of a partial failure on 2026-09."
    )
    partial_upsert_by_email: Literal["reject", "blank", "keep"] = Field(
        default="reject",
        description="What an upsert by email does about properties that it leaves out.",
    )
    added_spelling: Literal["recordsIdsAdded", "recordIdsAdded"] = Field(
        default="recordsIdsAdded", description="Spelling in the answers to membership calls."
    )
    empty_lists: Literal["omit", "include"] = Field(
        default="omit", description="Whether membership answers hold empty lists."
    )
    membership_limit: int = Field(
        default=100_000, ge=1, description="Record ids that one membership call may carry."
    )
    whole_list_limit: int = Field(
        default=100_000, ge=1, description="Members from which a list is not cleared or copied."
    )
    subscription_batch_limit: int = Field(
        default=100, ge=1, description="Inputs that one subscription batch may carry."
    )
    resubscribe: Literal["refuse", "allow"] = Field(
        default="refuse", description="Subscribing someone who opted out by himself."
    )
    data_privacy: bool = Field(
        default=False, description="The portal's data-privacy setting: legalBasis is mandatory."
    )
    list_size_lag: float = Field(default=0.0, ge=0, description="Seconds by which list.size lags.")
    search_lag: float = Field(default=1.0, ge=0, description="Seconds until search sees a write.")
    access_token_seconds: int = Field(default=1800, ge=1, description="Life of an OAuth token.")
    refuse_formulas: bool = Field(
        default=False, description="The mail house rejects cells that a spreadsheet would run."
    )


def changed(quirks: Quirks, values: dict[str, object]) -> Quirks:
    """Return `quirks` with `values` put over it; text is read as the field's type.

    Raises:
        SandboxError: A name or a value is not one of those above.
    """
    try:
        return Quirks.model_validate(quirks.model_dump() | values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        msg = f"Unusable quirk: {problems}. Known quirks: {', '.join(Quirks.model_fields)}."
        raise SandboxError(msg) from error


def parse_options(options: Iterable[str]) -> dict[str, object]:
    """Read `name=value` options.

    Raises:
        SandboxError: An option has no `=`.
    """
    values: dict[str, object] = {}
    for option in options:
        name, separator, value = option.partition("=")
        if not separator:
            msg = f"--quirk {option}: write it as name=value."
            raise SandboxError(msg)
        values[name] = int(value) if value.isdecimal() else value
    return values
