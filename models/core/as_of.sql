{%- set given = given_as_of_date() %}
{%- set known_until = given_known_until() %}
{%- set day_end = 'cast(' ~ days_after('as_of_date', 1) ~ ' as timestamp)' if given else none %}
with

-- As ingestion wrote them: staging keeps to what this clock says.
loads as (
    select * from {{ source('raw', 'loads') }}
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
    {%- if known_until %}
    where received_at < {{ known_until }}
    {%- endif %}
),

final as (
    select
        as_of_date,
        cast({{ days_after('as_of_date', 1) }} as timestamp) as as_of_ts,
        {{ known_until or day_end or "cast('9999-12-31' as timestamp)" }} as known_until_ts,
        {{ known_until or 'cast(null as timestamp)' }} as received_until_ts
    from chosen
)

select * from final
