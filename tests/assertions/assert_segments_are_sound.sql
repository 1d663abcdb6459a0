-- Every member of a segment exists, and allows nothing to leave that was not reviewed: each attribute
-- that a segment sends somewhere is one that may go there, and its goal is an indicator for goals.
{{ config(group='warehouse') }}

with

members as (
    select * from {{ ref('dim_members') }}
),

segment_members as (
    {%- for segment in [
        'seg_onboarding__funded_not_active',
        'seg_recapture__mortgage_elsewhere',
        'seg_deposit_growth__payroll_elsewhere',
        'seg_retention__dormant_digital',
        'seg_business__payroll_processor',
        'seg_cross_sell__checking_without_savings',
        'seg_cross_sell__home_improver_without_heloc',
        'seg_deposit_growth__balance_without_certificate',
        'seg_deposit_growth__brokerage_elsewhere',
        'seg_digital_adoption__bill_pay_not_adopted',
        'seg_digital_adoption__person_to_person_not_adopted',
        'seg_digital_adoption__rdc_not_adopted',
        'seg_onboarding__funded_without_direct_deposit',
        'seg_onboarding__not_enrolled_in_digital',
        'seg_re_engagement__never_logged_in',
        'seg_re_engagement__occasional_digital',
        'seg_recapture__auto_loan_elsewhere',
        'seg_recapture__credit_card_elsewhere',
        'seg_retention__direct_deposit_stopped',
        'seg_suppression__new_members',
        'seg_suppression__no_open_account',
    ] %}
    select
        '{{ segment }}' as model_name,
        member_id
    from {{ ref(segment) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

segments as (
    select * from {{ ref('dict_segments') }}
),

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
)

select
    segment_members.model_name as broken_segment,
    'has a member who is no active adult' as problem
from segment_members
left join members on segment_members.member_id = members.member_id
where members.member_id is null or members.member_status <> 'active' or members.is_minor
union all
select
    segments.model_name as broken_segment,
    'has a goal that is no indicator for goals' as problem
from segments
left join taxonomy on segments.goal_kli = taxonomy.kli_id
where not coalesce(taxonomy.is_goal, false)
