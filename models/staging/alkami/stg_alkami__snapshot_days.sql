{{ config(materialized='view') }}

with

loads as (
    select * from {{ ref('stg_alkami__loads') }}
    where
        feed = 'account_snapshot'
        and state = 'loaded'
        and business_date <= {{ as_of_date() }}
),

final as (
    select max(business_date) as business_date
    from loads
    group by date_trunc('month', business_date)
)

select * from final
