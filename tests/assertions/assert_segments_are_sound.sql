-- Every segment is listed, so that it is checked and counted, and each of its members is an active
-- adult. It allows nothing to leave that was not reviewed: each attribute that it sends somewhere is one
-- that may go there. Its goal is an indicator for goals.
{{ config(group='warehouse', meta={'words': "broken_segment || ' ' || problem"}) }}
{%- set listed = listed_segments() | batch(1) | list -%}
{%- set sent = [] -%}
{%- for segment in described_segments() -%}
    {%- for destination, attributes in segment.facts.destinations.items() -%}
        {%- for attribute in attributes -%}
            {%- do sent.append([segment.node.name, destination, attribute]) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor %}

with

listed as (
    {{ literal_rows({'model_name': 'string'}, listed) | indent }}
),

sent as (
    {{ literal_rows({
        'model_name': 'string',
        'destination_id': 'string',
        'attribute_name': 'string',
    }, sent) | indent }}
),

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

allowed as (
    select
        attribute_name,
        allowed_destinations
    from {{ ref('dict_attributes') }}
    where model_name = 'act_attributes'
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
union all
select
    segments.model_name as broken_segment,
    'is not in listed_segments (macros/segments.sql)' as problem
from segments
left join listed on segments.model_name = listed.model_name
where listed.model_name is null
union all
select
    sent.model_name as broken_segment,
    'sends ' || sent.attribute_name || ' to ' || sent.destination_id
    || ', which act_attributes does not allow' as problem
from sent
left join allowed on sent.attribute_name = allowed.attribute_name
where not coalesce(array_contains(allowed.allowed_destinations, sent.destination_id), false)
