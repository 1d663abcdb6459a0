with

source as (
    select * from {{ source('vault', 'contacts') }}
    where business_date <= {{ as_of_date() }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by member_id
            order by updated_at desc, business_date desc, load_id desc, line_number desc
        ) as change_rank
    from source
),

final as (
    select
        member_id,
        cast(updated_at as timestamp) as updated_at,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone') }} as phone,
        nullif(trim(street_address), '') as street_address,
        nullif(trim(city), '') as city,
        nullif(trim(state), '') as state,
        nullif(trim(postal_code), '') as postal_code
    from ranked
    where change_rank = 1
)

select * from final
