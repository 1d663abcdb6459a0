"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activation.cli.completion import (
    complete_destination,
    complete_plan,
    complete_request,
    complete_segment,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SegmentOption = Annotated[
    str,
    typer.Option(
        "--segment",
        "-s",
        help="Segment id, such as retention__dormant_digital.",
        autocompletion=complete_segment,
    ),
]
DestinationOption = Annotated[
    str,
    typer.Option(
        "--destination",
        "-d",
        help="Destination id of the register.",
        autocompletion=complete_destination,
    ),
]
KeyOption = Annotated[
    Path,
    typer.Option(
        "--key", "-k", help="Your OpenSSH private key, or a public key held by the agent."
    ),
]
PlanArgument = Annotated[
    str,
    typer.Argument(help="Plan id: its hash, or the start of it.", autocompletion=complete_plan),
]
RequestArgument = Annotated[
    str,
    typer.Argument(
        help="Request id, or its first 10 characters at least.", autocompletion=complete_request
    ),
]
