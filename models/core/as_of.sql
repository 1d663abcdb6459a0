with

loads as (
    select * from {{ ref('stg_alkami__loads') }}
),

chosen as (
    select
        {% if given_as_of_date() is not none -%}
        cast('{{ given_as_of_date() }}' as date) as as_of_date,
        true as is_given
        {%- else -%}
        -- With nothing loaded, a day before everything: nothing is as of then.
        coalesce(max(loads.business_date), cast('1900-01-01' as date)) as as_of_date,
        false as is_given
        {%- endif %}
    from loads
    where loads.state = 'loaded'
    {%- if given_as_of_date() is not none %}
    having count(*) >= 0
    {%- endif %}
),

final as (
    select
        as_of_date,
        cast({{ days_after('as_of_date', 1) }} as timestamp) as as_of_ts,
        case
            when is_given then cast({{ days_after('as_of_date', 1) }} as timestamp)
            else cast('9999-12-31' as timestamp)
        end as known_until_ts
    from chosen
)

select * from final
