{#- Stands behind the `as` of a common table expression that several others read, where it has millions of
    rows: each of them then reads it anew, and takes the rows and columns that it needs. Otherwise the
    engine would hold all of them first. Not for what is grouped or sorted: that is better done once. -#}
{%- macro read_by_each() -%}
{{ return(adapter.dispatch('read_by_each')()) }}
{%- endmacro -%}

{%- macro default__read_by_each() -%}
not materialized
{%- endmacro -%}

{%- macro spark__read_by_each() -%}
{%- endmacro -%}
