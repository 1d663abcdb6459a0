{#- Every segment. dbt orders a build by what it sees while parsing, when it does not know the
    project's metadata yet, so the names stand here; a test holds them to the models. -#}
{%- macro listed_segments() -%}
{{ return([
    'seg_business__payroll_processor',
    'seg_cross_sell__checking_without_savings',
    'seg_cross_sell__home_improver_without_heloc',
    'seg_deposit_growth__balance_without_certificate',
    'seg_deposit_growth__brokerage_elsewhere',
    'seg_deposit_growth__payroll_elsewhere',
    'seg_digital_adoption__bill_pay_not_adopted',
    'seg_digital_adoption__person_to_person_not_adopted',
    'seg_digital_adoption__rdc_not_adopted',
    'seg_onboarding__funded_not_active',
    'seg_onboarding__funded_without_direct_deposit',
    'seg_onboarding__not_enrolled_in_digital',
    'seg_re_engagement__never_logged_in',
    'seg_re_engagement__occasional_digital',
    'seg_recapture__auto_loan_elsewhere',
    'seg_recapture__credit_card_elsewhere',
    'seg_recapture__mortgage_elsewhere',
    'seg_retention__direct_deposit_stopped',
    'seg_retention__dormant_digital',
    'seg_suppression__new_members',
    'seg_suppression__no_open_account',
]) }}
{%- endmacro -%}

{#- The version that each segment states, as a literal by model name; none while parsing. -#}
{%- macro segment_versions() -%}
{%- set versions = {} -%}
{%- for segment in described_segments() -%}
    {%- do versions.update({segment.node.name: quoted(segment.facts.version)}) -%}
{%- endfor -%}
{{ return(versions) }}
{%- endmacro -%}
