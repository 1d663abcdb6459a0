"""A small installation for tests: keys, people, register, consent journal and publications.

Publications are written here by hand in their public format, so that tests of activation need no
dbt. Members are `m0001…`-like pseudonyms; member N has the e-mail `memberN@example.com`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activation.approvals.desk import ask_approval, decide
from activation.approvals.request import Envelope
from activation.context import Context
from activation.delivery.summary import DeliverySummary
from activation.delivery.sync import send_plan
from activation.installation import initialise
from activation.plan.document import Plan
from activation.plan.planner import make_plan
from tellerline.canonical import canonical_json
from tellerline.clock import Clock, new_id
from tellerline.consent_journal import ConsentJournal
from tellerline.outbox import Actor, Reporter
from tellerline.scratch import scratch_database
from tellerline.settings import Settings
from tellerline.state import State

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MAKER, CHECKER, OTHER = "maker@bank.example", "checker@bank.example", "other@bank.example"
SEGMENT = "retention__dormant_digital"

ROLES = f"""
people:
  {MAKER}: {{name: Morgan Maker, team: marketing, roles: [segment_maker, marketing_approver]}}
  {CHECKER}:
    name: Casey Checker
    team: compliance
    roles: [marketing_approver, compliance_approver, credit_approver]
  {OTHER}: {{name: Olly Other, team: marketing, roles: [segment_maker]}}
"""

# Patient enough for a fault or two, and quick about it.
LIMITS: dict[str, Any] = {"attempts": 4, "first_pause_milliseconds": 2, "settle_seconds": 1}
ENTRY: dict[str, Any] = {
    "owner": "marketing_operations",
    "relationship": "service_provider",
    "contract": {"reference": "MSA-1", "expires_on": "2027-12-31"},
    "due_diligence_on": "2026-06-30",
    "purposes": ["product_marketing", "credit_offers"],
    "limits": LIMITS,
    "guards": {"maximum_removal_ratio": 1, "minimum_consent_ratio": 0},
}
POSTAL = ("first_name", "last_name", "street_address", "city", "state", "postal_code")
REGISTER: dict[str, Any] = {
    "hubspot": ENTRY
    | {
        "type": "hubspot",
        "title": "Portal",
        "channel": "email",
        "base_url": "https://api.hubapi.com",
        "credentials": "env:TELLERLINE_HUBSPOT_TOKEN",
        "options": {
            "api_version": "2026-09",
            "key_property": "tellerline_member_key",
            "subscription_id": 1001,
        },
        "fields": {
            "email": {"identifier": "email"},
            "tellerline_tenure_band": {"attribute": "tenure_band"},
        },
    },
    "mailhouse": ENTRY
    | {
        "type": "file_drop",
        "title": "Mail house",
        "channel": "direct_mail",
        "base_url": "file:///nowhere",
        "options": {"form": "delta", "acknowledgement": "required", "wait_seconds": 20},
        "fields": {column: {"identifier": column} for column in POSTAL}
        | {"tenure_band": {"attribute": "tenure_band"}},
    },
}

SEGMENT_FACTS: dict[str, Any] = {
    "title": "Dormant digital",
    "owner": "retention",
    "purpose": "product_marketing",
    "goal_kli": "behaviour__recent_login",
    "legal_basis": "consent",
    "channels": ["email", "direct_mail"],
    "destinations": {"hubspot": ["tenure_band"], "mailhouse": ["tenure_band"]},
    "sensitivity": "internal",
    "credit_related": False,
    "holdout_ratio": "0.1",
    "frequency_cap": {"maximum_touches": 3, "window_days": 30},
    "minimum_size": 1,
    "maximum_size": 1_000_000,
    "expires_on": "2027-06-30",
    "version": "1.0.0",
}


@dataclass
class TickingClock:
    """Moves on by a millisecond at each look, so that entries sort and signing never waits."""

    at: datetime = START

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@dataclass
class Installation:
    """Everything that a test of activation works with."""

    settings: Settings
    state: State
    clock: Clock
    keys: dict[str, Path]
    facts: dict[str, Any] = field(default_factory=lambda: dict(SEGMENT_FACTS))

    def context(self, actor: str = MAKER) -> Context:
        reporter = Reporter(self.clock, Actor(actor, "person"), "git:test")
        return Context(self.settings, self.state, reporter, self.clock)


def member(number: int) -> str:
    """Return the pseudonym of member `number`."""
    return hashlib.sha256(f"member {number}".encode()).hexdigest()


def make_installation(home: Path, clock: Clock, environment: dict[str, str]) -> Installation:
    """Make keys, people, register and policies below `home`."""
    project = Path(__file__).parents[2]
    governance = home / "governance"
    (governance / "policies").mkdir(parents=True)
    (governance / "approvals").mkdir()
    for path in (project / "governance" / "policies").glob("*.yml"):
        (governance / "policies" / path.name).write_bytes(path.read_bytes())
    (governance / "roles.yml").write_text(ROLES)
    settings = Settings(
        project=project,
        home=home / "state",
        governance=governance,
        landing=home / "landing",
        environment={"TELLERLINE_HUBSPOT_TOKEN": "test-token", **environment},
    )
    initialise(settings, "ledger.tellerline.example/test")
    made = Installation(settings, State(settings.state), clock, {})
    for principal in (MAKER, CHECKER, OTHER):
        made.keys[principal] = add_key(made, principal, principal)
    write_register(made)
    return made


def write_register(installation: Installation, **changes: dict[str, Any]) -> None:
    """Write the register, with changed entries by destination; nested documents are merged."""
    destinations = {name: merge(REGISTER[name], changes.get(name, {})) for name in REGISTER}
    # JSON is YAML too.
    text = json.dumps({"destinations": destinations}, indent=2)
    (installation.settings.governance / "destinations.yml").write_text(text)


def merge(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `document` with `changes` put over it, level by level."""
    merged = dict(document)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge(merged[name], value) if both else value
    return merged


