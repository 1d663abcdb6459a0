{#- The value below which a share of the values lies, between neighbours if need be. -#}
{%- macro quantile(expression, share) -%}
{{ return(adapter.dispatch('quantile')(expression, share)) }}
{%- endmacro -%}

{%- macro default__quantile(expression, share) -%}
quantile_cont({{ expression }}, {{ share }})
{%- endmacro -%}

{%- macro spark__quantile(expression, share) -%}
percentile({{ expression }}, {{ share }})
{%- endmacro -%}
