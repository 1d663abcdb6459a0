{#- What a terminal or a bank's own system writes before a descriptor. -#}
{%- macro leading_noise() -%}
{{ return([
    {'name': 'quotation marks', 'pattern': '"', 'replacement': ''},
    {'name': '7-Eleven, not a day of July', 'pattern': '^7-11( |#|$)', 'replacement': '7-ELEVEN '},
    {'name': 'purchase with date', 'pattern': '^(PURCHASE|RECURRING PAYMENT) AUTHORIZED ON [0-9]{2}/[0-9]{2} +', 'replacement': ''},
    {'name': 'words of a card purchase', 'pattern': '^((POS|POINT OF SALE|TRANSACTION|CONSUMER DEBIT|INTERLINK|EXT|PIN|NON-?PIN|VISA|MASTERCARD|MC|SIG|SIGNATURE|DEBIT|DBT|CRD|CARD|DDA|TERMINAL|TERM|CHECK ?CARD|CHKCARD|CKCD|CK CD|PURCHASE|PURCH|PUR|PMT|PREAUTH|PRE-AUTH|PREAUTHORIZED|AUTHORIZED ON|AUTH|WITHDRAWAL|WITHDRWL|WD|RECUR|RECURRING|RECURRING PAYMENT|CONTACTLESS|INTL|ECOMM|[0-9]{1,2}[/-][0-9]{2}([/-][0-9]{2,4})?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AP]M?)?|[0-9]{3,}|#[0-9]+|[X*]+[0-9]{2,4}) *[ :/-] *)+', 'replacement': ''},
    {'name': 'bill payment', 'pattern': '^(BILL ?PAY|(ONLINE )?(BILL )?PAYMENT TO|OLB BILLPMT) +', 'replacement': ''},
    {'name': 'ACH', 'pattern': '^ACH (DEBIT|CREDIT) +', 'replacement': ''},
    {'name': 'address on the web', 'pattern': '^(HTTPS?://)?WWW[. ]', 'replacement': ''},
]) }}
{%- endmacro -%}

{%- macro without_leading_noise(text) -%}
{%- set state = namespace(text='upper(trim(' ~ text ~ '))') -%}
{%- for noise in leading_noise() -%}
    {%- set state.text = replace_pattern(state.text, noise.pattern, noise.replacement) -%}
{%- endfor -%}
{{ state.text }}
{%- endmacro -%}

{#- What is noise in a descriptor, in the order in which it is taken out: name, regular expression,
    replacement. These are constants of the query, not a seed, because an engine compiles a regular
    expression that comes from a table once a row: thirty times slower on DuckDB. -#}
{%- macro descriptor_noise() -%}
{{ return([
    {'name': 'telephone number', 'pattern': '[(]?[0-9]{3}[)]?[-. ]+[0-9]{3}[-. ]?[0-9]{4}|[(][0-9]{3}[)][0-9]{3}-?[0-9]{4}|[0-9]{3}-[0-9]{7}', 'replacement': ' '},
    {'name': 'masked card number', 'pattern': '[X*]{2,}[0-9]{2,4}', 'replacement': ' '},
    {'name': 'time of authorisation', 'pattern': '[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?', 'replacement': ' '},
    {'name': 'store number', 'pattern': '# *[0-9]+', 'replacement': ' '},
    {'name': 'order code', 'pattern': '[*] *[A-Z]{0,2}[0-9][A-Z0-9]{4,}', 'replacement': ' '},
]) }}
{%- endmacro -%}

{#- Noise that can only be told once punctuation is gone. -#}
{%- macro word_noise() -%}
{{ return([
    {'name': 'number behind a name', 'pattern': '(^| )([A-Z]{4,})[0-9]{3,}( |$)', 'replacement': '\\1\\2\\3'},
    {'name': 'number behind a short name', 'pattern': '(^| )([A-Z]{3})[0-9]{7,}( |$)', 'replacement': '\\1\\2\\3'},
    {'name': 'number between names', 'pattern': '(^| )([A-Z]{4,})[0-9]{3,}([A-Z]+)( |$)', 'replacement': '\\1\\2 \\3\\4'},
    {'name': 'long number', 'pattern': '(^| )[0-9]{3,}( [0-9]{3,})*( |$)', 'replacement': ' '},
    {'name': 'code of letters and digits', 'pattern': '(^| )[A-Z]*[0-9][A-Z0-9]{5,}( |$)', 'replacement': ' '},
]) }}
{%- endmacro -%}

{#- Words that tell something sensitive of people, and do not in these phrases: towns, streets, animals. -#}
{%- macro innocent_phrases() -%}
{{ return([
    {'name': 'town', 'pattern': '(^| )FALLS CHURCH( |$)'},
    {'name': 'address', 'pattern': '(^| )(ON|AT|[0-9]+|[NSEW]|NORTH|SOUTH|EAST|WEST) (CHURCH|HOSPITAL|CASINO) (ST|STREET|RD|ROAD|AVE|AVENUE|DR|DRIVE|LN|LANE|BLVD|HWY|PKWY|WAY|SQ)( |$)'},
    {'name': 'street', 'pattern': '(^| )(CHURCH|HOSPITAL|CASINO) (STREET|ROAD|AVENUE|DRIVE|LANE|BLVD|HWY|PKWY)( |$)'},
    {'name': 'animals', 'pattern': '(^| )(ANIMAL|PET|VET|VETERINARY|CAT|DOG|EQUINE) (HOSPITALS?|URGENT CARE|HEALTHCARE|CLINICS?|MEDICAL|DENTAL)( |$)'},
    {'name': 'repairs', 'pattern': '(^| )(AUTO|BIKE|CAR|CARPET|COMPUTER|DENT|FURNITURE|GLASS|GOLF|GUITAR|LAWN|MOWER|PHONE|PLANT|SHOE|SKI|TIRE|TRUCK|WATCH) CLINICS?( |$)'},
]) }}
{%- endmacro -%}

{%- macro without_innocent_phrases(text) -%}
{%- set state = namespace(text=text) -%}
{%- for phrase in innocent_phrases() -%}
    {%- set state.text = replace_pattern(state.text, phrase.pattern, ' ') -%}
{%- endfor -%}
{{ state.text }}
{%- endmacro -%}

{#- Letters, digits, & and + in single-spaced words: the form in which patterns and descriptors are
    compared. An address on the web is the name and COM. -#}
{%- macro plain_words(text) -%}
{%- set parted = replace_pattern('upper(' ~ text ~ ')', '[.](COM|NET|ORG)', ' COM') -%}
{%- set no_marks = replace_pattern(parted, "[.''’]", '') -%}
{%- set spaced = replace_pattern(no_marks, '[^A-Z0-9&+]+', ' ') -%}
trim({{ spaced }})
{%- endmacro -%}

{%- macro without_noise(text) -%}
{%- set state = namespace(text=text) -%}
{%- for noise in descriptor_noise() -%}
    {%- set state.text = replace_pattern(state.text, noise.pattern, noise.replacement) -%}
{%- endfor -%}
{%- set state.text = plain_words(state.text) -%}
{%- for noise in word_noise() -%}
    {%- set state.text = 'trim(' ~ replace_pattern(state.text, noise.pattern, noise.replacement) ~ ')' -%}
{%- endfor -%}
{{ state.text }}
{%- endmacro -%}

{#- Columns that have one value in each group, under their names. -#}
{%- macro any_values(columns) -%}
{%- for column in columns -%}
any_value({{ column }}) as {{ column }}{{ ', ' if not loop.last }}
{%- endfor -%}
{%- endmacro -%}

{#- One checksum over all that decides how a descriptor is read: when it changes, every descriptor is
    read again. -#}
{%- macro merchant_rules_checksum() -%}
{%- set seeds = {
    'merchants': ['merchant_id', 'category_id'],
    'merchant_patterns': [
        'rule_id', 'merchant_id', 'match_kind', 'pattern', 'confidence', 'is_common_word',
    ],
    'merchant_prefixes': ['prefix'],
    'merchant_words': [
        'rule_id', 'phrase', 'category_id', 'billed_category_id', 'refines_category_id', 'confidence',
    ],
    'merchant_categories': ['category_id', 'parent_category_id', 'competitor_product', 'presence'],
    'mcc_categories': ['mcc', 'category_id'],
    'ach_entry_rules': [
        'rule_id', 'direction', 'entry_class', 'entry_start', 'company_start', 'category_id', 'confidence',
        'outranks_merchant',
    ],
    'forbidden_mccs': ['mcc', 'is_withheld'],
    'forbidden_words': ['word', 'kind', 'is_withheld'],
} -%}
select
    '{{ local_md5(tojson([leading_noise(), descriptor_noise(), word_noise(), innocent_phrases()])) }}'
    || '-' || cast(sum(checksums.row_checksum) as string) as rules_checksum
from (
    {%- for seed, columns in seeds.items() %}
    select {{ row_checksum(columns) }} as row_checksum from {{ ref(seed) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
) as checksums
{%- endmacro -%}

{#- Deletes what no transaction has any more, and what was read under other rules. -#}
{%- macro forget_other_readings(transactions) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where
    rules_checksum not in (select rules.rules_checksum from ({{ merchant_rules_checksum() }}) as rules)
    or descriptor_key not in (select distinct told.descriptor_key from {{ transactions }} as told)
{%- endif -%}
{%- endmacro -%}

{#- Whether a company's name begins as a rule asks, where it asks: one word is a whole word, several may
    be cut. -#}
{%- macro begins_company(party_text, start) -%}
(
    {{ start }} is null
    or (
        {{ begins_with(party_text, start) }}
        and (
            {{ start }} like '% %'
            or {{ start }} like '%.%'
            or substr({{ party_text }}, length({{ start }}) + 1, 1) not between 'A' and 'Z'
        )
    )
)
{%- endmacro -%}

{#- Words in the name of who pays wages that do not name the employer. -#}
{%- macro employer_noise() -%}
{{ return([
    {'name': 'legal form', 'pattern': '\\b(LLC|LLP|PLLC|LP|INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|LTD|LIMITED|PC|THE)\\b *'},
    {'name': 'processor of payrolls', 'pattern': '\\b(ADP|TOTALSOURCE|PAYCHEX|TPS|GUSTO|PAYCOM|PAYLOCITY|PAYCOR|TRINET|INSPERITY|JUSTWORKS|RIPPLING|CERIDIAN|DAYFORCE|UKG|INTUIT|QUICKBOOKS)\\b *'},
    {'name': 'wages', 'pattern': '\\b(PAYROLL|PAYRL|PAYR|DIRDEP)\\b *'},
]) }}
{%- endmacro -%}

{#- Who pays wages, in plain words; empty where the name is but that of a processor. -#}
{%- macro employer_name(text) -%}
{%- set state = namespace(text=plain_words(text)) -%}
{%- for noise in employer_noise() -%}
    {%- set state.text = replace_pattern(state.text, noise.pattern, '') -%}
{%- endfor -%}
trim({{ state.text }})
{%- endmacro -%}
