{#- The only clock. Both compile to a reference to the one-row model `as_of`, so that the SQL of
    other models never changes with the day. -#}

{%- macro as_of_date() -%}
(select clock.as_of_date from {{ ref('as_of') }} as clock)
{%- endmacro -%}

{%- macro as_of_ts() -%}
(select clock.as_of_ts from {{ ref('as_of') }} as clock)
{%- endmacro -%}

{%- macro known_until_ts() -%}
(select clock.known_until_ts from {{ ref('as_of') }} as clock)
{%- endmacro -%}

{%- macro received_until_ts() -%}
(select clock.received_until_ts from {{ ref('as_of') }} as clock)
{%- endmacro -%}

{#- Whether a row came in a file that counts: one received before the instant that was asked for, where
    one was. Written as the set of files that do not count, because there are none at night: an engine
    then compares nothing. Whatever reads a feed says it. -#}
{%- macro is_of_known_file() -%}
load_id not in (
    select unknown.load_id from {{ source('raw', 'loads') }} as unknown
    where unknown.received_at >= {{ received_until_ts() }}
)
{%- endmacro -%}

{#- Whether a day is not after the as-of day, and whether it is one of the last so many days up to it
    or later. Written as differences: where a column is compared with a subquery, an engine expects that
    hardly a row is left, and hashes the transactions rather than what they are joined with. -#}
{%- macro is_by_as_of_date(day) -%}
{{ days_between(day, as_of_date()) }} >= 0
{%- endmacro -%}

{%- macro is_within_days(day, count) -%}
{{ days_between(day, as_of_date()) }} < {{ count }}
{%- endmacro -%}

{#- The day given with `--vars`, checked; none when no day was given. It stands in quotes there: a bare
    text like a day is read as one by dbt itself, which ends at one that no calendar has. -#}
{%- macro given_as_of_date() -%}
    {%- set given = var('as_of_date', none) -%}
    {%- if given is none -%}{{ return(none) }}{%- endif -%}
    {%- set text = given | string -%}
    {%- if not is_calendar_day(text) -%}
        {{ exceptions.raise_compiler_error(
            'The variable as_of_date is ' ~ tojson(text) ~ ', which is no day of the calendar. Give one '
            ~ "like --vars '{as_of_date: " ~ '"2026-06-30"' ~ "}', or leave it out for the last day loaded."
        ) }}
    {%- endif -%}
    {{ return(text) }}
{%- endmacro -%}

{#- Before which instant a file must have been received to count, as an expression: what was given with
    `--vars`, checked, of which a day counts whole (UTC); none when nothing was given. -#}
{%- macro given_known_until() -%}
    {%- set given = var('known_until', none) -%}
    {%- if given is none -%}{{ return(none) }}{%- endif -%}
    {%- set text = given | string -%}
    {%- set parts = modules.re.fullmatch(
        '([0-9]{4}-[0-9]{2}-[0-9]{2})'
        ~ '(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?)(?:Z|[+]00:00))?',
        text
    ) -%}
    {%- if not parts or not is_calendar_day(parts.group(1)) -%}
        {{ exceptions.raise_compiler_error(
            'The variable known_until is ' ~ tojson(text) ~ ', which is no day and no instant in UTC. '
            ~ "Give one like --vars '{known_until: " ~ '"2026-07-01T06:00:00Z"' ~ "}' or "
            ~ "'{known_until: " ~ '"2026-06-30"' ~ "}' for the whole of a day, or leave it out for all files "
            ~ 'that were loaded.'
        ) }}
    {%- endif -%}
    {%- if parts.group(2) -%}
        {{ return('cast(' ~ quoted(parts.group(1) ~ ' ' ~ parts.group(2)) ~ ' as timestamp)') }}
    {%- endif -%}
    {{ return('cast(' ~ days_after('cast(' ~ quoted(parts.group(1)) ~ ' as date)', 1) ~ ' as timestamp)') }}
{%- endmacro -%}

{#- Runs before every command: what was known before the first file came is nothing, and tables without a
    row would look as if nobody had ever withdrawn a consent. -#}
{%- macro refuse_an_instant_before_all_files() -%}
    {%- set known_until = given_known_until() -%}
    {%- if execute and known_until -%}
        {%- set loads = source('raw', 'loads') -%}
        {%- set row = run_query(
            'select cast(min(received_at) as string), count_if(received_at < ' ~ known_until ~ ') from ' ~ loads
            ~ " where state = 'loaded'"
        ).rows[0] -%}
        {%- if row[0] and row[1] == 0 -%}
            {{ exceptions.raise_compiler_error(
                'The variable known_until is ' ~ tojson(var('known_until') | string) ~ ', when no file had been '
                ~ 'received: the first came at ' ~ row[0] ~ ' (UTC). Give a later instant.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}

{#- Whether a text is a day of the calendar, as 2026-06-30. -#}
{%- macro is_calendar_day(text) -%}
    {%- set parts = modules.re.fullmatch('([0-9]{4})-([0-9]{2})-([0-9]{2})', text) -%}
    {%- if not parts -%}{{ return(false) }}{%- endif -%}
    {%- set year, month, day = parts.group(1) | int, parts.group(2) | int, parts.group(3) | int -%}
    {%- set is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) -%}
    {%- set lengths = [31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] -%}
    {{ return(year >= 1 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1]) }}
{%- endmacro -%}

{#- Snapshots of definitions follow the same clock, and never go back behind what they hold: where the
    last day loaded was taken back, a build counts for the last day recorded, as another build of it. -#}
{%- macro default__snapshot_get_time() -%}
{%- if load_cached_relation(this) is none -%}
{{ as_of_ts() }}
{%- else -%}
greatest({{ as_of_ts() }}, (
    select coalesce(max(greatest(held.dbt_valid_from, held.dbt_valid_to)), timestamp '1900-01-01 00:00:00')
    from {{ this }} as held
))
{%- endif -%}
{%- endmacro -%}
