{#- No indicator, class or audience rests on, or speaks of, health, religion, politics, unions, hardship,
    adult matters or gambling. For the rules: codes, categories and merchants too.

    with_category: whether a row has a category, and may name what is sensitive where that is a category
        on which nothing may rest: it exists to keep it apart. -#}
{% test speaks_of_nothing_sensitive(model, columns, with_category=false) %}

{{ config(meta={'words': "column_name || ' speaks of ' || kind || ': ' || word"}) }}

with

texts as (
    {%- for column in columns %}
    select
        '{{ column }}' as column_name,
        {{ words_apart(column) }} as words
    from {{ model }}
    where
        {{ column }} is not null
        {%- if with_category %}
        and category_id not in (select barred.category_id from ({{ sensitive_categories() }}) as barred)
        {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

{{ sensitive_words_in('texts', ['column_name']) }}

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

sensitive_categories as (
    {{ sensitive_categories() | indent }}
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
        category_id as match_value,
        kind
    from sensitive_categories
    union all
    select
        'merchant' as match_on,
        merchants.merchant_id as match_value,
        forbidden.kind
    from {{ ref('merchants') }} as merchants
    inner join sensitive_categories as forbidden on merchants.category_id = forbidden.category_id
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
