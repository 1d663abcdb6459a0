{#- What exists already, as rows of (database.schema.table, column). -#}
{%- macro list_raw_columns() -%}
{{ return(adapter.dispatch('list_raw_columns')()) }}
{%- endmacro -%}

{%- macro default__list_raw_columns() -%}
select
    table_catalog || '.' || table_schema || '.' || table_name as relation_name,
    column_name
from system.information_schema.columns
where table_schema in ('raw', 'history', 'builds')
{%- endmacro -%}

{#- The databases that this command may write. -#}
{%- macro list_writable_databases() -%}
{{ return(adapter.dispatch('list_writable_databases')()) }}
{%- endmacro -%}

{%- macro default__list_writable_databases() -%}
select database_name
from duckdb_databases()
where not readonly and not internal
{%- endmacro -%}

{%- macro create_source_schema(relation) -%}
create schema if not exists {{ relation.without_identifier() }}
{%- endmacro -%}

{%- macro create_source_table(relation, columns) -%}
create table if not exists {{ relation }} (
    {%- for column in columns %}
    {{ column.name }} {{ column.data_type }}{{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro -%}

{%- macro add_source_column(relation, column) -%}
alter table {{ relation }} add column {{ column.name }} {{ column.data_type }}
{%- endmacro -%}
