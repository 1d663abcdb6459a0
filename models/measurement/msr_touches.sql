with

deliveries as (
    select * from {{ ref('stg_activation__deliveries') }}
),

-- A member put into an audience is touched once. An answer that never came counts as a touch: the
-- message may have gone out. Updates and removals touch nobody.
final as (
    select
        member_id,
        segment_id,
        destination_id,
        channel,
        cast(delivered_at as date) as touched_date,
        count(*) as touch_count
    from deliveries
    where operation = 'add' and outcome in ('confirmed', 'accepted', 'unknown')
    group by member_id, segment_id, destination_id, channel, cast(delivered_at as date)
)

select * from final
