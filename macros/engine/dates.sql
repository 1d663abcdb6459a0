{#- Date arithmetic in whole days. `count` is an integer expression. -#}

{%- macro days_before(day, count) -%}
{{ return(adapter.dispatch('days_before')(day, count)) }}
{%- endmacro -%}

{%- macro default__days_before(day, count) -%}
({{ day }} - cast({{ count }} as integer))
{%- endmacro -%}

{%- macro spark__days_before(day, count) -%}
date_sub({{ day }}, cast({{ count }} as int))
{%- endmacro -%}

{%- macro days_after(day, count) -%}
{{ return(days_before(day, '-(' ~ count ~ ')')) }}
{%- endmacro -%}

{#- Whole days from `earlier` to `later`, negative when they are the other way round. -#}
{%- macro days_between(earlier, later) -%}
{{ return(adapter.dispatch('days_between')(earlier, later)) }}
{%- endmacro -%}

{%- macro default__days_between(earlier, later) -%}
date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro -%}

{%- macro spark__days_between(earlier, later) -%}
datediff({{ later }}, {{ earlier }})
{%- endmacro -%}
