with

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
            where files.business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
        )
        and {{ is_of_known_file() }}
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

-- What many claim belongs to nobody: a placeholder, or a device in a branch. What one member alone
-- claims, as nearly all do, ties nobody.
evidence as (
    select
        member_id,
        identifier_kind,
        identifier_kind || '|' || identifier_sha256 || '|' || person_key as evidence_id,
        cast(member_since_date as string) || '|' || member_id as label_0
    from claims
    where claim_count between 2 and {{ var('maximum_claims') }}
),

counted_evidence as (
    select
        *,
        count(*) over (partition by evidence_id) as match_count
    from evidence
),

shared_evidence as (
    select * from counted_evidence
    where match_count > 1
),

-- The oldest membership that each one reaches, one match further in every round. Identifiers that
-- tie the memberships of one person in a longer chain leave them in two persons, never in a wrong one.
{% for round in range(1, 5) -%}
met_{{ round }} as (
    select
        member_id,
        identifier_kind,
        evidence_id,
        min(label_{{ round - 1 }}) over (partition by evidence_id) as label_met
    from {{ 'shared_evidence' if round == 1 else 'reached_' ~ (round - 1) }}
),

reached_{{ round }} as (
    select
        member_id,
        identifier_kind,
        evidence_id,
        min(label_met) over (partition by member_id) as label_{{ round }}
    from met_{{ round }}
),

{% endfor -%}
-- The first pass that ties the member to others.
tied as (
    select
        member_id,
        substr(min(label_4), 12) as person_id,
        min(case identifier_kind when 'email' then 2 else 3 end) as precedence
    from reached_4
    group by member_id
),

persons as (
    select
        members.member_id,
        members.member_standing,
        tied.precedence,
        coalesce(tied.person_id, members.member_id) as person_id
    from members
    left join tied on members.member_id = tied.member_id
),

counted as (
    select
        *,
        count(*) over (partition by person_id) as membership_count
    from persons
),

final as (
    select
        member_id,
        person_id,
        member_standing,
        case
            when membership_count = 1 then 'core_member_number'
            when precedence = 2 then 'hashed_email'
            else 'device'
        end as resolution_rule,
        case when membership_count = 1 then 1 else precedence end as precedence,
        case
            when membership_count = 1 then 'contact data'
            when precedence = 2 then 'same email address, name and year of birth'
            else 'same device, name and year of birth'
        end as evidence,
        membership_count
    from counted
)

select * from final
