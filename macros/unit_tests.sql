{#- The rows of dbt's unit tests as one list of values, cast once a column. dbt's own macros write a
    select for each row with every column of the relation, and call several macros for each cell;
    that was most of the time of all unit tests. -#}

{#- Rows as a query that has every column in `types`; those that no row names are null.
    `fixture` is how errors call them. -#}
{%- macro rows_as_values(rows, types, fixture) -%}
{%- set names = [] -%}
{%- set lines = [] -%}
{%- for row in rows -%}
    {%- for name in row if name | lower not in names -%}
        {%- if name | lower not in types -%}
            {{- exceptions.raise_compiler_error(
                fixture ~ ' has the column ' ~ name ~ ', which the relation does not have; it has '
                ~ types.keys() | join(', ') ~ '.'
            ) -}}
        {%- endif -%}
        {%- do names.append(name | lower) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for row in rows -%}
    {%- set cells = {} -%}
    {%- for name, value in row.items() if value is not none -%}
        {%- do cells.update({name | lower: "'" ~ value | string | replace("'", "''") ~ "'"}) -%}
    {%- endfor -%}
    {%- set line = [] -%}
    {%- for name in names -%}{%- do line.append(cells.get(name, 'null')) -%}{%- endfor -%}
    {%- do lines.append('(' ~ line | join(', ') ~ ')') -%}
{%- endfor -%}
select
    {%- for name, type in types.items() %}
    cast({{ '"' ~ name ~ '"' if name in names else 'null' }} as {{ type }}) as "{{ name }}"{{ ',' if not loop.last }}
    {%- endfor %}
{%- if lines %}
from (
    values
    {{ lines | join(',\n    ') }}
) as given ("{{ names | join('", "') }}")
{%- else %}
limit 0
{%- endif -%}
{%- endmacro -%}

{#- What a unit test gives in place of a relation. -#}
{%- macro get_fixture_sql(rows, column_name_to_data_types) -%}
{%- set types = column_name_to_data_types or {} -%}
{%- if not types -%}
    {%- for column in adapter.get_columns_in_relation(this) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
{%- endif -%}
{%- if not types -%}
    {{- exceptions.raise_compiler_error(
        'The rows given for ' ~ model.name ~ ' need the columns of ' ~ this ~ ', which is not built yet.'
    ) -}}
{%- endif -%}
{{ rows_as_values(rows, types, 'What is given for ' ~ model.name) }}
{%- endmacro -%}

{#- What a unit test expects: the columns that its first row names. -#}
{%- macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
{%- if rows -%}
    {%- set types = {} -%}
    {%- for name in rows[0] if name | lower in column_name_to_data_types -%}
        {%- do types.update({name | lower: column_name_to_data_types[name | lower]}) -%}
    {%- endfor -%}
{{ rows_as_values(rows, types, 'What ' ~ model.name ~ ' expects') }}
{%- else -%}
select * from dbt_internal_unit_test_actual
limit 0
{%- endif -%}
{%- endmacro -%}
