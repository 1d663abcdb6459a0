with

rejections as (
    select * from {{ source('raw', 'rejections') }}
),

loads as (
    select * from {{ ref('stg_alkami__loads') }}
    where business_date <= {{ as_of_date() }}
),

transactions as (
    select * from {{ ref('fct_transactions') }}
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

-- The few transactions that undo others.
reversals as (
    select
        transaction_date,
        reversal_of_transaction_id,
        amount,
        is_posted
    from {{ ref('fct_transactions') }}
    where is_reversal
),

reversed as (
    select
        reversal_of_transaction_id as transaction_id,
        sum(amount) as claimed_amount
    from reversals
    where is_posted
    group by reversal_of_transaction_id
),

checked as (
    select
        transactions.transaction_date,
        transactions.category_id = 'unknown'
        and transactions.mcc is not null
        and mcc_categories.mcc is null as has_unknown_mcc,
        accounts.account_id is null as has_unknown_account,
        members.member_id is null as has_unknown_member,
        coalesce(reversed.claimed_amount > transactions.amount, false) as is_reversed_too_often
    from transactions
    left join accounts on transactions.account_id = accounts.account_id
    left join members on transactions.member_id = members.member_id
    left join mcc_categories on transactions.mcc = mcc_categories.mcc
    left join reversed on transactions.transaction_id = reversed.transaction_id
),

-- A reversal of what never came, or not yet.
orphans as (
    select reversals.transaction_date
    from reversals
    left join {{ ref('fct_transactions') }} as originals
        on reversals.reversal_of_transaction_id = originals.transaction_id
    where originals.transaction_id is null
),

-- What fits in every way, nearly all, goes no further.
odd as (
    select * from checked
    where has_unknown_mcc or has_unknown_account or has_unknown_member or is_reversed_too_often
),

findings as (
    select
        'unknown_mcc' as finding,
        'kept, in the category unknown' as treatment,
        transaction_date as found_date
    from odd
    where has_unknown_mcc
    union all
    select
        'unknown_account' as finding,
        'kept, counted for the member' as treatment,
        transaction_date
    from odd
    where has_unknown_account
    union all
    select
        'unknown_member' as finding,
        'kept, nothing inferred until a snapshot shows the member' as treatment,
        transaction_date
    from odd
    where has_unknown_member
    union all
    select
        'reversed_too_often' as finding,
        'kept, taken back once and never below zero' as treatment,
        transaction_date
    from odd
    where is_reversed_too_often
    union all
    select
        'reversal_without_original' as finding,
        'kept, takes nothing back' as treatment,
        transaction_date
    from orphans
),

rejected as (
    select
        loads.feed,
        rejections.rejection_reason || coalesce(' of ' || rejections.column_name, '') as finding,
        'rejected, the line kept as it was received' as treatment,
        loads.business_date as found_date
    from rejections
    inner join loads on rejections.load_id = loads.load_id
),

listed as (
    select
        'transactions' as feed,
        finding,
        treatment,
        found_date
    from findings
    union all
    select * from rejected
),

final as (
    select
        feed,
        finding,
        treatment,
        count(*) as row_count,
        max(found_date) as latest_date
    from listed
    group by feed, finding, treatment
)

select * from final
