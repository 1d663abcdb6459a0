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
led as (
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
        and clean_text is not null
),

-- A name is paid by its number: the payments of a million members carry no text.
unknown_descriptors as (
    select
        *,
        {{ row_checksum(['leading_words', 'channel_kind', 'direction']) }} as name_key
    from led
),

paid as (
    select
        unknown_descriptors.name_key,
        transactions.descriptor_key,
        transactions.member_key,
        count(*) as transaction_count,
        sum(transactions.amount) as moved_amount
    from unknown_descriptors
    inner join transactions on unknown_descriptors.descriptor_key = transactions.descriptor_key
    group by unknown_descriptors.name_key, transactions.descriptor_key, transactions.member_key
),

payments as (
    select
        name_key,
        cast(sum(transaction_count) as bigint) as transaction_count,
        count(distinct member_key) as member_count,
        sum(moved_amount) as moved_amount
    from paid
    group by name_key
),

paid_descriptors as (
    select distinct descriptor_key
    from paid
),

-- What those descriptors say that somebody paid.
names as (
    select
        unknown_descriptors.name_key,
        unknown_descriptors.leading_words,
        unknown_descriptors.channel_kind,
        unknown_descriptors.direction,
        max(unknown_descriptors.mcc) as mcc,
        max(unknown_descriptors.category_id) as category_id,
        max(unknown_descriptors.confidence) as confidence
    from unknown_descriptors
    inner join paid_descriptors
        on unknown_descriptors.descriptor_key = paid_descriptors.descriptor_key
    group by
        unknown_descriptors.name_key,
        unknown_descriptors.leading_words,
        unknown_descriptors.channel_kind,
        unknown_descriptors.direction
),

-- A name that few members pay may be a person's.
final as (
    select
        names.leading_words,
        names.channel_kind,
        names.direction,
        names.mcc,
        names.category_id,
        names.confidence,
        payments.transaction_count,
        cast(payments.moved_amount as decimal(18, 2)) as moved_amount,
        row_number() over (
            order by
                payments.transaction_count desc,
                names.leading_words asc,
                names.channel_kind asc,
                names.direction asc
        ) as queue_rank
    from payments
    inner join names on payments.name_key = names.name_key
    where payments.member_count >= 10
)

select * from final
