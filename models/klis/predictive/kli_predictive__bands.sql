with

scores as (
    select * from {{ ref('kli_predictive__scores') }}
),

definitions as (
    select * from {{ ref('score_definitions') }}
),

-- A score that is past its review date, or that was not found good enough, gives no indicator.
cards as (
    select * from {{ ref('msr_score_cards') }}
    where is_usable
),

usable as (
    select
        definitions.score_id,
        definitions.indicator,
        definitions.next_best_indicator
    from definitions
    inner join cards on definitions.score_id = cards.score_id
),

scored as (
    select
        scores.*,
        usable.indicator,
        usable.next_best_indicator
    from scores
    inner join usable on scores.score_id = usable.score_id
),

-- The product whose odds stand highest above the average member's.
ranked as (
    select
        *,
        row_number() over (
            partition by member_id
            order by score desc, probability desc, score_id asc
        ) as product_rank
    from scored
    where next_best_indicator is not null
),

best as (
    select ranked.*
    from ranked
    inner join usable on usable.score_id = 'next_best_product'
    where ranked.product_rank = 1 and ranked.band <> 'low'
),

assigned as (
    select
        member_id,
        indicator,
        version,
        score,
        probability,
        reason_count,
        reason_1,
        reason_2,
        reason_3
    from scored
    where band = 'high'
    union all
    select
        member_id,
        next_best_indicator as indicator,
        version,
        score,
        probability,
        reason_count,
        reason_1,
        reason_2,
        reason_3
    from best
),

final as (
    select
        member_id,
        -- The family stands here, so that others are seen to have nothing to do with scores.
        'predictive__' || indicator as kli_id,
        reason_count as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        {{ as_of_date() }} as first_seen,
        {{ as_of_date() }} as last_seen,
        cast(probability as decimal(4, 2)) as confidence,
        'Score ' || cast(score as string) || ' of 1000, version ' || cast(version as string)
        || coalesce(': ' || reason_1, '')
        || coalesce('; ' || reason_2, '')
        || coalesce('; ' || reason_3, '') as rationale
    from assigned
)

select * from final
