-- Every member of a segment exists, and allows nothing to leave that was not reviewed: each attribute
-- that a segment sends somewhere is one that may go there, and its goal is an indicator for goals.
{{ config(group='warehouse', meta={'words': "broken_segment || ' ' || problem"}) }}

with

members as (
    select * from {{ ref('dim_members') }}
),

segment_members as (
    {%- for segment in listed_segments() %}
    select
        '{{ segment }}' as model_name,
        member_id
    from {{ ref(segment) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

segments as (
    select * from {{ ref('dict_segments') }}
),

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
)

select
    segment_members.model_name as broken_segment,
    'has a member who is no active adult' as problem
from segment_members
left join members on segment_members.member_id = members.member_id
where members.member_id is null or members.member_status <> 'active' or members.is_minor
union all
select
    segments.model_name as broken_segment,
    'has a goal that is no indicator for goals' as problem
from segments
left join taxonomy on segments.goal_kli = taxonomy.kli_id
where not coalesce(taxonomy.is_goal, false)
