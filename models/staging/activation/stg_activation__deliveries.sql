with

source as (
    select * from {{ source('raw', 'delivery_outcomes') }}
    where delivered_at < {{ known_until_ts() }}
),

-- A batch that was resolved later has one row more: the later answer stands.
ranked as (
    select
        *,
        row_number() over (
            partition by batch_id, member_id, operation
            order by
                delivered_at desc,
                case outcome when 'unknown' then 2 when 'accepted' then 1 else 0 end
        ) as answer_rank
    from source
),

final as (
    select
        run_id,
        batch_id,
        segment_id,
        segment_version,
        destination_id,
        channel,
        member_id,
        operation,
        outcome,
        cast(delivered_at as timestamp) as delivered_at
    from ranked
    where answer_rank = 1
)

select * from final
