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

{#- A 63-bit checksum of some columns, to see whether rows changed, and as a number to group many rows by
    instead. Checksums are compared within one warehouse only: engines, and versions of an engine, may
    differ. -#}
{%- macro row_checksum(columns) -%}
{{ return(adapter.dispatch('row_checksum')(columns)) }}
{%- endmacro -%}

{%- macro default__row_checksum(columns) -%}
cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro -%}

{%- macro spark__row_checksum(columns) -%}
abs(xxhash64({{ columns | join(', ') }}) div 2)
{%- endmacro -%}

{#- A number for a token: its first 15 hexadecimal digits. Where millions of rows name members and
    accounts, they do so by this key: it is packed, sorted and joined at a tenth of the cost of 64
    digits. Equal on every engine and version; dimensions test that no two of their ids share one. -#}
{%- macro token_key(token) -%}
{{ return(adapter.dispatch('token_key')(token)) }}
{%- endmacro -%}

{%- macro default__token_key(token) -%}
try_cast('0x' || substr({{ token }}, 1, 15) as bigint)
{%- endmacro -%}

{%- macro spark__token_key(token) -%}
cast(conv(substr({{ token }}, 1, 15), 16, 10) as bigint)
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
