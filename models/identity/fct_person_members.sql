with

links as (
    select * from {{ ref('fct_identity_links') }}
    where valid_to_date is null
),

contacts as (
    select * from {{ ref('dim_contacts') }}
    where valid_to_date is null
),

facts as (
    select
        *,
        member_status = 'absent' as is_absent
    from {{ ref('dim_members') }}
),

roles as (
    select
        member_id,
        bool_or(ownership_role = 'joint') and not bool_or(coalesce(ownership_role, '') = 'primary')
            as is_joint_only
    from {{ ref('fct_account_owners') }}
    group by member_id
),

-- Members without contact data too, and contact data of whom no snapshot has shown yet.
members as (
    select
        coalesce(facts.member_id, contacts.member_id) as member_id,
        facts.member_since_date,
        case
            when coalesce(facts.is_absent, true) then 'absent'
            when facts.member_type = 'business' then 'business'
            when facts.is_minor then 'minor'
            when roles.is_joint_only then 'joint_owner'
            else 'individual'
        end as member_standing,
        contacts.member_id is not null as has_contact_data,
        {{ name_key('contacts.first_name', 'contacts.last_name') }}
        || '|' || cast(facts.birth_year as string) as person_key
    from facts
    full outer join contacts on facts.member_id = contacts.member_id
    left join roles on facts.member_id = roles.member_id
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
        identifier_sha256,
        identifier_kind || '|' || identifier_sha256 || '|' || person_key as evidence_id,
        {{ membership_label('member_since_date', 'member_id') }} as label
    from claims
    where claim_count between 2 and {{ var('maximum_claims') }}
),

compared_evidence as (
    select
        *,
        count(*) over (partition by evidence_id) as match_count,
        min(label) over (partition by evidence_id) as oldest_label,
        lead(label) over (partition by evidence_id order by label) as next_label
    from evidence
),

-- The partner is the oldest other membership that shares it.
ties as (
    select
        member_id,
        evidence_id,
        label,
        case identifier_kind when 'email' then 2 else 3 end as precedence,
        case identifier_kind when 'email' then 'same email address ' else 'same device ' end
        || identifier_sha256
        || ', name and year of birth as '
        || {{ labelled_member("case label when oldest_label then next_label else oldest_label end") }}
            as evidence
    from compared_evidence
    where match_count > 1
),

{{ settled_labels('feeds', 'ties') }},

-- The first pass that ties the member to others.
ranked_ties as (
    select
        *,
        row_number() over (partition by member_id order by precedence, evidence) as tie_rank
    from ties
),

passes as (
    select * from ranked_ties
    where tie_rank = 1
),

-- Who hangs in a chain without end is in two persons, never in a wrong one.
persons as (
    select
        members.member_id,
        members.member_standing,
        members.has_contact_data,
        passes.precedence,
        passes.evidence,
        case
            when settled.is_settled then {{ labelled_member('settled.label') }}
            else members.member_id
        end as person_id,
        case when not settled.is_settled then {{ labelled_member('settled.label') }} end as chain_id
    from members
    left join passes on members.member_id = passes.member_id
    left join feeds_settled as settled on members.member_id = settled.member_id
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
            when membership_count = 1 and has_contact_data then 'contact data'
            when membership_count = 1 then 'no contact data'
            else evidence
        end as evidence,
        membership_count,
        chain_id
    from counted
)

select * from final
