{{ config(materialized='view') }}
{%- set versions = segment_versions() %}

with

{% for segment in listed_segments() -%}
{{ segment }} as (
    select * from {{ ref(segment) }}
),

{% endfor -%}
final as (
    {%- for segment in listed_segments() %}
    select
        '{{ segment | replace("seg_", "", 1) }}' as segment_id,
        {{ versions.get(segment, 'cast(null as string)') }} as segment_version,
        count(*) as member_count
    from {{ segment }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select * from final
