with

members as (
    select * from {{ ref('dim_members') }}
),

aged as (
    select
        member_id,
        member_since_date,
        {{ days_between('member_since_date', as_of_date()) }} as tenure_days
    from members
),

final as (
    select
        member_id,
        case
            when tenure_days < 365 then 'client__tenure_under_1_year'
            when tenure_days < 1825 then 'client__tenure_1_to_5_years'
            else 'client__tenure_over_5_years'
        end as kli_id,
        cast(1 as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        member_since_date as first_seen,
        {{ as_of_date() }} as last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        'Member since ' || cast(member_since_date as string) as rationale
    from aged
    where tenure_days >= 0
)

select * from final
