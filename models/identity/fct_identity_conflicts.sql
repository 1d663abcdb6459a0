with

persons as (
    select * from {{ ref('fct_person_members') }}
),

contacts as (
    select * from {{ ref('dim_contacts') }}
    where valid_to_date is null
),

links as (
    select * from {{ ref('fct_identity_links') }}
    where identifier_kind = 'email' and is_valid and valid_to_date is null
),

snapshots as (
    select * from {{ source('raw', 'account_snapshot') }}
    where
        account_id is not null
        and business_date = (
            select max(files.business_date)
            from {{ source('raw', 'account_snapshot') }} as files
            where files.business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
        )
        and {{ is_of_known_file() }}
),

owners as (
    select distinct
        snapshots.account_id,
        snapshots.member_id,
        persons.person_id,
        persons.member_standing
    from snapshots
    inner join persons on snapshots.member_id = persons.member_id
),

homes as (
    select
        member_id,
        {{ name_key('first_name', 'last_name') }} as name_key,
        lower(street_address) || '|' || substr(postal_code, 1, 5) as home,
        valid_from_date
    from contacts
),

-- Nearly every address is one member's: only the others are looked at.
contested as (
    select identifier_sha256
    from links
    group by identifier_sha256
    having count(*) > 1
),

claims as (
    select
        links.identifier_sha256,
        links.member_id,
        links.valid_from_date,
        persons.person_id,
        persons.member_standing,
        persons.member_standing not in ('business', 'minor') as is_adult,
        homes.name_key,
        homes.home
    from links
    inner join contested on links.identifier_sha256 = contested.identifier_sha256
    inner join persons on links.member_id = persons.member_id
    inner join homes on links.member_id = homes.member_id
),

shared as (
    select
        identifier_sha256,
        {{ joined_texts('member_id') }} as member_ids,
        count(*) as member_count,
        count(distinct person_id) as person_count,
        count(distinct case when is_adult then person_id end) as adult_count,
        count(distinct case when is_adult then name_key end) as name_count,
        count(distinct case when is_adult then coalesce(home, member_id) end) as home_count,
        bool_or(member_standing = 'business') as has_business,
        max(valid_from_date) as latest_claim_date
    from claims
    group by identifier_sha256
    having count(distinct person_id) > 1
),

-- How many of the adults who claim an address own one account together.
joint_accounts as (
    select
        claims.identifier_sha256,
        owners.account_id,
        count(distinct claims.person_id) as owner_count
    from claims
    inner join owners on claims.member_id = owners.member_id
    where claims.is_adult
    group by claims.identifier_sha256, owners.account_id
),

closest as (
    select
        identifier_sha256,
        max(owner_count) as owner_count
    from joint_accounts
    group by identifier_sha256
),

address_conflicts as (
    select
        case
            when shared.member_count > {{ var('maximum_claims') }} then 'many_claims'
            when shared.adult_count <= 1 and shared.has_business then 'business_and_owner'
            when shared.adult_count <= 1 then 'minor_and_adult'
            when closest.owner_count = shared.adult_count then 'joint_owners'
            when shared.name_count < shared.adult_count then 'namesakes'
            when shared.home_count = 1 then 'one_household'
            else 'strangers'
        end as conflict_kind,
        'email' as identifier_kind,
        shared.member_ids,
        shared.member_count,
        shared.person_count,
        shared.latest_claim_date
    from shared
    left join closest on shared.identifier_sha256 = closest.identifier_sha256
),

-- Those with whom a member owns accounts, and where they live.
co_owners as (
    select distinct
        owners.member_id as sharer_id,
        partners.member_id,
        partners.person_id,
        homes.home,
        homes.valid_from_date
    from owners
    inner join owners as partners
        on owners.account_id = partners.account_id and owners.person_id <> partners.person_id
    inner join homes on partners.member_id = homes.member_id
    where owners.member_standing <> 'business' and partners.member_standing <> 'business'
),

household_conflicts as (
    select
        'two_households' as conflict_kind,
        'postal_address' as identifier_kind,
        sharer_id || '|' || {{ joined_texts('member_id') }} as member_ids,
        count(*) + 1 as member_count,
        count(distinct person_id) + 1 as person_count,
        max(valid_from_date) as latest_claim_date
    from co_owners
    group by sharer_id
    having count(distinct home) > 1
),

conflicts as (
    select * from address_conflicts
    union all
    select * from household_conflicts
),

final as (
    select
        {{ text_sha256("conflict_kind || '|' || member_ids") }} as conflict_id,
        conflict_kind,
        conflict_kind in ('many_claims', 'namesakes', 'strangers', 'two_households') as needs_review,
        identifier_kind,
        member_ids,
        member_count,
        person_count,
        latest_claim_date
    from conflicts
)

select * from final
