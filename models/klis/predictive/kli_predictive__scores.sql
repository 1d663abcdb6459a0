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
        member_id,
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
        measured.member_id
    from definitions
    inner join measured on definitions.excluded_by = measured.feature_id
    where measured.feature_value > 0
),

-- The version in force of each scorecard; others stay in the seed to be read.
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
        coefficients.reason
    from definitions
    inner join coefficients
        on
            definitions.score_id = coefficients.score_id
            and definitions.version = coefficients.version
),

contributions as (
    select
        measured.member_id,
        in_force.score_id,
        in_force.feature_id,
        in_force.points,
        in_force.points >= 10 as is_reason,
        in_force.reason,
        row_number() over (
            partition by measured.member_id, in_force.score_id
            order by in_force.points desc, in_force.feature_id asc
        ) as reason_rank
    from measured
    inner join in_force on measured.feature_id = in_force.feature_id
    left join holders
        on
            in_force.score_id = holders.score_id
            and measured.member_id = holders.member_id
    where
        holders.member_id is null
        and (in_force.bin_lower is null or measured.feature_value >= in_force.bin_lower)
        and (in_force.bin_upper is null or measured.feature_value < in_force.bin_upper)
),

-- Reasons are what speaks most for the outcome; ten points move the odds by 7 percent, and less is
-- none.
added as (
    select
        member_id,
        score_id,
        sum(points) as points,
        500 + sum(points) as unbounded_score,
        {%- for rank in [1, 2, 3] %}
        max(case when reason_rank = {{ rank }} and is_reason then feature_id end) as reason_code_{{ rank }},
        max(case when reason_rank = {{ rank }} and is_reason then reason end) as reason_{{ rank }},
        {%- endfor %}
        sum(case when is_reason then 1 else 0 end) as reason_count
    from contributions
    group by member_id, score_id
),

-- A hundred points double the odds, and 500 points are the average member's.
final as (
    select
        added.member_id,
        added.score_id,
        in_force.version,
        cast(greatest(0, least(1000, added.unbounded_score)) as integer) as score,
        cast(
            1 / (1 + power(2, -cast(in_force.points + added.points as double) / 100)) as decimal(5, 4)
        ) as probability,
        case
            when added.unbounded_score >= in_force.high_score then 'high'
            when added.unbounded_score >= in_force.medium_score then 'medium'
            else 'low'
        end as band,
        cast(added.reason_count as bigint) as reason_count,
        added.reason_code_1,
        added.reason_1,
        added.reason_code_2,
        added.reason_2,
        added.reason_code_3,
        added.reason_3
    from added
    inner join in_force on added.score_id = in_force.score_id
    where in_force.feature_id = 'base'
)

select * from final
