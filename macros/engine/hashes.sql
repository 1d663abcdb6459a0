{#- A number in [0, 1) that depends on the text alone, equal on every engine. -#}
{%- macro hash_ratio(text) -%}
{{ return(adapter.dispatch('hash_ratio')(text)) }}
{%- endmacro -%}

{%- macro default__hash_ratio(text) -%}
cast(cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) / 4294967296.0 as double)
{%- endmacro -%}

{%- macro spark__hash_ratio(text) -%}
cast(cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint) / 4294967296.0 as double)
{%- endmacro -%}

{#- A 63-bit checksum of some columns, to see whether rows changed. Checksums are compared within
    one warehouse only: engines, and versions of an engine, may differ. -#}
{%- macro row_checksum(columns) -%}
{{ return(adapter.dispatch('row_checksum')(columns)) }}
{%- endmacro -%}

{%- macro default__row_checksum(columns) -%}
cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro -%}

{%- macro spark__row_checksum(columns) -%}
abs(xxhash64({{ columns | join(', ') }}) div 2)
{%- endmacro -%}

{#- SHA-256 of a text as 64 hexadecimal digits. -#}
{%- macro text_sha256(text) -%}
{{ return(adapter.dispatch('text_sha256')(text)) }}
{%- endmacro -%}

{%- macro default__text_sha256(text) -%}
sha256({{ text }})
{%- endmacro -%}

{%- macro spark__text_sha256(text) -%}
sha2({{ text }}, 256)
{%- endmacro -%}
