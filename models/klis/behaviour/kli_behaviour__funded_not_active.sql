with

applications as (
    select * from {{ ref('fct_onboarding') }}
    where funded_at is not null
),

-- Of several applications the latest funded one tells where a member stands.
ranked as (
    select
        member_id,
        funded_amount,
        first_use_date,
        cast(funded_at as date) as funded_date,
        row_number() over (
            partition by member_id
            order by funded_at desc, application_id desc
        ) as funding_rank
    from applications
),

final as (
    select
        member_id,
        'behaviour__funded_not_active' as kli_id,
        cast(1 as bigint) as evidence_count,
        funded_amount as evidence_amount,
        funded_date as first_seen,
        funded_date as last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        'Funded on ' || cast(funded_date as string) || ', no login or payment since' as rationale
    from ranked
    where
        funding_rank = 1
        and first_use_date is null
        and funded_date > {{ days_before(as_of_date(), 90) }}
)

select * from final
