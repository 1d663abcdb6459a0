with

rejections as (
    select * from {{ source('raw', 'rejections') }}
),

loads as (
    select * from {{ ref('stg_alkami__loads') }}
    where business_date <= {{ as_of_date() }}
),

snapshots as (
    select * from {{ source('raw', 'account_snapshot') }}
),

-- The transactions as they came: none of these questions asks what they were for.
transactions as {{ read_by_each() }} (
    select * from {{ ref('stg_alkami__transactions') }}
    where {{ is_by_as_of_date('transaction_date') }}
),

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where {{ is_by_as_of_date('activity_date') }}
),

onboarding_events as (
    select * from {{ ref('stg_alkami__onboarding_events') }}
),

consents as (
    select * from {{ ref('fct_consents') }}
),

descriptors as (
    select * from {{ ref('dim_merchant_descriptors') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

members as (
    select * from {{ ref('dim_members') }}
),

mcc_categories as (
    select * from {{ ref('mcc_categories') }}
),

-- Whom each feed names and in how many rows: of digital events, the days that are added up already. The
-- snapshot is what makes a member known, and contact data is asked in the vault. Whoever applies is no
-- member before the application is approved.
named as (
    select
        'transactions' as feed,
        member_key,
        transaction_date as named_date,
        true as is_member,
        1 as row_count
    from transactions
    union all
    select
        'digital_events' as feed,
        member_key,
        activity_date as named_date,
        true as is_member,
        event_count as row_count
    from digital_days
    union all
    select
        'onboarding_events' as feed,
        {{ token_key('member_id') }} as member_key,
        cast(occurred_at as date) as named_date,
        event_type in ('application.approved', 'account.funded', 'login.first') as is_member,
        1 as row_count
    from onboarding_events
    union all
    select
        'consent_changes' as feed,
        {{ token_key('member_id') }} as member_key,
        cast(recorded_at as date) as named_date,
        true as is_member,
        1 as row_count
    from consents
),

unknown_members as (
    select named.*
    from named
    left join members on named.member_key = members.member_key
    where members.member_key is null
),

-- Few descriptors have a code that nobody knows.
unknown_codes as (
    select descriptors.descriptor_key
    from descriptors
    left join mcc_categories on descriptors.mcc = mcc_categories.mcc
    where
        descriptors.category_id = 'unknown'
        and descriptors.mcc is not null
        and mcc_categories.mcc is null
),

-- The few transactions that undo others, and what they undo.
told_reversals as (
    select
        transaction_id,
        account_key,
        transaction_date,
        reversal_of_transaction_id,
        direction,
        amount,
        is_posted
    from transactions
    where reversal_of_transaction_id is not null
),

originals as (
    select
        transaction_id,
        account_key,
        transaction_date,
        reversal_of_transaction_id,
        direction,
        amount
    from transactions
    where transaction_id in (select told_reversals.reversal_of_transaction_id from told_reversals)
),

posted_reversals as (
    select * from told_reversals
    where is_posted
),

{{ net_reversals('posted_reversals') }},

findings as (
    select
        'unknown_mcc' as finding,
        'kept, in the category unknown' as treatment,
        transactions.transaction_date as found_date
    from transactions
    inner join unknown_codes on transactions.descriptor_key = unknown_codes.descriptor_key
    union all
    select
        'unknown_account' as finding,
        'kept, counted for the member' as treatment,
        transactions.transaction_date
    from transactions
    left join accounts on transactions.account_key = accounts.account_key
    where accounts.account_key is null
    union all
    select
        'reversed_too_often' as finding,
        'kept, taken back once and never below zero' as treatment,
        originals.transaction_date
    from originals
    inner join reversals on originals.transaction_id = reversals.transaction_id
    where reversals.reversed_amount > originals.amount
    union all
    select
        'reversed_reversal' as finding,
        'kept, takes back so much less' as treatment,
        transaction_date
    from originals
    where reversal_of_transaction_id is not null
    union all
    select
        'reversal_without_original' as finding,
        'kept, takes nothing back' as treatment,
        told_reversals.transaction_date
    from told_reversals
    left join originals on told_reversals.reversal_of_transaction_id = originals.transaction_id
    where originals.transaction_id is null
    union all
    select
        'reversal_in_another_account' as finding,
        'kept, taken back from what it names' as treatment,
        told_reversals.transaction_date
    from told_reversals
    inner join originals on told_reversals.reversal_of_transaction_id = originals.transaction_id
    where told_reversals.account_key <> originals.account_key
    union all
    select
        'reversal_in_the_same_direction' as finding,
        'kept, taken back from what it names' as treatment,
        told_reversals.transaction_date
    from told_reversals
    inner join originals on told_reversals.reversal_of_transaction_id = originals.transaction_id
    where told_reversals.direction = originals.direction
),

rejected as (
    select
        loads.feed,
        rejections.rejection_reason || coalesce(' of ' || rejections.column_name, '') as finding,
        'rejected, the line kept as it was received' as treatment,
        loads.business_date as found_date,
        1 as row_count
    from rejections
    inner join loads on rejections.load_id = loads.load_id
),

-- What was told of a day by files that another one replaced, and is not in that one. Such days are few:
-- no others are read.
taken_back as (
    select snapshots.business_date
    from snapshots
    inner join loads on snapshots.load_id = loads.load_id
    where
        snapshots.business_date in (
            select replaced.business_date from loads as replaced
            where replaced.feed = 'account_snapshot' and replaced.replaced_by_load_id is not null
        )
    group by snapshots.business_date, snapshots.member_id, snapshots.account_id
    having bool_and(loads.replaced_by_load_id is not null)
),

listed as (
    select
        'transactions' as feed,
        finding,
        treatment,
        found_date,
        1 as row_count
    from findings
    union all
    select
        feed,
        case when is_member then 'unknown_member' else 'applicant' end as finding,
        'kept, nothing inferred until a snapshot shows the member' as treatment,
        named_date as found_date,
        row_count
    from unknown_members
    union all
    select
        'account_snapshot' as feed,
        'taken_back_by_correction' as finding,
        'kept in the raw table alone, the file of the day received last is the whole day' as treatment,
        business_date as found_date,
        1 as row_count
    from taken_back
    union all
    select * from rejected
),

final as (
    select
        feed,
        finding,
        treatment,
        cast(sum(row_count) as bigint) as row_count,
        max(found_date) as latest_date
    from listed
    group by feed, finding, treatment
)

select * from final
