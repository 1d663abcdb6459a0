{#- Values that one statement of a model finds and the next ones read: days that changed, of which there
    are few. As constants they reach the blocks of a table through any view, where a condition with a
    subquery is held against rows only after everything that the view joins. They stay in the session
    of the statement, and each model notes its own before it reads them. -#}
{%- macro note_values(name, query, column) -%}
{{ return(adapter.dispatch('note_values')(name, query, column)) }}
{%- endmacro -%}

{%- macro default__note_values(name, query, column) -%}
set variable {{ name }} = (
    select coalesce(list(noted.{{ column }}), []) from (
        {{ query }}
    ) as noted
)
{%- endmacro -%}

{%- macro spark__note_values(name, query, column) -%}
create or replace temporary view {{ name }} as
select noted.{{ column }} as noted_value from (
    {{ query }}
) as noted
{%- endmacro -%}

{%- macro is_noted(name, column) -%}
{{ return(adapter.dispatch('is_noted')(name, column)) }}
{%- endmacro -%}

{%- macro default__is_noted(name, column) -%}
{{ column }} in getvariable('{{ name }}')
{%- endmacro -%}

{%- macro spark__is_noted(name, column) -%}
{{ column }} in (select {{ name }}.noted_value from {{ name }})
{%- endmacro -%}
