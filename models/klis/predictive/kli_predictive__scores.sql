{%- set features = [
    'tenure_days', 'open_account_count', 'deposit_balance_amount', 'card_balance_amount',
    'certificate_count', 'credit_card_count', 'personal_loan_count', 'auto_loan_count',
    'mortgage_count', 'heloc_count', 'days_since_login', 'login_count_30_days',
    'bill_pay_count_90_days', 'page_view_count_30_days', 'days_since_payroll',
    'payroll_count_90_days', 'transfer_in_count_90_days', 'debit_count_30_days',
    'recent_debit_ratio', 'card_payment_count_90_days', 'auto_loan_payment_count_90_days',
    'mortgage_payment_count_90_days',
] -%}
with

features as (
    select * from {{ ref('kli_predictive__features') }}
),

definitions as (
    select * from {{ ref('score_definitions') }}
    where kind = 'scorecard'
),

coefficients as (
    select * from {{ ref('score_coefficients') }}
),

measured as (
    {%- for feature in features %}
    select
        member_key,
        '{{ feature }}' as feature_id,
        cast({{ feature }} as double) as feature_value
    from features
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- Whoever has the product already is not asked whether they want it.
holders as (
    select
        definitions.score_id,
        measured.member_key
    from definitions
    inner join measured on definitions.excluded_by = measured.feature_id
    where measured.feature_value > 0
),

-- The version in force of each scorecard; others stay in the seed to be read. Ten points move the odds
-- by 7 percent, and less is no reason; the higher its rank, the more a reason says.
in_force as (
    select
        definitions.score_id,
        definitions.version,
        definitions.medium_score,
        definitions.high_score,
        coefficients.feature_id,
        coefficients.bin_lower,
        coefficients.bin_upper,
        coefficients.points,
        coefficients.reason,
        case
            when coefficients.points >= 10
                then row_number() over (
                    partition by definitions.score_id
                    order by coefficients.points asc, coefficients.feature_id desc
                )
        end as reason_rank
    from definitions
    inner join coefficients
        on
            definitions.score_id = coefficients.score_id
            and definitions.version = coefficients.version
),

added as (
    select
        measured.member_key,
        in_force.score_id,
        sum(in_force.points) as points,
        500 + sum(in_force.points) as unbounded_score,
        count(in_force.reason_rank) as reason_count,
        {{ largest_first('in_force.reason_rank') }} as reason_ranks
    from measured
    inner join in_force on measured.feature_id = in_force.feature_id
    left join holders
        on
            in_force.score_id = holders.score_id
            and measured.member_key = holders.member_key
    where
        holders.member_key is null
        and (in_force.bin_lower is null or measured.feature_value >= in_force.bin_lower)
        and (in_force.bin_upper is null or measured.feature_value < in_force.bin_upper)
    group by measured.member_key, in_force.score_id
),

-- A hundred points double the odds, and 500 points are the average member's. Reasons are what speaks
-- most for the outcome.
final as (
    select
        features.member_id,
        added.score_id,
        base.version,
        cast(greatest(0, least(1000, added.unbounded_score)) as integer) as score,
        cast(
            1 / (1 + power(2, -cast(base.points + added.points as double) / 100)) as decimal(5, 4)
        ) as probability,
        case
            when added.unbounded_score >= base.high_score then 'high'
            when added.unbounded_score >= base.medium_score then 'medium'
            else 'low'
        end as band,
        added.reason_count,
        reason_1.feature_id as reason_code_1,
        reason_1.reason as reason_1,
        reason_2.feature_id as reason_code_2,
        reason_2.reason as reason_2,
        reason_3.feature_id as reason_code_3,
        reason_3.reason as reason_3
    from added
    inner join features on added.member_key = features.member_key
    inner join in_force as base on added.score_id = base.score_id and base.feature_id = 'base'
    left join in_force as reason_1
        on
            added.score_id = reason_1.score_id
            and {{ item('added.reason_ranks', 1) }} = reason_1.reason_rank
    left join in_force as reason_2
        on
            added.score_id = reason_2.score_id
            and {{ item('added.reason_ranks', 2) }} = reason_2.reason_rank
    left join in_force as reason_3
        on
            added.score_id = reason_3.score_id
            and {{ item('added.reason_ranks', 3) }} = reason_3.reason_rank
)

select * from final
