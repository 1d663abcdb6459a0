{#- Incremental models here delete what changed in a hook and insert what is missing in their body,
    both in one transaction: what they hold then equals a full rebuild, whatever arrived late. -#}

{#- Finds the days on which the rollup and its source disagree, of which one may have none, and keeps them
    for the two steps that follow. `measure` adds up to the same total per day on both sides;
    `source_filter` names the rows that the rollup holds. It changes no row: which days are made
    again shows in no row of them. -#}
{%- macro note_changed_days(source, day, source_measure, rollup_measure, source_filter='true') -%}
{%- if is_incremental() -%}
{%- set changed -%}
    select coalesce(now.activity_day, held.activity_day) as activity_day
    from (
        select {{ day }} as activity_day, sum({{ source_measure }}) as total
        from {{ source }}
        where {{ source_filter }}
        group by {{ day }}
    ) as now
    full outer join (
        select {{ day }} as activity_day, sum({{ rollup_measure }}) as total
        from {{ this }}
        group by {{ day }}
    ) as held on now.activity_day = held.activity_day
    where now.total is distinct from held.total
{%- endset -%}
{{ note_values('changed_days', changed, 'activity_day') }}
{%- endif -%}
{%- endmacro -%}

{#- Deletes those days, which the query then makes again. -#}
{%- macro forget_changed_days(day) -%}
{%- if is_incremental() -%}
delete from {{ this }} where {{ is_noted('changed_days', day) }}
{%- endif -%}
{%- endmacro -%}

{#- Narrows the query over the source to those days. -#}
{%- macro only_changed_days(day) -%}
{%- if is_incremental() -%}{{ is_noted('changed_days', day) }}{%- else -%}true{%- endif -%}
{%- endmacro -%}

{#- The values of a column of `source` that the model does not hold, such as its files, days or members: a
    common table expression to begin with. -#}
{%- macro missing(source, column) -%}
{%- if is_incremental() -%}
missing as (
    select known.{{ column }}
    from (select distinct told.{{ column }} from {{ source }} as told) as known
    left join (select distinct held.{{ column }} from {{ this }} as held) as seen
        on known.{{ column }} = seen.{{ column }}
    where seen.{{ column }} is null
),

{% endif -%}
{%- endmacro -%}

{#- Narrows a query over the source to those. It stands before other conditions: an engine then reads the
    blocks of a table that hold such values, and no others. -#}
{%- macro only_missing(column) -%}
{%- if is_incremental() -%}
{{ column }} in (select missing.{{ column }} from missing)
{%- else -%}
true
{%- endif -%}
{%- endmacro -%}

{#- Deletes the rows that an earlier file names too, where that file arrived only now: the first to
    name a key counts. -#}
{%- macro forget_displaced_rows(feed, key) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where {{ key }} in (
    with {{ missing(feed, 'load_id') }}
    arrived as (
        select {{ key }}, business_date, load_id
        from {{ feed }}
        where {{ only_missing('load_id') }} and {{ is_by_as_of_date('business_date') }}
    )
    select known.{{ key }}
    from {{ this }} as known
    inner join arrived on known.{{ key }} = arrived.{{ key }}
    where
        known.business_date > arrived.business_date
        or (known.business_date = arrived.business_date and known.load_id > arrived.load_id)
)
{%- endif -%}
{%- endmacro -%}

{#- The files that each business day of a feed is read from as one number, as a relation. Its rows alone
    do not tell that a day was read with a file: all that it holds may be known already. A file that
    another one replaced is none of them. -#}
{%- macro files_of_days(loads, feed) -%}
(
    select
        told.business_date,
        cast(sum({{ row_checksum(['told.load_id']) }}) as decimal(38, 0)) as files_checksum
    from {{ loads }} as told
    where told.feed = '{{ feed }}' and told.state = 'loaded' and told.replaced_by_load_id is null
    group by told.business_date
)
{%- endmacro -%}

{#- Deletes the days of a copy of a feed that are no longer kept, and those that were read from
    other files than now: one came since, or replaced another. -#}
{%- macro forget_days_of_other_files(loads, feed, kept_days) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where
    business_date not in (select kept.business_date from {{ kept_days }} as kept)
    or business_date in (
        select held.business_date
        from (select distinct told.business_date, told.files_checksum from {{ this }} as told) as held
        left join {{ files_of_days(loads, feed) }} as files on held.business_date = files.business_date
        where held.files_checksum is distinct from files.files_checksum
    )
{%- endif -%}
{%- endmacro -%}
