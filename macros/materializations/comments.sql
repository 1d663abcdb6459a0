{#- What the YAML says of a relation and its columns, as comments that any tool shows. The contracts
    and the dictionary's tests hold the columns to the YAML, so that nothing is asked here first. A
    comment ends where the pages of dbt docs begin: at the first heading. -#}
{%- macro comments_on(relation, model) -%}
    {%- if config.persist_relation_docs() and model.description -%}
        {{- alter_relation_comment(relation, model.description.split('\n\n#')[0]) -}}
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.description %}
        comment on column {{ relation }}.{{ column.name }} is {{ duckdb_escape_comment(column.description) }};
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}

{#- The same for relations that are not replaced whole, in one statement. -#}
{%- macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set comments = comments_on(relation, model) -%}
    {%- if comments | trim -%}
        {%- do run_query(comments) -%}
    {%- endif -%}
{%- endmacro -%}
