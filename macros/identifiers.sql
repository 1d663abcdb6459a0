{#- What a person typed, composed, without the blanks, tabs and invisible characters around it; null
    when nothing is left. -#}
{%- macro bare_text(text) -%}
nullif({{ replace_pattern(composed(text), '^[\\s\\p{Z}\\p{C}]+|[\\s\\p{Z}\\p{C}]+$', '') }}, '')
{%- endmacro -%}

{#- In lower case and bare: the form in which email addresses are compared. -#}
{%- macro normalised_email(text) -%}
lower({{ bare_text(text) }})
{%- endmacro -%}

{#- Addresses of RFC 5321 whose local part is a dot-atom of at most 64 characters (RFC 5322, 3.2.3: an
    apostrophe, a plus and others may stand in it), at a domain name. It begins with a letter, digit or
    underscore: with `=`, `+` or `-` a file would reach its reader as another address, because a
    spreadsheet takes it for a formula; with the other signs it is a slip of the pen. -#}
{%- macro is_valid_email(text) -%}
{%- set atom = '[a-z0-9!#$%&\\x27*+/=?^_`{|}~-]' -%}
{%- set domain = '([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}' -%}
(
    length({{ text }}) <= 254
    and {{ matches_pattern(text, '[a-z0-9_]' ~ atom ~ '*([.]' ~ atom ~ '+)*@' ~ domain) }}
    and length(split_part({{ text }}, '@', 1)) <= 64
)
{%- endmacro -%}

{#- E.164 for international numbers, written with a leading `+`, 00 or 011, and for the ten digits of the
    North American plan, with or without its 1. An extension (ext, x, #) is no part of a number. Digits
    that are neither are kept as they are, without a `+`: nobody knows whose number they are. -#}
{%- macro normalised_phone(text) -%}
{%- set number = replace_pattern(text, '(?i)([0-9][^0-9a-z#]*)(ext|x|#)(?s:.*)$', '\\1') -%}
{%- set digits = replace_pattern(number, '[^0-9]', '') -%}
case
    when {{ digits }} = '' then null
    when {{ begins_with(replace_pattern(number, '[^0-9+]', ''), "'+'") }} then '+' || {{ digits }}
    when {{ matches_pattern(digits, '1?[2-9][0-9]{9}') }} then '+1' || right({{ digits }}, 10)
    when {{ matches_pattern(digits, '(00|011)[1-9][0-9]+') }}
        then '+' || {{ replace_pattern(digits, '^(00|011)', '') }}
    else {{ digits }}
end
{%- endmacro -%}

{#- Area and exchange begin with 2 to 9 and the area is no service code such as 411 (NANPA). -#}
{%- macro is_valid_phone(text) -%}
(
    {{ matches_pattern(text, '[+]1[2-9][0-9]{2}[2-9][0-9]{6}') }}
    and substr({{ text }}, 4, 2) <> '11'
)
{%- endmacro -%}

{#- First and last name in lower-case letters, without nicknames in quotation marks: the form in which
    composed names are compared. A blank between them tells Ann Alee from Anna Lee; suffixes stay, because
    father and son may share all else. Null where one of the names has no letter. -#}
{%- macro name_key(first_name, last_name) -%}
{%- set plain_first = replace_pattern(first_name, '"[^"]*"', '') -%}
lower(
    nullif({{ replace_pattern(plain_first, '[^\\p{L}\\p{M}]', '') }}, '')
    || ' '
    || nullif({{ replace_pattern(last_name, '[^\\p{L}\\p{M}]', '') }}, '')
)
{%- endmacro -%}
