{#- Runs before every command: text and numbers are packed in ways whose blocks do not end with
    more than 7 bytes of whatever lay in memory, which may have been contact data. The same as in tellerline/storage.py,
    where the reason stands. -#}
{%- macro pack_without_foreign_memory() -%}
    {%- if execute -%}
        {%- do run_query("set force_compression = 'dict_fsst'") -%}
        {%- do run_query("set disabled_compression_methods = 'alp,alprd'") -%}
    {%- endif -%}
{%- endmacro -%}
