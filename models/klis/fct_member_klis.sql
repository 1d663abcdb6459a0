with

members as (
    select * from {{ ref('dim_members') }}
),

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
),

assigned as (
    select * from {{ ref('kli_rules__evaluated') }}
    union all
    select * from {{ ref('kli_bands__evaluated') }}
    union all
    select * from {{ ref('kli_intent__page_visits') }}
    union all
    select * from {{ ref('kli_geography__home_region') }}
    union all
    select * from {{ ref('kli_behaviour__life_events') }}
    union all
    select * from {{ ref('kli_client__family_events') }}
    union all
    select * from {{ ref('kli_behaviour__recent_login') }}
    union all
    select * from {{ ref('kli_behaviour__dormant_digital') }}
    union all
    select * from {{ ref('kli_behaviour__digital_adoption') }}
    union all
    select * from {{ ref('kli_behaviour__direct_deposit') }}
    union all
    select * from {{ ref('kli_behaviour__funded_not_active') }}
    union all
    select * from {{ ref('kli_competitive__payroll') }}
    union all
    select * from {{ ref('kli_client__tenure_band') }}
    union all
    select * from {{ ref('kli_client__life_stage') }}
    union all
    select * from {{ ref('kli_fi_product__product_held') }}
    union all
    select * from {{ ref('kli_predictive__bands') }}
),

-- Nothing is inferred about minors, the deceased, or those who are no longer members.
final as (
    select
        assigned.member_id,
        assigned.kli_id,
        taxonomy.version as kli_version,
        {{ as_of_date() }} as as_of_date,
        assigned.evidence_count,
        assigned.evidence_amount,
        assigned.first_seen,
        assigned.last_seen,
        assigned.confidence,
        assigned.rationale
    from assigned
    inner join members on assigned.member_id = members.member_id
    inner join taxonomy on assigned.kli_id = taxonomy.kli_id
    where members.member_status = 'active' and not members.is_minor
)

select * from final
