with

decisions as (
    select * from {{ ref('identity_reviews') }}
    where decided_date <= {{ as_of_date() }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by member_id, other_member_id order by decided_date desc
        ) as recency
    from decisions
),

final as (
    select
        member_id,
        other_member_id,
        decision,
        decided_date,
        decided_by,
        reason as decision_reason
    from ranked
    where recency = 1
)

select * from final
