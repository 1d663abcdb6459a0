with

members as (
    select * from {{ ref('dim_members') }}
    where member_status = 'active' and not is_minor
),

segments as (
    {{ segment_holdouts() }}
),

-- Who is held out depends on the member and the segment alone: a new version of the segment keeps
-- its control group, and two segments draw theirs independently.
drawn as (
    select
        segments.segment_id,
        segments.holdout_ratio,
        members.member_id,
        {{ hash_ratio("'holdout-1|' || segments.segment_id || '|' || members.member_id") }} as draw
    from members
    cross join segments
),

final as (
    select
        segment_id,
        member_id
    from drawn
    where draw < holdout_ratio
)

select * from final
