{#- The days whose snapshots are kept, as a relation: the last of every calendar month, which includes the
    latest. -#}
{%- macro kept_snapshot_days() -%}
(
    select max(loads.business_date) as business_date
    from {{ ref('stg_alkami__loads') }} as loads
    where
        loads.feed = 'account_snapshot'
        and loads.state = 'loaded'
        and loads.business_date <= {{ as_of_date() }}
    group by date_trunc('month', loads.business_date)
)
{%- endmacro -%}
