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
        member_id,
        max(member_type) as member_type,
        max(birth_year) as birth_year,
        min(member_since_date) as member_since_date,
        bool_or(is_minor) as is_minor,
        bool_or(ownership_role = 'joint') and not bool_or(coalesce(ownership_role, '') = 'primary')
            as is_joint_only
    from {{ ref('fct_member_roles') }}
    group by member_id
),

-- Members without contact data too, and contact data of whom no snapshot has shown yet.
members as (
    select
        coalesce(facts.member_id, contacts.member_id) as member_id,
        facts.member_since_date,
        case
            when facts.member_id is null then 'absent'
            when facts.member_type = 'business' then 'business'
            when facts.is_minor then 'minor'
            when facts.is_joint_only then 'joint_owner'
            else 'individual'
        end as member_standing,
        contacts.member_id is not null as has_contact_data,
        {{ membership_label('facts.member_since_date', 'coalesce(facts.member_id, contacts.member_id)') }}
            as membership_label,
        {{ name_key('contacts.first_name', 'contacts.last_name') }}
        || '|' || cast(facts.birth_year as string) as person_key
    from facts
    full outer join contacts on facts.member_id = contacts.member_id
),

-- Whoever claims an address or a device counts, businesses and children too.
counted_links as (
    select
        member_id,
        identifier_kind,
        identifier_sha256,
        count(*) over (partition by identifier_kind, identifier_sha256) as claim_count
    from links
    where is_valid and identifier_kind in ('email', 'device')
),

-- Adults alone can be one person in two memberships: a child has the address of a parent, and a
-- business that of its owner.
claims as (
    select
        counted_links.member_id,
        counted_links.identifier_kind,
        counted_links.identifier_sha256,
        counted_links.claim_count,
        members.person_key,
        members.membership_label
    from counted_links
    inner join members on counted_links.member_id = members.member_id
    where
        members.member_standing in ('individual', 'joint_owner')
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
        membership_label as tie_label
    from claims
    where claim_count between 2 and {{ var('maximum_claims') }}
),

compared_evidence as (
    select
        *,
        count(*) over (partition by evidence_id) as match_count,
        min(tie_label) over (partition by evidence_id) as oldest_label,
        lead(tie_label) over (partition by evidence_id order by tie_label) as next_label
    from evidence
),

-- The partner is the oldest other membership that shares it.
feed_ties as (
    select
        member_id,
        evidence_id,
        tie_label,
        case identifier_kind when 'email' then 3 else 4 end as precedence,
        case identifier_kind when 'email' then 'same email address ' else 'same device ' end
        || identifier_sha256
        || ', name and year of birth as '
        || {{ labelled_member("case tie_label when oldest_label then next_label else oldest_label end") }}
            as evidence
    from compared_evidence
    where match_count > 1
),

reviews as (
    select * from {{ ref('fct_identity_reviews') }}
),

reviewed_pairs as (
    select
        reviews.*,
        members.membership_label as tie_label,
        partners.membership_label as partner_label,
        'review|' || members.member_id || '|' || partners.member_id as evidence_id,
        'decided by ' || reviews.decided_by || ' on ' || cast(reviews.decided_date as string)
        || ' (' || reviews.decision_reason || '), the same as ' as evidence
    from reviews
    inner join members on reviews.member_id = members.member_id
    inner join members as partners on reviews.other_member_id = partners.member_id
),

reviewed_ties as (
    select
        member_id,
        evidence_id,
        tie_label,
        2 as precedence,
        evidence || other_member_id as evidence
    from reviewed_pairs
    where decision = 'same'
    union all
    select
        other_member_id as member_id,
        evidence_id,
        partner_label as tie_label,
        2 as precedence,
        evidence || member_id as evidence
    from reviewed_pairs
    where decision = 'same'
),

ties as (
    select * from feed_ties
    union all
    select * from reviewed_ties
),

{{ settled_labels('all', 'ties') }},

{{ settled_labels('reviewed', 'reviewed_ties') }},

-- Whom the feeds tie although somebody told two of them apart: which of the ties is wrong nobody knows.
contradicted as (
    select distinct settled.tie_label
    from reviewed_pairs
    inner join all_settled as settled on reviewed_pairs.member_id = settled.member_id
    inner join all_settled as partners
        on reviewed_pairs.other_member_id = partners.member_id and settled.tie_label = partners.tie_label
    where reviewed_pairs.decision = 'different'
),

-- The same where decisions contradict each other: a test says which.
contradicted_reviews as (
    select distinct settled.tie_label
    from reviewed_pairs
    inner join reviewed_settled as settled on reviewed_pairs.member_id = settled.member_id
    inner join reviewed_settled as partners
        on reviewed_pairs.other_member_id = partners.member_id and settled.tie_label = partners.tie_label
    where reviewed_pairs.decision = 'different'
),

-- Who hangs in a chain without end, or with two who were told apart, is tied by decisions alone: two
-- persons, never a wrong one.
settled as (
    select
        all_settled.member_id,
        all_settled.is_settled,
        all_settled.tie_label,
        all_settled.is_settled and contradicted.tie_label is null as is_sound,
        case
            when all_settled.is_settled and contradicted.tie_label is null then all_settled.tie_label
            when reviewed_settled.is_settled and contradicted_reviews.tie_label is null
                then reviewed_settled.tie_label
        end as sound_label
    from all_settled
    left join contradicted on all_settled.tie_label = contradicted.tie_label
    left join reviewed_settled on all_settled.member_id = reviewed_settled.member_id
    left join contradicted_reviews on reviewed_settled.tie_label = contradicted_reviews.tie_label
),

-- The first pass that ties the member to others.
ranked_ties as (
    select
        ties.member_id,
        ties.precedence,
        ties.evidence,
        row_number() over (
            partition by ties.member_id order by ties.precedence, ties.evidence
        ) as tie_rank
    from ties
    inner join settled on ties.member_id = settled.member_id
    where settled.is_sound or ties.precedence = 2
),

passes as (
    select * from ranked_ties
    where tie_rank = 1
),

persons as (
    select
        members.member_id,
        members.member_standing,
        members.has_contact_data,
        passes.precedence,
        passes.evidence,
        coalesce({{ labelled_member('settled.sound_label') }}, members.member_id) as person_id,
        case when not settled.is_settled then {{ labelled_member('settled.tie_label') }} end as chain_id
    from members
    left join passes on members.member_id = passes.member_id
    left join settled on members.member_id = settled.member_id
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
            when precedence = 2 then 'reviewed'
            when precedence = 3 then 'hashed_email'
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
