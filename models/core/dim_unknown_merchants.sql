with

transactions as (
    select * from {{ ref('stg_alkami__transactions') }}
    where
        is_posted
        and reversal_of_transaction_id is null
        and {{ is_by_as_of_date('transaction_date') }}
),

descriptors as (
    select * from {{ ref('dim_merchant_descriptors') }}
),

-- The beginning of a name holds it together when cities and numbers follow.
unknown_descriptors as (
    select
        descriptor_key,
        channel_kind,
        direction,
        mcc,
        category_id,
        confidence,
        trim(
            split_part(clean_text, ' ', 1)
            || ' ' || split_part(clean_text, ' ', 2)
            || ' ' || split_part(clean_text, ' ', 3)
        ) as leading_words
    from descriptors
    where
        merchant_id is null
        and category_id <> 'withheld'
        and channel_kind in ('card', 'ach', 'bill_pay')
        and clean_text <> ''
),

paid as (
    select
        unknown_descriptors.leading_words,
        unknown_descriptors.channel_kind,
        unknown_descriptors.direction,
        transactions.member_key,
        max(unknown_descriptors.mcc) as mcc,
        max(unknown_descriptors.category_id) as category_id,
        max(unknown_descriptors.confidence) as confidence,
        count(*) as transaction_count,
        sum(transactions.amount) as moved_amount
    from unknown_descriptors
    inner join transactions on unknown_descriptors.descriptor_key = transactions.descriptor_key
    group by
        unknown_descriptors.leading_words,
        unknown_descriptors.channel_kind,
        unknown_descriptors.direction,
        transactions.member_key
),

grouped as (
    select
        leading_words,
        channel_kind,
        direction,
        max(mcc) as mcc,
        max(category_id) as category_id,
        max(confidence) as confidence,
        cast(sum(transaction_count) as bigint) as transaction_count,
        count(*) as member_count,
        sum(moved_amount) as moved_amount
    from paid
    group by leading_words, channel_kind, direction
),

-- A name that few members pay may be a person's.
final as (
    select
        leading_words,
        channel_kind,
        direction,
        mcc,
        category_id,
        confidence,
        transaction_count,
        cast(moved_amount as decimal(18, 2)) as moved_amount,
        row_number() over (
            order by transaction_count desc, leading_words asc, channel_kind asc, direction asc
        ) as queue_rank
    from grouped
    where member_count >= 10
)

select * from final
