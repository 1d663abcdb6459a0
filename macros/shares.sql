{#- A part of a whole with four decimals; null where there is no whole. What is left over is cut off and not
    rounded: a share that does not reach a limit must not look as if it did. -#}
{%- macro share_of(part, whole) -%}
cast(floor(10000 * {{ part }} / nullif({{ whole }}, 0)) / 10000 as decimal(5, 4))
{%- endmacro -%}
