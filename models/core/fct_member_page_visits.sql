with

events as (
    select * from {{ ref('stg_alkami__digital_events') }}
    where
        event_type = 'page_view'
        and is_successful
        and page is not null
        and {{ is_within_days('activity_date', 90) }}
        and {{ is_by_as_of_date('activity_date') }}
),

final as (
    select
        member_key,
        page,
        activity_date,
        count(*) as visit_count
    from events
    group by member_key, page, activity_date
)

select * from final
