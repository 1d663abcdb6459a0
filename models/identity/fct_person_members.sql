with recursive

links as (
    select * from {{ ref('fct_identity_links') }}
    where valid_to_date is null
),

contacts as (
    select * from {{ ref('dim_contacts') }}
    where valid_to_date is null
),

snapshots as (
    select * from {{ source('raw', 'account_snapshot') }}
    where
        business_date = (
            select max(files.business_date)
            from {{ source('raw', 'account_snapshot') }} as files
            where files.business_date <= {{ as_of_date() }}
        )
),

facts as (
    select
        member_id,
        max(member_type) as member_type,
        max(birth_year) as birth_year,
        min(member_since_date) as member_since_date,
        bool_or(is_minor) as is_minor,
        bool_or(ownership_role = 'joint') and not bool_or(coalesce(ownership_role, '') = 'primary')
            as is_joint_only
    from snapshots
    group by member_id
),

members as (
    select
        contacts.member_id,
        facts.member_since_date,
        case
            when facts.member_id is null then 'absent'
            when facts.member_type = 'business' then 'business'
            when facts.is_minor then 'minor'
            when facts.is_joint_only then 'joint_owner'
            else 'individual'
        end as member_standing,
        {{ name_key('contacts.first_name', 'contacts.last_name') }}
        || '|' || cast(facts.birth_year as string) as person_key
    from contacts
    left join facts on contacts.member_id = facts.member_id
),

-- Adults alone can be one person in two memberships: a child has the address of a parent, and a
-- business that of its owner.
claims as (
    select
        links.member_id,
        links.identifier_kind,
        links.identifier_sha256,
        members.person_key,
        members.member_since_date,
        count(*) over (partition by links.identifier_kind, links.identifier_sha256) as claim_count
    from links
    inner join members on links.member_id = members.member_id
    where
        links.is_valid
        and links.identifier_kind in ('email', 'device')
        and members.member_standing in ('individual', 'joint_owner')
        and members.person_key is not null
),

-- What many claim belongs to nobody: a placeholder, or a device in a branch.
matches as (
    select
        member_id,
        identifier_kind,
        first_value(member_id) over same_person as first_member_id,
        count(*) over (partition by identifier_kind, identifier_sha256, person_key) as matched_count
    from claims
    where claim_count <= {{ var('maximum_claims') }}
    window same_person as (
        partition by identifier_kind, identifier_sha256, person_key
        order by member_since_date, member_id
    )
),

edges as (
    select
        member_id,
        first_member_id as other_member_id
    from matches
    where matched_count > 1
    union
    select
        first_member_id as member_id,
        member_id as other_member_id
    from matches
    where matched_count > 1
),

-- Whom a member reaches from match to match.
walks as (
    select
        member_id,
        other_member_id
    from edges
    union
    select
        walks.member_id,
        edges.other_member_id
    from walks
    inner join edges on walks.other_member_id = edges.member_id
),

ranked as (
    select
        walks.member_id,
        walks.other_member_id as person_id,
        row_number() over (
            partition by walks.member_id
            order by members.member_since_date, walks.other_member_id
        ) as age_rank,
        count(*) over (partition by walks.member_id) as membership_count
    from walks
    inner join members on walks.other_member_id = members.member_id
),

-- The first pass that tied the member to others.
passes as (
    select
        member_id,
        min(case identifier_kind when 'email' then 2 else 3 end) as precedence
    from matches
    where matched_count > 1
    group by member_id
),

final as (
    select
        members.member_id,
        coalesce(ranked.person_id, members.member_id) as person_id,
        members.member_standing,
        case passes.precedence
            when 2 then 'hashed_email'
            when 3 then 'device'
            else 'core_member_number'
        end as resolution_rule,
        coalesce(passes.precedence, 1) as precedence,
        case passes.precedence
            when 2 then 'same email address, name and year of birth'
            when 3 then 'same device, name and year of birth'
            else 'contact data'
        end as evidence,
        coalesce(ranked.membership_count, 1) as membership_count
    from members
    left join ranked on members.member_id = ranked.member_id and ranked.age_rank = 1
    left join passes on members.member_id = passes.member_id
)

select * from final
