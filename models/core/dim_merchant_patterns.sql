with

patterns as (
    select * from {{ ref('merchant_patterns') }}
),

merchants as (
    select * from {{ ref('merchants') }}
),

categories as (
    select * from {{ ref('merchant_categories') }}
),

plain as (
    select
        rule_id,
        merchant_id,
        match_kind,
        confidence,
        coalesce(is_common_word, false) as is_common_word,
        {{ plain_words('pattern') }} as pattern_text
    from patterns
),

final as (
    select
        plain.rule_id,
        plain.merchant_id,
        plain.match_kind,
        categories.parent_category_id,
        nullif(categories.presence, '') as presence,
        plain.pattern_text,
        split_part(plain.pattern_text, ' ', 1) as first_word,
        length(plain.pattern_text) as pattern_length,
        plain.is_common_word,
        -- What is too short or too common cannot be told in the middle of a text.
        plain.match_kind <> 'word'
        and not plain.is_common_word
        and length(plain.pattern_text) >= 8 as is_told_inside,
        plain.confidence
    from plain
    inner join merchants on plain.merchant_id = merchants.merchant_id
    inner join categories on merchants.category_id = categories.category_id
)

select * from final
