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

-- Persons whom somebody told apart, each pair in both orders.
decisions as (
    select
        member_id,
        other_member_id as partner_id,
        decided_by,
        decided_date,
        decision_reason
    from {{ ref('fct_identity_reviews') }}
    where decision = 'different'
    union all
    select
        other_member_id as member_id,
        member_id as partner_id,
        decided_by,
        decided_date,
        decision_reason
    from {{ ref('fct_identity_reviews') }}
    where decision = 'different'
),

told_apart as (
    select
        persons.person_id,
        partners.person_id as partner_id,
        max(
            'told apart by ' || decisions.decided_by || ' on '
            || cast(decisions.decided_date as string) || ': ' || decisions.decision_reason
        ) as decision_text
    from decisions
    inner join persons on decisions.member_id = persons.member_id
    inner join persons as partners on decisions.partner_id = partners.member_id
    where persons.person_id <> partners.person_id
    group by persons.person_id, partners.person_id
),

owners as (
    select
        ownerships.account_id,
        ownerships.member_id,
        persons.person_id,
        persons.member_standing
    from {{ ref('fct_member_roles') }} as ownerships
    inner join persons on ownerships.member_id = persons.member_id
    where ownerships.account_id is not null
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
        persons.member_standing = 'business' as is_business,
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
        bool_or(is_business) as has_business,
        max(valid_from_date) as latest_claim_date
    from claims
    group by identifier_sha256
    having count(distinct person_id) > 1
),

-- What many claim is told to a person as it is; of the others every pair is looked at.
few_claims as (
    select
        claims.*,
        shared.adult_count,
        shared.has_business
    from claims
    inner join shared on claims.identifier_sha256 = shared.identifier_sha256
    where shared.member_count <= {{ var('maximum_claims') }}
),

-- Homes and accounts of those who claim an address, and who has one of them in common.
bonds as (
    select
        identifier_sha256,
        person_id,
        is_adult,
        is_business,
        'home' as bond_kind,
        home as bond
    from few_claims
    where home is not null
    union all
    select
        few_claims.identifier_sha256,
        few_claims.person_id,
        few_claims.is_adult,
        few_claims.is_business,
        'account' as bond_kind,
        owners.account_id as bond
    from few_claims
    inner join owners on few_claims.member_id = owners.member_id
),

bonded as (
    select
        bonds.identifier_sha256,
        bonds.person_id,
        partners.person_id as partner_id,
        bool_or(bonds.is_adult) as is_adult,
        bool_or(bonds.is_business) as is_business,
        bool_or(partners.is_adult) as is_partner_adult,
        bool_or(bonds.bond_kind = 'account') as has_common_account,
        bool_or(bonds.bond_kind = 'home') as has_common_home
    from bonds
    inner join bonds as partners
        on
            bonds.identifier_sha256 = partners.identifier_sha256
            and bonds.bond_kind = partners.bond_kind
            and bonds.bond = partners.bond
            and bonds.person_id <> partners.person_id
    group by bonds.identifier_sha256, bonds.person_id, partners.person_id
),

-- A minor belongs to an adult by an account or a home; a business by an account alone, because many
-- have their seat in one house.
dependants as (
    select distinct
        identifier_sha256,
        person_id
    from bonded
    where
        not is_adult
        and is_partner_adult
        and (has_common_account or (has_common_home and not is_business))
),

pairs as (
    select
        few_claims.identifier_sha256,
        few_claims.person_id,
        partners.person_id as partner_id,
        min(few_claims.adult_count) as adult_count,
        bool_or(few_claims.has_business) as has_business,
        bool_or(few_claims.is_adult) as is_adult,
        bool_or(partners.is_adult) as is_partner_adult,
        bool_or(coalesce(few_claims.name_key = partners.name_key, false)) as is_namesake,
        bool_and(coalesce(few_claims.name_key <> partners.name_key, false)) as has_other_name
    from few_claims
    inner join few_claims as partners
        on
            few_claims.identifier_sha256 = partners.identifier_sha256
            and few_claims.person_id < partners.person_id
    group by few_claims.identifier_sha256, few_claims.person_id, partners.person_id
),

weighed as (
    select
        pairs.*,
        pairs.is_adult or belonging.person_id is not null as has_place,
        pairs.is_partner_adult or partner_belonging.person_id is not null as has_partner_place,
        coalesce(bonded.has_common_account, false) as has_common_account,
        coalesce(bonded.has_common_account, false)
        or (coalesce(bonded.has_common_home, false) and pairs.has_other_name) as is_bonded,
        told_apart.decision_text
    from pairs
    left join bonded
        on
            pairs.identifier_sha256 = bonded.identifier_sha256
            and pairs.person_id = bonded.person_id
            and pairs.partner_id = bonded.partner_id
    left join dependants as belonging
        on
            pairs.identifier_sha256 = belonging.identifier_sha256
            and pairs.person_id = belonging.person_id
    left join dependants as partner_belonging
        on
            pairs.identifier_sha256 = partner_belonging.identifier_sha256
            and pairs.partner_id = partner_belonging.person_id
    left join told_apart
        on
            pairs.person_id = told_apart.person_id
            and pairs.partner_id = told_apart.partner_id
),

judged_pairs as (
    select
        identifier_sha256,
        is_adult and is_partner_adult and is_namesake as is_namesake,
        case
            when is_adult and is_partner_adult then has_common_account
            when adult_count = 0 then has_common_account
        end as has_common_account,
        case
            when is_adult and is_partner_adult then is_bonded
            when adult_count = 0 then is_bonded and not has_business
            else has_place and has_partner_place
        end as is_explained,
        decision_text
    from weighed
),

