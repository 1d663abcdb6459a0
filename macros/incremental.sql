{#- Incremental models here delete what changed in a hook and insert what is missing in their body,
    both in one transaction: what they hold then equals a full rebuild, whatever arrived late. -#}

{#- Deletes the days on which the rollup and its source disagree.
    `measure` adds up to the same total per day on both sides; `source_filter` names the rows that
    the rollup holds. -#}
{%- macro forget_changed_days(source, day, source_measure, rollup_measure, source_filter='true') -%}
{%- if is_incremental() -%}
delete from {{ this }}
where {{ day }} in (
    with now as (
        select {{ day }} as activity_day, sum({{ source_measure }}) as total
        from {{ source }}
        where {{ source_filter }}
        group by {{ day }}
    ),
    held as (
        select {{ day }} as activity_day, sum({{ rollup_measure }}) as total
        from {{ this }}
        group by {{ day }}
    )
    select held.activity_day
    from held
    left join now on held.activity_day = now.activity_day
    where held.total is distinct from now.total
)
{%- endif -%}
{%- endmacro -%}

{#- Narrows a query over a rollup's source to the days that the rollup does not hold. -#}
{%- macro only_missing_days(day) -%}
{%- if is_incremental() -%}
and {{ day }} not in (select held.{{ day }} from {{ this }} as held)
{%- endif -%}
{%- endmacro -%}

{#- The files of a feed that the model does not hold: a common table expression to begin with. -#}
{%- macro missing_loads(feed) -%}
{%- if is_incremental() -%}
missing_loads as (
    select feed.load_id
    from (select distinct arrived.load_id from {{ feed }} as arrived) as feed
    left join (select distinct held.load_id from {{ this }} as held) as seen
        on feed.load_id = seen.load_id
    where seen.load_id is null
),

{% endif -%}
{%- endmacro -%}

{#- Narrows a query over a feed to those files. -#}
{%- macro only_missing_loads() -%}
{%- if is_incremental() -%}
and load_id in (select missing_loads.load_id from missing_loads)
{%- endif -%}
{%- endmacro -%}
