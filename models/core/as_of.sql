{%- set given = given_as_of_date() %}
with

loads as (
    select * from {{ ref('stg_alkami__loads') }}
    where state = 'loaded'
),

-- The day asked for, else the latest one loaded; with nothing loaded, a day before everything.
chosen as (
    select
        coalesce(
            cast({{ quoted(given) if given else 'null' }} as date),
            max(business_date),
            cast('1900-01-01' as date)
        ) as as_of_date
    from loads
),

final as (
    select
        as_of_date,
        cast({{ days_after('as_of_date', 1) }} as timestamp) as as_of_ts,
        {% if given -%}
        cast({{ days_after('as_of_date', 1) }} as timestamp) as known_until_ts
        {%- else -%}
        cast('9999-12-31' as timestamp) as known_until_ts
        {%- endif %}
    from chosen
)

select * from final
