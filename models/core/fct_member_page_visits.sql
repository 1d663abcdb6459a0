with

events as (
    select * from {{ ref('stg_alkami__digital_events') }}
    where
        event_type = 'page_view'
        and is_successful
        and page is not null
        and activity_date > {{ days_before(as_of_date(), 90) }}
        and activity_date <= {{ as_of_date() }}
),

final as (
    select
        member_id,
        page,
        activity_date,
        count(*) as visit_count
    from events
    group by member_id, page, activity_date
)

select * from final