def add_key(installation: Installation, principal: str, name: str, options: str = "") -> Path:
    """Make a key of `principal`, list it in allowed_signers and return its path.

    Args:
        installation: Where.
        principal: Whose key it is.
        name: Tells the person's keys apart.
        options: Options of the line, such as `valid-before="20261121Z"`.
    """
    private, public = key_pair(name)
    path = installation.settings.governance.parent / f"key-{name.partition('@')[0]}"
    path.write_bytes(private)
    path.chmod(0o600)
    path.with_suffix(".pub").write_bytes(public)
    line = " ".join([principal, *([options] if options else []), *public.decode().split()[:2]])
    with (installation.settings.governance / "allowed_signers").open("a") as signers:
        signers.write(f"{line}\n")
    return path


@functools.cache
def key_pair(name: str) -> tuple[bytes, bytes]:
    """Return the private and public OpenSSH key of that name, one pair a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        make_key(path)
        return path.read_bytes(), path.with_suffix(".pub").read_bytes()


def make_key(path: Path) -> None:
    """Make an OpenSSH key pair at `path` and `path`.pub."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)],
        check=True,
    )


def publish(
    installation: Installation,
    members: int,
    *,
    audience: str = "true",
    attributes: str = "'over_5_years'",
    tables: dict[str, str] | None = None,
    version: str = "1.0.0",
    fingerprint: str = "f" * 64,
    lineage_tags: dict[str, str] | None = None,
) -> str:
    """Write a publication of members 1…N in its public format and return its version.

    Args:
        installation: Where.
        members: How many members there are; all have consent for e-mail and direct mail.
        audience: SQL condition on `n` that selects the segment.
        attributes: SQL expression on `n` of the attribute `tenure_band`.
        tables: SQL queries that replace datasets by name.
        version: The segment's version.
        fingerprint: The segment's fingerprint.
        lineage_tags: Law tags upstream of the segment, with the path of one example.
    """
    release = new_id(installation.clock)
    folder = installation.settings.published / release
    (folder / "audiences").mkdir(parents=True)
    queries = default_queries(audience, attributes) | (tables or {})
    files: dict[str, Any] = {}
    with scratch_database() as connection:
        connection.execute(
            "create table people as select n, sha256('member ' || n) as member_id "
            f"from range(1, {members + 1}) as t(n)"
        )
        for dataset, query in queries.items():
            name = f"audiences/{SEGMENT}.parquet" if dataset == "audience" else f"{dataset}.parquet"
            connection.execute(f"copy ({query}) to '{folder / name}' (format parquet)")
            row = connection.execute(f"select count(*) from '{folder / name}'").fetchone()
            key = f"audience:{SEGMENT}" if dataset == "audience" else dataset
            files[key] = {
                "bytes": (folder / name).stat().st_size,
                "file": name,
                "rows": row[0],
                "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            }
    manifest = {
        "business_date": "2026-11-19",
        "dbt_built_at": "2026-11-20T00:00:00Z",
        "dbt_invocation": "test",
        "files": files,
        "published_at": "2026-11-20T00:00:00.000Z",
        "segments": {
            SEGMENT: {
                "facts": installation.facts,
                "fingerprint": fingerprint,
                "lineage_tags": lineage_tags or {},
                "members": files[f"audience:{SEGMENT}"]["rows"],
                "version": version,
            }
        },
        "v": 1,
        "version": release,
    }
    data = canonical_json(manifest)
    (folder / "manifest.json").write_bytes(data)
    (installation.settings.published / "CURRENT").write_text(
        f"{release} {hashlib.sha256(data).hexdigest()}\n"
    )
    return release


def default_queries(audience: str = "true", attributes: str = "'over_5_years'") -> dict[str, str]:
    """Return the query of each dataset over `people` (n, member_id)."""
    grant = (
        "true as is_granted, timestamp '2026-01-01' as effective_at, "
        "timestamp '2026-01-01' as recorded_at, 'branch' as source, 'v1' as text_version, "
    )
    return {
        "audience": f"select member_id, 'has not come for months' as reason from people "
        f"where {audience}",
        "consents": "select member_id, channel, 'product_marketing' as purpose, "
        f"{grant} 'cns_' || channel || '_' || n as consent_event_id from people, "
        "(values ('email'), ('direct_mail')) as c(channel)",
        "suppressions": "select member_id, 'all' as channel, 'none' as suppression_reason, "
        "date '2026-01-01' as since_date from people where false",
        "caps": "select member_id, 'email' as channel, date '2026-01-01' as touched_date, "
        "1::bigint as touch_count from people where false",
        "holdouts": f"select '{SEGMENT}' as segment_id, member_id from people where false",
        "identities": "select member_id, 'email' as identifier_kind, "
        "'member' || n || '@example.com' as identifier_value, true as is_valid, "
        "'core' as resolution_rule, 'feed' as evidence from people union all "
        "select member_id, 'postal_address', to_json({'first_name': 'First' || n, "
        "'last_name': 'Last, \"' || n || '\"', 'street_address': n || ' Elm St', "
        "'city': 'Austin', 'state': 'TX', 'postal_code': '78701'})::varchar, true, 'core', 'feed' "
        "from people",
        "attributes": f"select member_id, {attributes} as tenure_band from people",
        "dict_attributes": "select 'act_attributes' as model_name, 'tenure_band' as "
        "attribute_name, 'internal' as sensitivity, []::varchar[] as law_tags, "
        "['hubspot', 'mailhouse'] as allowed_destinations",
    }


def append_consents(installation: Installation, name: str, query: str) -> None:
    """Append the rows of `query`: member number n, channel, action, effective_at.

    Further columns of the query replace the defaults: purpose, recorded_at, text_version.
    """
    folder = installation.settings.consent_journal
    folder.mkdir(parents=True, exist_ok=True)
    source = hashlib.sha256(name.encode()).hexdigest()
    path = folder / f"{name}.parquet"
    with scratch_database() as connection:
        connection.execute(
            f"copy (select 'cns_' || channel || '_' || n || '{name}' as consent_event_id, "
            "sha256('member ' || n) as member_id, channel, "
            "coalesce(purpose, 'product_marketing') as purpose, action, effective_at, "
            "coalesce(recorded_at, effective_at) as recorded_at, 'branch' as source, "
            "coalesce(text_version, 'v1') as text_version, "
            "repeat('a', 64) as file_sha256, n::bigint as line_number "
            f"from (from ({query}) union all by name select null::varchar as purpose, "
            "null::timestamp as recorded_at, null::varchar as text_version where false)) "
            f"to '{path}' (format parquet)"
        )
        row = connection.execute(f"select count(*) from '{path}'").fetchone()
    ConsentJournal(folder).append(path, source, row[0], installation.clock)


def grant_all(installation: Installation, members: int) -> None:
    """Let members 1…N consent to e-mail and direct mail."""
    append_consents(
        installation,
        "grants",
        "select n, channel, 'grant' as action, timestamp '2026-01-01' as effective_at "
        f"from range(1, {members + 1}) as t(n), (values ('email'), ('direct_mail')) as c(channel)",
    )


def withdraw(installation: Installation, numbers: list[int], name: str = "withdrawals") -> None:
    """Let members withdraw their consent to e-mail, with effect at once."""
    values = ", ".join(f"({number})" for number in numbers)
    append_consents(
        installation,
        name,
        "select n, 'email' as channel, 'withdraw' as action, timestamp '2026-11-20' as "
        f"effective_at from (values {values}) as t(n)",
    )


def approve(installation: Installation, made: Plan, envelope: Envelope | None = None) -> str:
    """Let the maker ask for the plan and the checker approve, and return the request's id."""
    request = ask_approval(
        installation.context(MAKER),
        made,
        installation.keys[MAKER],
        valid_for=timedelta(days=7),
        envelope=envelope,
    )
    checker = installation.context(CHECKER)
    decide(checker, request.request_id, installation.keys[CHECKER], "approve")
    return request.request_id


def plan(installation: Installation, destination: str = "hubspot") -> Plan:
    """Plan the segment for a destination."""
    return make_plan(installation.context(), SEGMENT, destination)


def send(installation: Installation, destination: str = "hubspot") -> DeliverySummary:
    """Plan, approve and send the segment."""
    made = plan(installation, destination)
    if made.changes:
        approve(installation, made)
    return send_plan(installation.context(), made)
