with

touches as (
    select * from {{ ref('msr_touches') }}
),

final as (
    select
        member_id,
        channel,
        touched_date,
        cast(sum(touch_count) as bigint) as touch_count
    from touches
    group by member_id, channel, touched_date
)

select * from final
