-- No segment rests on a score that may not be used: one that was not measured, is below its floor or
-- not stable, or whose review date has passed. Segments name each predictive indicator in full.
{{ config(group='warehouse', meta={'words': "segment_id || ' uses ' || kli_id || ': ' || problem"}) }}

with

cards as (
    select * from {{ ref('msr_score_cards') }}
),

definitions as (
    select * from {{ ref('score_definitions') }}
),

-- The next best product rests on the score of the product and on the choice.
indicators as (
    select
        'predictive__' || indicator as kli_id,
        score_id
    from definitions
    where indicator is not null
    union all
    select
        'predictive__' || next_best_indicator as kli_id,
        score_id
    from definitions
    where next_best_indicator is not null
    union all
    select
        'predictive__' || next_best_indicator as kli_id,
        'next_best_product' as score_id
    from definitions
    where next_best_indicator is not null
),

used as (
    {{ segments_naming('predictive__') | indent }}
)

select
    used.segment_id,
    used.kli_id,
    indicators.score_id,
    coalesce(cards.unusable_reason, 'No score gives this indicator') as problem
from used
left join indicators on used.kli_id = indicators.kli_id
left join cards on indicators.score_id = cards.score_id
where not coalesce(cards.is_usable, false)
