"""`python -m sandbox serve`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sandbox.destinations.errors import SandboxError
from sandbox.destinations.limits import Limits
from sandbox.destinations.quirks import Quirks, changed, parse_options

EXAMPLE = """
Start strict doubles of HubSpot and of a mail house's drop folder.

Example: python -m sandbox serve --drop .demo/mailhouse --state .demo/sandbox --port 8089

One line of JSON on standard output says where it listens once it answers. SIGTERM ends it.
HubSpot's paths start at the base URL (OAuth app: sandbox-client / sandbox-secret, refresh token
sandbox-refresh-token); /_sandbox/health, requests, contacts, lists, subscriptions, drop show what
it holds; /_sandbox/faults (POST a list of rules, DELETE) makes it misbehave.
"""


def _quirk_help() -> str:
    names = ", ".join(f"{name} ({field.default})" for name, field in Quirks.model_fields.items())
    return f"name=value; what to do where the reference is silent: {names}."


def serve(  # noqa: PLR0917 - typer reads options from the parameters
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    drop: Annotated[
        Path | None, typer.Option(help="Folder of the mail house; made if missing.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder that keeps what it holds for the next start.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Also write the readiness line here.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="SANDBOX_HUBSPOT_TOKEN", help="HubSpot's static bearer token.")
    ] = "pat-na1-sandbox",  # noqa: S107 - a simulator's, stated in its help
    scope: Annotated[
        list[str] | None, typer.Option(help="Scope of the tokens; repeatable. Default: all.")
    ] = None,
    no_limits: Annotated[
        bool, typer.Option("--no-limits", help="Switch rate limits off, for benchmarks.")
    ] = False,
    rate_limit: Annotated[int, typer.Option(help="HubSpot requests per 10 seconds.")] = 190,
    oauth_rate_limit: Annotated[int, typer.Option(help="The same for OAuth tokens.")] = 110,
    search_limit: Annotated[int, typer.Option(help="HubSpot searches per second.")] = 5,
    daily_limit: Annotated[int, typer.Option(help="HubSpot requests per day.")] = 625_000,
    poll_interval: Annotated[
        int, typer.Option(help="Milliseconds between looks into the drop folder.")
    ] = 50,
    quirk: Annotated[list[str] | None, typer.Option(help=_quirk_help())] = None,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file with a list of fault rules to start with.")
    ] = None,
    stop_with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="End when standard input is closed.")
    ] = False,
) -> None:
    """Start the destination simulators."""
    # The web server is imported here so that other commands start without it.
    from sandbox.destinations.hubspot.accounts import ALL_SCOPES  # noqa: PLC0415 - see above
    from sandbox.destinations.server import ServerOptions  # noqa: PLC0415 - see above
    from sandbox.destinations.server import serve as run  # noqa: PLC0415 - see above

    try:
        options = ServerOptions(
            host=host,
            port=port,
            drop=drop,
            state=state,
            ready_file=ready_file,
            token=token,
            scopes=frozenset(scope) if scope else ALL_SCOPES,
            limits=Limits(not no_limits, rate_limit, oauth_rate_limit, search_limit, daily_limit),
            quirks=changed(Quirks(), parse_options(quirk or [])),
            faults=json.loads(faults.read_text(encoding="utf-8")) if faults else [],
            poll_seconds=poll_interval / 1000,
            stop_with_stdin=stop_with_stdin,
        )
        run(options)
    except (SandboxError, OSError, json.JSONDecodeError) as error:
        sys.stderr.write(f"sandbox serve: {error}\n")
        raise typer.Exit(2) from error


serve.__doc__ = EXAMPLE
