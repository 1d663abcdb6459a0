with

members as (
    select * from {{ ref('dim_members') }}
    where member_type = 'individual' and birth_year is not null
),

aged as (
    select
        member_id,
        member_since_date,
        extract(year from {{ as_of_date() }}) - birth_year as age_years
    from members
),

-- The year of birth is all that is known: the age that the member reaches this year.
final as (
    select
        member_id,
        case
            when age_years < 26 then 'client__life_stage_starting_out'
            when age_years < 46 then 'client__life_stage_building'
            when age_years < 65 then 'client__life_stage_established'
            else 'client__life_stage_retired'
        end as kli_id,
        cast(1 as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        member_since_date as first_seen,
        {{ as_of_date() }} as last_seen,
        cast(0.80 as decimal(4, 2)) as confidence,
        'By year of birth' as rationale
    from aged
    where age_years >= 18
)

select * from final
