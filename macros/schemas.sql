{#- One schema a layer, without the target's prefix: relation names are part of the interface. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro -%}

{#- dbt makes the schemas of what it selected before all else: the moment to say that a command has
    what it cannot write. -#}
{%- macro duckdb__create_schema(relation) -%}
    {%- if relation.database not in run_query(list_writable_databases()).columns[0].values() -%}
        {%- do exceptions.raise_compiler_error(
            'This command cannot write the ' ~ relation.database ~ '. What stands in the vault is built by'
            ~ ' `dbt build --selector vault --target-path target/vault`, all else without that selector.'
        ) -%}
    {%- endif -%}
    {%- call statement('create_schema') -%}
        {{ create_source_schema(relation) }}
    {%- endcall -%}
{%- endmacro -%}
