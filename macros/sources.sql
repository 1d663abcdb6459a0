{#- Runs before every command: makes the raw schemas, tables and columns that ingestion has not made
    yet, from the declared sources, so that the project builds on a fresh clone. In those databases
    that the command may write: the other one is read, or is not there. -#}
{%- macro create_missing_sources() -%}
    {%- if execute -%}
        {%- set present = {} -%}
        {%- for row in run_query(list_raw_columns()).rows -%}
            {%- do present.setdefault(row[0] | lower, []).append(row[1] | lower) -%}
        {%- endfor -%}
        {%- set writable = run_query(list_writable_databases()).columns[0].values() -%}
        {%- for source in graph.sources.values() if source.database in writable -%}
            {%- set relation = api.Relation.create(
                database=source.database, schema=source.schema, identifier=source.identifier
            ) -%}
            {%- set key = (source.database ~ '.' ~ source.schema ~ '.' ~ source.identifier) | lower -%}
            {%- if key not in present -%}
                {%- do run_query(create_source_schema(relation)) -%}
                {%- do run_query(create_source_table(relation, source.columns.values())) -%}
            {%- else -%}
                {%- for column in source.columns.values() if column.name not in present[key] -%}
                    {%- do run_query(add_source_column(relation, column)) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
