"""Open what a plan speaks of: its publication, its rows, its destination."""

from __future__ import annotations

import duckdb

from activation.context import Context
from activation.delivery.rows import RunRows
from activation.destinations.connection import Address, connect
from activation.destinations.declaration import DeliveryFacts, Destination
from activation.governance.register import read_register
from activation.plan.addresses import make_identifiers
from activation.plan.document import Plan
from activation.plan.mapping import mapping_of_plan
from activation.publication import Publication, open_version
from tellerline.secrets import resolve_secret


def publication_of(context: Context, plan: Plan) -> Publication:
    """Return the publication that a plan was made from."""
    pinned = plan.document["publication"]
    return open_version(context.settings.published, pinned["version"], pinned["manifest_sha256"])


def open_rows(
    plan: Plan, publication: Publication, connection: duckdb.DuckDBPyConnection
) -> RunRows:
    """Return the rows of a plan, from its pinned publication, in `connection`."""
    mapping = mapping_of_plan(plan.document)
    for name in ("identities", "attributes"):
        publication.view(connection, name, name)
    make_identifiers(connection, mapping)
    return RunRows(connection, plan.verified_rows(), mapping)


def open_destination(
    context: Context, plan: Plan, run_id: str = "", started_at: str = ""
) -> Destination:
    """Return the destination of a plan, connected with the fields and options of that plan.

    Raises:
        CredentialsError: The register's secret reference leads nowhere.
    """
    settings, document = context.settings, plan.document
    register = read_register(settings.governance, settings.environment)
    entry = register.entry(plan.destination_id)
    credential = (
        resolve_secret(entry.credentials, settings.environment, settings.project)
        if entry.credentials
        else ""
    )
    address = Address(
        name=plan.destination_id,
        type=document["destination"]["type"],
        base_url=entry.base_url,
        credential=credential,
        options=document["destination"]["options"],
        limits=entry.limits.by_name(),
    )
    facts = DeliveryFacts(
        run_id=run_id,
        segment_id=plan.segment_id,
        segment_title=str(document["segment"]["title"]),
        business_date=str(document["business_date"]),
        started_at=started_at,
    )
    return connect(address, facts, mapping_of_plan(document).fields)
