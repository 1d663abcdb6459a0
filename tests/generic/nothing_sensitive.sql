{#- No indicator rests on, or speaks of, health, religion, politics, unions, hardship, adult matters
    or gambling. For the rules: codes, categories and merchants too. -#}
{% test speaks_of_nothing_sensitive(model, columns) %}

{{ config(meta={'words': "column_name || ' speaks of ' || kind || ': ' || word"}) }}

with

texts as (
    {%- for column in columns %}
    select
        '{{ column }}' as column_name,
        {{ replace_pattern("upper(" ~ column ~ ")", "[^A-Z0-9]+", " ") }} as words
    from {{ model }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    texts.column_name,
    forbidden.word,
    forbidden.kind
from texts
inner join {{ ref('forbidden_words') }} as forbidden
    on ' ' || texts.words || ' '
    like '% ' || {{ replace_pattern("forbidden.word", "[^A-Z0-9]+", " ") }} || ' %'

{% endtest %}

{% test matches_nothing_sensitive(model) %}

{{ config(meta={'words': "kli_id || ' rests on ' || match_value || ', which shows ' || kind"}) }}

with

rule_values as (
    select
        kli_id,
        match_on,
        {{ each_part('match_values', '|') }} as match_value
    from {{ model }}
),

sensitive as (
    select
        'mcc' as match_on,
        mcc as match_value,
        kind
    from {{ ref('forbidden_mccs') }}
    union all
    select
        'category' as match_on,
        mcc_categories.category_id as match_value,
        forbidden.kind
    from {{ ref('mcc_categories') }} as mcc_categories
    inner join {{ ref('forbidden_mccs') }} as forbidden on mcc_categories.mcc = forbidden.mcc
    union all
    select
        'category' as match_on,
        'withheld' as match_value,
        'withheld' as kind
    union all
    select
        'merchant' as match_on,
        merchants.merchant_id as match_value,
        forbidden.kind
    from {{ ref('merchants') }} as merchants
    inner join {{ ref('mcc_categories') }} as mcc_categories
        on merchants.category_id = mcc_categories.category_id
    inner join {{ ref('forbidden_mccs') }} as forbidden on mcc_categories.mcc = forbidden.mcc
)

select
    rule_values.kli_id,
    rule_values.match_on,
    rule_values.match_value,
    sensitive.kind
from rule_values
inner join sensitive
    on
        rule_values.match_on = sensitive.match_on
        and rule_values.match_value = sensitive.match_value

{% endtest %}
