{#- What members did within windows of days, carried forward from one build to the next: of a million
    members' groups, a day touches a few in a hundred, and only those are made again.
    A group of a member changes when a day comes, when a day leaves a window, and when a day that was
    held is told otherwise. For the last, each row has the sum of the checksums of what it was made
    from: a member of whom the source now tells another sum for the days that are held is forgotten
    (`forget_retold_members`), and made again like a member who was never held.
    Such a model is replaced by its key, has `last_date` and `row_checksum`, and forgets what lies
    beyond its longest window (`forget_past_windows`). -#}

{#- The last day that is held: where nothing happened on the day of the last build, one before, and what
    then left the longest window in between is only taken for told otherwise. -#}
{%- macro held_until() -%}
(select coalesce(max(held.last_date), cast('1900-01-01' as date)) from {{ this }} as held)
{%- endmacro -%}

{#- Deletes the members of whom the source tells something else for the days that are held.
    `source_filter` names the rows that the model is made from. -#}
{%- macro forget_retold_members(source, day, longest_window, source_filter='true') -%}
{%- if is_incremental() -%}
delete from {{ this }}
where {{ held_until() }} > {{ as_of_date() }} or member_key in (
    with now as (
        select member_key, sum(row_checksum) as total
        from {{ source }}
        where
            {{ days_between(day, held_until()) }} >= 0
            and {{ days_between(day, held_until()) }} < {{ longest_window }}
            and {{ source_filter }}
        group by member_key
    ),
    held as (
        select member_key, sum(row_checksum) as total
        from {{ this }}
        group by member_key
    )
    select held.member_key
    from held
    left join now on held.member_key = now.member_key
    where held.total is distinct from now.total
)
{%- endif -%}
{%- endmacro -%}

{#- The days whose groups are made again, and the members who are not held: common table expressions to
    begin with. `source` is a relation: an expression that is read more than once is kept whole. -#}
{%- macro touched(source, day, windows) -%}
{%- if is_incremental() -%}
held as (
    select coalesce(max(last_date), cast('1900-01-01' as date)) as held_date
    from {{ this }}
),

touched_days as (
    select known.{{ day }}
    from (select distinct told.{{ day }} from {{ source }} as told) as known
    cross join held
    where
        {{ days_between('held.held_date', 'known.' ~ day) }} > 0
        {%- for window in windows %}
        or (
            {{ days_between('known.' ~ day, 'held.held_date') }} < {{ window }}
            and {{ days_between('known.' ~ day, as_of_date()) }} >= {{ window }}
        )
        {%- endfor %}
),

{{ missing(source, 'member_key') }}
{% endif -%}
{%- endmacro -%}

{#- Narrows a query to the groups that such rows have, in a common table expression `touched_groups`. -#}
{%- macro only_touched_groups(source, group_key) -%}
{%- if is_incremental() -%}
exists (
    select 1 from touched_groups
    where
        touched_groups.member_key = {{ source }}.member_key
        and touched_groups.{{ group_key }} = {{ source }}.{{ group_key }}
)
{%- else -%}
true
{%- endif -%}
{%- endmacro -%}

{#- Deletes what no day within the longest window is left of. -#}
{%- macro forget_past_windows(longest_window) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where not {{ is_within_days('last_date', longest_window) }}
{%- endif -%}
{%- endmacro -%}

{#- The same where all of a member is made again at once. Each row has `member_checksum`, the sum of the
    checksums of all that its member's rows are made from; who has another sum now is forgotten, whatever
    the reason, and made again like a member who was never held.
    `is_outdated`: what the clock alone makes untrue of a row. -#}
{%- macro forget_changed_members(source, day, window, is_outdated) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where member_key in (
    with now as (
        select member_key, sum(row_checksum) as total
        from {{ source }}
        where {{ is_within_days(day, window) }}
        group by member_key
    ),
    held as (
        select member_key, max(member_checksum) as total, bool_or({{ is_outdated }}) as is_outdated
        from {{ this }}
        group by member_key
    )
    select held.member_key
    from held
    left join now on held.member_key = now.member_key
    where held.is_outdated or held.total is distinct from now.total
)
{%- endif -%}
{%- endmacro -%}
