with

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where {{ is_within_days('activity_date', 90) }}
),

members as (
    select * from {{ ref('dim_members') }}
),

uses as (
    select
        member_key,
        activity_date,
        'behaviour__bill_pay' as kli_id,
        bill_pay_count as use_count,
        bill_pay_amount as use_amount
    from digital_days
    union all
    select
        member_key,
        activity_date,
        'behaviour__p2p' as kli_id,
        p2p_count,
        p2p_amount
    from digital_days
    union all
    select
        member_key,
        activity_date,
        'behaviour__rdc' as kli_id,
        rdc_count,
        rdc_amount
    from digital_days
),

summed as (
    select
        member_key,
        kli_id,
        sum(use_count) as use_count,
        sum(use_amount) as use_amount,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from uses
    where use_count > 0
    group by member_key, kli_id
),

final as (
    select
        members.member_id,
        summed.kli_id,
        cast(summed.use_count as bigint) as evidence_count,
        cast(summed.use_amount as decimal(18, 2)) as evidence_amount,
        summed.first_seen,
        summed.last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        cast(summed.use_count as string) || ' uses within 90 days' as rationale
    from summed
    inner join members on summed.member_key = members.member_key
    where summed.use_count >= 2
)

select * from final
