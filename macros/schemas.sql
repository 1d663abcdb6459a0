{#- One schema a layer, without the target's prefix: relation names are part of the interface. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro -%}
