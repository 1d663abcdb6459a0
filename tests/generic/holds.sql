{#- Several promises of one model, checked in one query. Each broken promise is one row.

    key: columns that are never null and unique together.
    conditions: for each name, an expression that no row makes false.
    named_by: an expression that names a row which breaks a condition, for the words of a refusal.
        Only where rows are of no member.
    slices: a column that cuts a table that grows, such as its file or day: a build then reads the slices
        that no build before has found to keep all promises, and looks for their keys in the whole table.
        Each promise speaks of one row alone, and of nothing that `row_checksum` does not cover
        (macros/proofs.sql).
    Columns have the values that their YAML lists; null is none of them and allowed. -#}
{% test holds(model, key=[], conditions={}, named_by=none, slices=none) %}

{%- set meta = {'words': "promise || ' is broken ' || cast(broken_count as string) || ' times'"
    ~ " || coalesce(', such as by ' || example, '')"} -%}
{%- if slices -%}{%- do meta.update({'slices': slices}) -%}{%- endif -%}
{{ config(meta=meta) }}

{%- set promises = listed_values_of(model) -%}
{%- do promises.update(conditions) -%}
{%- set read = is_of_unproved_slice(slices) if slices else 'true' %}

with

checked as {{ read_by_each() }} (
    select * from {{ model }}
    where {{ read }}
),

counted as (
    select
        count(*) as row_count
        {%- if key %},
        sum(case when {% for column in key %}{{ 'or ' if not loop.first }}{{ column }} is null {% endfor -%}
            then 1 else 0 end) as without_key
        {%- endif %}
        {%- for name, condition in promises.items() %},
        sum(case when not ({{ condition }}) then 1 else 0 end) as broken_{{ loop.index }},
        {% if named_by -%}
        min(case when not ({{ condition }}) then {{ named_by }} end) as example_{{ loop.index }}
        {%- else -%}
        cast(null as string) as example_{{ loop.index }}
        {%- endif %}
        {%- endfor %}
    from checked
),

{% if key -%}
{% if read == 'true' or slices in key -%}
keyed as {{ read_by_each() }} (
    select
        {{ key | join(', ') }},
        {{ row_checksum(key) }} as key_checksum
    from checked
),

{% else -%}
-- A key may also stand in a slice that is not read.
keyed as (
    select
        {{ key | join(', ') }},
        {{ row_checksum(key) }} as key_checksum
    from {{ model }} as known
    where
        exists (
            select 1 from checked
            where
                {%- for column in key %}
                {{ 'and ' if not loop.first }}checked.{{ column }} = known.{{ column }}
                {%- endfor %}
        )
),

{% endif -%}
-- Keys that differ hardly ever share a checksum: only those that do are compared.
alike as (
    select key_checksum
    from keyed
    group by key_checksum
    having count(*) > 1
),

clashes as (
    select {{ key | join(', ') }}
    from keyed
    where key_checksum in (select alike.key_checksum from alike)
    group by {{ key | join(', ') }}
    having count(*) > 1
),

{% endif -%}
broken as (
    {% if key -%}
    select
        'key {{ key | join(', ') }}' as promise,
        (select count(*) from clashes) + coalesce(without_key, 0) as broken_count,
        cast(null as string) as example
    from counted
    {% endif -%}
    {%- for name in promises %}
    {%- if key or not loop.first %}
    union all
    {%- endif %}
    select
        {{ quoted(name) }} as promise,
        broken_{{ loop.index }} as broken_count,
        example_{{ loop.index }} as example
    from counted
    {%- endfor %}
)

select * from broken
where broken_count > 0

{% endtest %}
