-- Feeds bring what they usually bring and come in time; indicators and segments hold about as many
-- members as on the days before. What was meant is accepted by a line of `quality_bands`.
{{ config(group='warehouse', meta={'words': "verdict_reason || '; ask ' || owner_name"}) }}

select
    signal_kind,
    subject_id,
    verdict_reason,
    owner_name
from {{ ref('msr_quality_signals') }}
where verdict = 'outside'