judged as (
    select
        identifier_sha256,
        bool_and(is_explained) as is_explained,
        bool_and(has_common_account) as has_common_account,
        bool_or(is_namesake and not is_explained) as has_namesakes,
        count(case when not is_explained and decision_text is null then 1 end) as open_pair_count,
        {{ joined_texts('case when not is_explained then decision_text end') }} as review_reason
    from judged_pairs
    group by identifier_sha256
),

-- Every member of a chain without end, and the one it leads to.
chained as (
    select
        chain_id,
        member_id
    from persons
    where chain_id is not null
    union distinct
    select
        chain_id,
        chain_id as member_id
    from persons
    where chain_id is not null
),

-- Where many are concerned, every two of them have to be told apart.
crowds as (
    select
        claims.identifier_sha256 as crowd_id,
        claims.person_id
    from claims
    inner join shared on claims.identifier_sha256 = shared.identifier_sha256
    where shared.member_count > {{ var('maximum_claims') }}
    union distinct
    select
        chained.chain_id as crowd_id,
        persons.person_id
    from chained
    inner join persons on chained.member_id = persons.member_id
),

crowd_sizes as (
    select
        crowd_id,
        count(*) as person_count
    from crowds
    group by crowd_id
),

crowd_decisions as (
    select
        crowds.crowd_id,
        count(*) as pair_count,
        {{ joined_texts('told_apart.decision_text') }} as review_reason
    from crowds
    inner join told_apart on crowds.person_id = told_apart.person_id
    inner join crowds as partners
        on
            crowds.crowd_id = partners.crowd_id
            and told_apart.partner_id = partners.person_id
            and crowds.person_id < partners.person_id
    group by crowds.crowd_id
),

crowd_reviews as (
    select
        crowd_decisions.crowd_id,
        crowd_decisions.review_reason
    from crowd_decisions
    inner join crowd_sizes on crowd_decisions.crowd_id = crowd_sizes.crowd_id
    where
        2 * crowd_decisions.pair_count
        = crowd_sizes.person_count * (crowd_sizes.person_count - 1)
),

address_conflicts as (
    select
        case
            when judged.identifier_sha256 is null then 'many_claims'
            when judged.has_namesakes then 'namesakes'
            when not judged.is_explained then 'strangers'
            when shared.adult_count = 1 and shared.has_business then 'business_and_owner'
            when shared.adult_count = 1 then 'minor_and_adult'
            when judged.has_common_account then 'joint_owners'
            else 'one_household'
        end as conflict_kind,
        'email' as identifier_kind,
        shared.member_ids,
        shared.member_count,
        shared.person_count,
        shared.latest_claim_date,
        case
            when judged.open_pair_count = 0 then judged.review_reason
            when judged.identifier_sha256 is null then crowd_reviews.review_reason
        end as review_reason
    from shared
    left join judged on shared.identifier_sha256 = judged.identifier_sha256
    left join crowd_reviews on shared.identifier_sha256 = crowd_reviews.crowd_id
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

households as (
    select
        sharer_id,
        sharer_id || '|' || {{ joined_texts('member_id') }} as member_ids,
        count(*) + 1 as member_count,
        count(distinct person_id) + 1 as person_count,
        max(valid_from_date) as latest_claim_date
    from co_owners
    group by sharer_id
    having count(distinct home) > 1
),

-- Nothing but the sharer ties those of one home to those of the other.
household_pairs as (
    select distinct
        co_owners.sharer_id,
        co_owners.person_id,
        partners.person_id as partner_id
    from co_owners
    inner join households on co_owners.sharer_id = households.sharer_id
    inner join co_owners as partners
        on
            co_owners.sharer_id = partners.sharer_id
            and co_owners.home <> partners.home
            and co_owners.person_id < partners.person_id
),

household_reviews as (
    select
        household_pairs.sharer_id,
        {{ joined_texts('told_apart.decision_text') }} as review_reason
    from household_pairs
    left join told_apart
        on
            household_pairs.person_id = told_apart.person_id
            and household_pairs.partner_id = told_apart.partner_id
    group by household_pairs.sharer_id
    having count(*) = count(told_apart.decision_text)
),

household_conflicts as (
    select
        'two_households' as conflict_kind,
        'postal_address' as identifier_kind,
        households.member_ids,
        households.member_count,
        households.person_count,
        households.latest_claim_date,
        household_reviews.review_reason
    from households
    left join household_reviews on households.sharer_id = household_reviews.sharer_id
),

chain_conflicts as (
    select
        'long_chain' as conflict_kind,
        'device' as identifier_kind,
        {{ joined_texts('chained.member_id') }} as member_ids,
        count(*) as member_count,
        count(distinct persons.person_id) as person_count,
        max(contacts.valid_from_date) as latest_claim_date,
        max(crowd_reviews.review_reason) as review_reason
    from chained
    inner join persons on chained.member_id = persons.member_id
    inner join contacts on chained.member_id = contacts.member_id
    left join crowd_reviews on chained.chain_id = crowd_reviews.crowd_id
    group by chained.chain_id
    having count(distinct persons.person_id) > 1
),

conflicts as (
    select * from address_conflicts
    union all
    select * from household_conflicts
    union all
    select * from chain_conflicts
),

final as (
    select
        {{ text_sha256("conflict_kind || '|' || member_ids") }} as conflict_id,
        conflict_kind,
        conflict_kind in (
            'many_claims', 'namesakes', 'strangers', 'two_households', 'long_chain'
        ) and review_reason is null as needs_review,
        identifier_kind,
        member_ids,
        member_count,
        person_count,
        latest_claim_date,
        review_reason
    from conflicts
)

select * from final
