{#- A statement that fails with these words. -#}
{%- macro fail_with(words) -%}
{{ return(adapter.dispatch('fail_with')(words)) }}
{%- endmacro -%}

{%- macro default__fail_with(words) -%}
select error({{ quoted(words) }})
{%- endmacro -%}

{%- macro spark__fail_with(words) -%}
select raise_error({{ quoted(words) }})
{%- endmacro -%}
