with

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where {{ is_within_days('activity_date', 90) }}
),

uses as (
    select
        member_id,
        activity_date,
        'behaviour__bill_pay' as kli_id,
        bill_pay_count as use_count,
        bill_pay_amount as use_amount
    from digital_days
    union all
    select
        member_id,
        activity_date,
        'behaviour__p2p' as kli_id,
        p2p_count,
        p2p_amount
    from digital_days
    union all
    select
        member_id,
        activity_date,
        'behaviour__rdc' as kli_id,
        rdc_count,
        rdc_amount
    from digital_days
),

summed as (
    select
        member_id,
        kli_id,
        sum(use_count) as use_count,
        sum(use_amount) as use_amount,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from uses
    where use_count > 0
    group by member_id, kli_id
),

final as (
    select
        member_id,
        kli_id,
        cast(use_count as bigint) as evidence_count,
        cast(use_amount as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        cast(use_count as string) || ' uses within 90 days' as rationale
    from summed
    where use_count >= 2
)

select * from final
