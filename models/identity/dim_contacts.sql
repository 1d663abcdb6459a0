with

source as (
    select * from {{ source('vault', 'contacts') }}
    where business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
),

-- Of several changes in one day's file, the last one made.
ranked as (
    select
        *,
        row_number() over (
            partition by member_id, business_date
            order by updated_at desc, load_id desc, line_number desc
        ) as change_rank
    from source
),

-- A change that comes after a later one was known is news of no day, and neither is one told again.
followed as (
    select
        *,
        max(updated_at) over (
            partition by member_id
            order by business_date
            rows between unbounded preceding and 1 preceding
        ) as known_updated_at
    from ranked
    where change_rank = 1
),

final as (
    select
        member_id,
        business_date as valid_from_date,
        lead(business_date) over (partition by member_id order by business_date) as valid_to_date,
        cast(updated_at as timestamp) as updated_at,
        {{ bare_text('first_name') }} as first_name,
        {{ bare_text('last_name') }} as last_name,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone') }} as phone,
        {{ bare_text('street_address') }} as street_address,
        {{ bare_text('city') }} as city,
        {{ bare_text('state') }} as state,
        {{ bare_text('postal_code') }} as postal_code
    from followed
    where known_updated_at is null or updated_at > known_updated_at
)

select * from final
