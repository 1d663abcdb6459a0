{{ config(materialized='view') }}

with

transactions as (
    select * from {{ ref('stg_alkami__transactions') }}
    where {{ is_by_as_of_date('transaction_date') }}
),

descriptors as (
    select * from {{ ref('dim_merchant_descriptors') }}
),

-- Read on their own: few rows, where the transactions read for two purposes would be held whole.
posted_reversals as (
    select
        transaction_id,
        reversal_of_transaction_id,
        amount
    from {{ ref('stg_alkami__transactions') }}
    where
        reversal_of_transaction_id is not null
        and is_posted
        and {{ is_by_as_of_date('transaction_date') }}
),

-- Several reversals of one transaction never take back more than it moved.
{{ net_reversals('posted_reversals') }},

netted as (
    select
        transactions.*,
        transactions.reversal_of_transaction_id is not null as is_reversal,
        least(coalesce(reversals.reversed_amount, 0), transactions.amount) as reversed_amount
    from transactions
    left join reversals on transactions.transaction_id = reversals.transaction_id
),

final as (
    select
        netted.transaction_id,
        netted.member_key,
        netted.account_key,
        netted.authorized_at,
        netted.transaction_date,
        netted.is_posted,
        netted.is_reversal,
        netted.reversal_of_transaction_id,
        netted.direction,
        netted.channel,
        netted.descriptor_key,
        netted.amount,
        cast(netted.reversed_amount as decimal(18, 2)) as reversed_amount,
        cast(
            case when netted.is_reversal then 0 else netted.amount - netted.reversed_amount end
            as decimal(18, 2)
        ) as net_amount,
        cast(
            case when netted.direction = 'credit' then netted.amount else -netted.amount end
            as decimal(18, 2)
        ) as signed_amount,
        descriptors.party_id,
        descriptors.merchant_id,
        descriptors.category_id,
        descriptors.competitor_product,
        descriptors.mcc,
        descriptors.confidence as merchant_confidence,
        descriptors.spend_class_key,
        descriptors.flow_key,
        {{ row_checksum([
            'netted.row_checksum', 'netted.reversed_amount', 'netted.channel', 'descriptors.spend_class_key',
            'descriptors.competitor_product',
        ]) }} as row_checksum
    from netted
    left join descriptors on netted.descriptor_key = descriptors.descriptor_key
)

select * from final
