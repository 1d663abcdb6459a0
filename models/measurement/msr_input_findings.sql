with

rejections as (
    select * from {{ source('raw', 'rejections') }}
),

loads as (
    select * from {{ ref('stg_alkami__loads') }}
    where business_date <= {{ as_of_date() }}
),

-- Whom a transaction names is asked of the transactions as they came: what they were for plays no part.
arrived as (
    select
        member_id,
        account_id,
        transaction_date
    from {{ ref('stg_alkami__transactions') }}
    where {{ is_by_as_of_date('transaction_date') }}
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

findings as (
    select
        'unknown_mcc' as finding,
        'kept, in the category unknown' as treatment,
        transactions.transaction_date as found_date
    from transactions
    left join mcc_categories on transactions.mcc = mcc_categories.mcc
    where
        transactions.category_id = 'unknown'
        and transactions.mcc is not null
        and mcc_categories.mcc is null
    union all
    select
        'unknown_account' as finding,
        'kept, counted for the member' as treatment,
        arrived.transaction_date
    from arrived
    left join accounts on arrived.account_id = accounts.account_id
    where accounts.account_id is null
    union all
    select
        'unknown_member' as finding,
        'kept, nothing inferred until a snapshot shows the member' as treatment,
        arrived.transaction_date
    from arrived
    left join members on arrived.member_id = members.member_id
    where members.member_id is null
    union all
    select
        'reversed_too_often' as finding,
        'kept, taken back once and never below zero' as treatment,
        transactions.transaction_date
    from transactions
    inner join reversed on transactions.transaction_id = reversed.transaction_id
    where reversed.claimed_amount > transactions.amount
    union all
    select
        'reversal_without_original' as finding,
        'kept, takes nothing back' as treatment,
        reversals.transaction_date
    from reversals
    left join transactions as originals
        on reversals.reversal_of_transaction_id = originals.transaction_id
    where originals.transaction_id is null
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
