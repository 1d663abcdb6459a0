with

-- A line's evidence goes by its number: by the text, a million members' groups do not fit in memory.
rules as (
    select
        *,
        {{ row_checksum(['kli_id']) }} as rule_key
    from {{ ref('kli_rules') }}
),

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
),

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
),

members as (
    select * from {{ ref('dim_members') }}
),

rule_values as (
    select
        rule_key,
        match_on,
        direction,
        window_days,
        {{ each_part('match_values', '|') }} as match_value
    from rules
),

class_values as (
    select
        spend_class_key,
        direction,
        confidence,
        'category' as match_on,
        category_id as match_value
    from spend_classes
    union all
    select
        spend_class_key,
        direction,
        confidence,
        'merchant' as match_on,
        merchant_id
    from spend_classes
    union all
    select
        spend_class_key,
        direction,
        confidence,
        'mcc' as match_on,
        mcc
    from spend_classes
    union all
    select
        spend_class_key,
        direction,
        confidence,
        'competitor_product' as match_on,
        competitor_product
    from spend_classes
),

-- Rules meet the few thousand classes of spend, not the transactions: a rule more costs little.
class_rules as (
    select distinct
        class_values.spend_class_key,
        class_values.confidence,
        rule_values.rule_key,
        rule_values.window_days
    from rule_values
    inner join class_values
        on
            rule_values.match_on = class_values.match_on
            and rule_values.match_value = class_values.match_value
            and rule_values.direction = class_values.direction
),

evidence as (
    select
        spend_days.member_key,
        class_rules.rule_key,
        sum(spend_days.transaction_count) as evidence_count,
        sum(spend_days.net_amount) as evidence_amount,
        min(spend_days.transaction_date) as first_seen,
        max(spend_days.transaction_date) as last_seen,
        sum(spend_days.transaction_count * class_rules.confidence)
        / sum(spend_days.transaction_count) as confidence
    from spend_days
    inner join class_rules on spend_days.spend_class_key = class_rules.spend_class_key
    where {{ is_within_days('spend_days.transaction_date', 'class_rules.window_days') }}
    group by spend_days.member_key, class_rules.rule_key
),

final as (
    select
        members.member_id,
        rules.kli_id,
        cast(evidence.evidence_count as bigint) as evidence_count,
        cast(evidence.evidence_amount as decimal(18, 2)) as evidence_amount,
        evidence.first_seen,
        evidence.last_seen,
        cast(evidence.confidence as decimal(4, 2)) as confidence,
        cast(evidence.evidence_count as string)
        || ' transactions of '
        || cast(cast(evidence.evidence_amount as decimal(18, 2)) as string)
        || ' dollars in all within '
        || cast(rules.window_days as string)
        || ' days, by ' || rules.match_on || ' ' || rules.match_values as rationale
    from evidence
    inner join rules on evidence.rule_key = rules.rule_key
    inner join members on evidence.member_key = members.member_key
    where
        evidence.evidence_count >= rules.minimum_count
        and evidence.evidence_amount >= rules.minimum_amount
        and rules.member_type in ('any', members.member_type)
)

select * from final
