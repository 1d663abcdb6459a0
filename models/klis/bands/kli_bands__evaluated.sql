with

-- An empty cell of a seed is no value, however the seed was read.
bands as (
    select
        kli_id,
        measure,
        at_least,
        cast(nullif(below, '') as decimal(18, 4)) as below,
        confidence,
        says
    from {{ ref('kli_bands') }}
),

measures as (
    select * from {{ ref('fct_member_measures') }}
),

measured as (
    {%- for measure in [
        'deposit_balance_amount', 'monthly_income_amount', 'income_source_count',
        'primary_institution_index', 'card_wallet_ratio', 'lending_wallet_ratio',
        'deposit_wallet_ratio', 'held_away_loan_amount', 'competitor_product_count',
        'product_type_count', 'loan_balance_amount', 'pay_cadence_days', 'days_to_next_pay',
        'recurring_payee_count', 'subscription_count', 'card_on_file_count', 'payment_count_30_days',
        'digital_service_count', 'activation_score',
    ] %}
    select
        member_id,
        '{{ measure }}' as measure,
        cast({{ measure }} as decimal(18, 4)) as measured_value
    from measures
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- A measure that is not known lies in no band.
final as (
    select
        measured.member_id,
        bands.kli_id,
        cast(1 as bigint) as evidence_count,
        case
            when bands.measure like '%amount'
                then cast(measured.measured_value as decimal(18, 2))
        end as evidence_amount,
        {{ as_of_date() }} as first_seen,
        {{ as_of_date() }} as last_seen,
        bands.confidence,
        bands.says || ': '
        || case
            when bands.measure like '%amount'
                then cast(cast(measured.measured_value as decimal(18, 2)) as string)
            when bands.measure like '%ratio'
                then cast(cast(measured.measured_value as decimal(4, 2)) as string)
            else cast(cast(measured.measured_value as integer) as string)
        end as rationale
    from measured
    inner join bands on measured.measure = bands.measure
    where
        measured.measured_value >= bands.at_least
        and (bands.below is null or measured.measured_value < bands.below)
)

select * from final
