"""Who claims which address, whose withdrawal binds it, and which of several claimants gets it.

An address is an identifier that leaves, compared without case; a postal address has the name in it.
Members share one when they live together, or when one person has two memberships.
"""

from __future__ import annotations

import duckdb

from activation.exclusions import Exclusion
from activation.plan.mapping import IDENTIFIER_COLUMNS, MEMBER_KEY, Mapping
from tellerline.sql import literal

# Only one of several claimants gets these.
UNIQUE_KINDS = ("email", "phone")


def make_identifiers(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Make the tables `claims` and `identifiers` from `identities`.

    `claims` has the addresses of several members: member_id, identifier_kind, address, is_sent
    (whether it is the one that would leave for the member). A claim counts even where the value
    is not valid: a withdrawal must not be lost for it. `identifiers` has one row a member: a
    column an identifier column, has_all, is_address_shared.
    """
    kinds = ", ".join(literal(kind) for kind in mapping.kinds) or "''"
    columns = [
        f"max(identifier_value) filter (where identifier_kind = {literal(kind)}) as {kind}"
        if IDENTIFIER_COLUMNS[kind] == (kind,)
        else ", ".join(
            f"max(identifier_value ->> {literal('$.' + column)}) "
            f"filter (where identifier_kind = {literal(kind)}) as {column}"
            for column in IDENTIFIER_COLUMNS[kind]
        )
        for kind in mapping.kinds
    ]
    connection.execute(f"""
        create or replace table sent_identifiers as
        select member_id, identifier_kind, min(identifier_value) as identifier_value
        from identities
        where is_valid and identifier_kind in ({kinds}) and identifier_value <> ''
        group by member_id, identifier_kind
    """)
    connection.execute(f"""
        create or replace table claims as
        with claimed as (
            select distinct member_id, identifier_kind, lower(identifier_value) as address
            from identities
            where identifier_kind in ({kinds}) and identifier_value <> ''
        ),
        contested as (
            select identifier_kind, address
            from claimed
            group by identifier_kind, address
            having count(*) > 1
        )
        select claimed.*, sent_identifiers.member_id is not null as is_sent
        from claimed
        inner join contested using (identifier_kind, address)
        left join sent_identifiers
            on claimed.member_id = sent_identifiers.member_id
            and claimed.identifier_kind = sent_identifiers.identifier_kind
            and claimed.address = lower(sent_identifiers.identifier_value)
    """)
    connection.execute(f"""
        create or replace table identifiers as
        select
            member_id,
            {", ".join(["member_id as " + MEMBER_KEY, *columns])},
            count(*) = {len(mapping.kinds)} as has_all,
            member_id in (select member_id from claims where is_sent) as is_address_shared
        from sent_identifiers
        group by member_id
    """)


def bound_members(withdrawn: str) -> str:
    """Return SQL of the members whose address somebody else has withdrawn: member_id, claimant_id.

    Args:
        withdrawn: SQL of the `member_id` of everybody whose withdrawal is in force.
    """
    return f"""
        with withdrawn as ({withdrawn}),
        refused as (
            select identifier_kind, address, min(member_id) as first_id, max(member_id) as last_id
            from claims
            where member_id in (select member_id from withdrawn)
            group by identifier_kind, address
        ),
        met as (
            select
                claims.member_id,
                if(first_id <> claims.member_id, first_id, last_id) as claimant_id
            from claims
            inner join refused using (identifier_kind, address)
            where claims.is_sent
        )
        select member_id, min(claimant_id) as claimant_id
        from met
        where claimant_id <> member_id
        group by member_id
    """


def give_addresses(connection: duckdb.DuckDBPyConnection, granted: str) -> None:
    """Let one member have each address, and exclude the other `candidates` that want it.

    Those compete who may be written to at all, whether this audience has them or not: a destination
    knows an address by one member, in all of its audiences. Who is at the destination already comes
    first, then the smaller id. With one kind of address that takes one round; where several leave,
    who loses one gives the others free for the next.

    Args:
        connection: Where `claims`, `candidates`, `bound`, `suppressed` and `acknowledged` are.
        granted: SQL of the `member_id` of everybody whose consent is in force.
    """
    connection.execute(_contest(granted))
    while connection.execute("select 1 from contest limit 1").fetchone():
        connection.execute(_ROUND)
        connection.execute("delete from contest where member_id in (select member_id from settled)")
        connection.execute(_EXCLUDE)


def _contest(granted: str) -> str:
    return f"""
create or replace table contest as
with reachable as (
    select member_id from ({granted}) as granted
    where
        member_id not in (select member_id from bound)
        and member_id not in (select member_id from suppressed)
        and member_id not in (select member_id from candidates where not is_reachable)
    union
    select member_id from candidates where excluded_reason is null
)
select
    claims.member_id,
    claims.identifier_kind,
    claims.address,
    acknowledged.member_id is null as is_new
from claims
inner join reachable on claims.member_id = reachable.member_id
left join acknowledged on claims.member_id = acknowledged.member_id
where
    claims.is_sent
    and claims.identifier_kind in ({", ".join(literal(kind) for kind in UNIQUE_KINDS)})
"""


# Who comes first at all its addresses gets them; whoever wanted one of those is out.
_ROUND = """
create or replace table settled as
with firsts as (
    select identifier_kind, address, min_by(member_id, (is_new, member_id)) as first_id
    from contest
    group by identifier_kind, address
),
compared as (
    select
        contest.*,
        bool_and(contest.member_id = first_id) over (partition by contest.member_id) as is_first
    from contest
    inner join firsts using (identifier_kind, address)
),
given as (
    select identifier_kind, address, member_id as holder_id
    from compared
    where is_first
)
select compared.member_id, nullif(min(given.holder_id), compared.member_id) as claimant_id
from compared
inner join given using (identifier_kind, address)
group by compared.member_id
"""
_EXCLUDE = f"""
update candidates
set excluded_reason = {literal(Exclusion.IDENTIFIER_SHARED)}, claimant_id = settled.claimant_id
from settled
where
    settled.member_id = candidates.member_id
    and settled.claimant_id is not null
    and candidates.excluded_reason is null
"""
