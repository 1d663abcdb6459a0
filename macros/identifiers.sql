{#- Lower case without surrounding blanks: the form in which email addresses are compared. -#}
{%- macro normalised_email(text) -%}
nullif(lower(trim({{ text }})), '')
{%- endmacro -%}

{#- The usual subset of RFC 5321 addresses: a dot-atom, at most 64 characters, at a domain name. -#}
{%- macro is_valid_email(text) -%}
(
    length({{ text }}) <= 254
    and {{ matches_pattern(
        text, '[a-z0-9_+-]+([.][a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}'
    ) }}
    and length(split_part({{ text }}, '@', 1)) <= 64
)
{%- endmacro -%}

{#- E.164 for telephone numbers of the North American plan; other numbers keep their digits. -#}
{%- macro normalised_phone(text) -%}
{%- set digits = replace_pattern(text, '[^0-9]', '') -%}
case
    when length({{ digits }}) = 10 then '+1' || {{ digits }}
    when {{ digits }} <> '' then '+' || {{ digits }}
end
{%- endmacro -%}

{#- Area and exchange begin with 2 to 9 and the area is no service code such as 411 (NANPA). -#}
{%- macro is_valid_phone(text) -%}
(
    {{ matches_pattern(text, '[+]1[2-9][0-9]{2}[2-9][0-9]{6}') }}
    and substr({{ text }}, 4, 2) <> '11'
)
{%- endmacro -%}

{#- First and last name in lower-case letters, without nicknames in quotation marks: the form in
    which names are compared. Suffixes stay, because father and son may share all else. -#}
{%- macro name_key(first_name, last_name) -%}
{%- set plain_first = replace_pattern(first_name, '"[^"]*"', '') -%}
nullif(lower({{ replace_pattern(plain_first ~ " || ' ' || " ~ last_name, '[^\\p{L}]', '') }}), '')
{%- endmacro -%}
