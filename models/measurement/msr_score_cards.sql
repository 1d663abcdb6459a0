with

definitions as (
    select * from {{ ref('score_definitions') }}
),

coefficients as (
    select * from {{ ref('score_coefficients') }}
),

measurements as (
    select * from {{ ref('score_measurements') }}
),

card_features as (
    select distinct
        score_id,
        version,
        feature_id
    from coefficients
    where feature_id <> 'base'
),

features as (
    select
        score_id,
        version,
        {{ joined_texts('feature_id') }} as feature_ids
    from card_features
    group by score_id, version
),

training as (
    select
        score_id,
        version,
        min(trained_from) as trained_from_date,
        max(trained_until) as trained_until_date
    from coefficients
    group by score_id, version
),

-- What a score adds up: its own points, or those of all scorecards that it chooses among.
point_texts as (
    select
        definitions.score_id,
        coefficients.score_id || ':' || coefficients.feature_id || ':'
        || coalesce(cast(cast(coefficients.bin_lower as decimal(18, 6)) as string), '') || ':'
        || coalesce(cast(cast(coefficients.bin_upper as decimal(18, 6)) as string), '') || ':'
        || cast(coefficients.points as string) as point_text
    from definitions
    inner join definitions as cards
        on
            (definitions.kind = 'scorecard' and definitions.score_id = cards.score_id)
            or (definitions.kind = 'choice' and cards.next_best_indicator is not null)
    inner join coefficients
        on cards.score_id = coefficients.score_id and cards.version = coefficients.version
),

points as (
    select
        score_id,
        md5({{ joined_texts('point_text') }}) as points_checksum
    from point_texts
    group by score_id
),

measured as (
    select
        score_id,
        version,
        {%- for measure in ['auc', 'offer_lift', 'base_ratio', 'psi', 'member_count', 'positive_count'] %}
        max(case when measure = '{{ measure }}' then measured_value end) as {{ measure }},
        {%- endfor %}
        max(measured_on) as measured_on,
        min(points_checksum) as first_checksum,
        max(points_checksum) as last_checksum
    from measurements
    group by score_id, version
),

deciles as (
    select
        score_id,
        version,
        decile,
        max(case when measure = 'predicted_ratio' then measured_value end) as predicted_ratio,
        max(case when measure = 'observed_ratio' then measured_value end) as observed_ratio
    from measurements
    where decile is not null
    group by score_id, version, decile
),

decile_texts as (
    select
        score_id,
        version,
        case when decile < 10 then '0' else '' end || cast(decile as string)
        || ': ' || cast(cast(predicted_ratio as decimal(5, 4)) as string)
        || ' foretold, ' || cast(cast(observed_ratio as decimal(5, 4)) as string)
        || ' found' as decile_text
    from deciles
),

calibration as (
    select
        score_id,
        version,
        {{ joined_texts('decile_text') }} as calibration
    from decile_texts
    group by score_id, version
),

floors as (
    select
        definitions.score_id,
        measurements.measured_value
    from definitions
    inner join measurements
        on
            definitions.score_id = measurements.score_id
            and definitions.version = measurements.version
            and definitions.floor_measure = measurements.measure
),

judged as (
    select
        definitions.*,
        floors.measured_value,
        measured.auc,
        measured.offer_lift,
        measured.base_ratio,
        measured.psi,
        measured.member_count,
        measured.positive_count,
        measured.measured_on,
        calibration.calibration,
        features.feature_ids,
        training.trained_from_date,
        training.trained_until_date,
        case
            when floors.measured_value is null then 'This version was not measured'
            when
                points.points_checksum is null
                or coalesce(measured.first_checksum, '') <> points.points_checksum
                or coalesce(measured.last_checksum, '') <> points.points_checksum
                then 'Its points are not those that were measured'
            when definitions.kind = 'scorecard' and (measured.psi is null or calibration.calibration is null)
                then 'Its stability or its calibration was not measured'
            when floors.measured_value < definitions.floor_value then 'It is below its floor'
            when measured.psi > definitions.maximum_psi then 'It is not stable'
            when definitions.review_date < {{ as_of_date() }} then 'Its review date has passed'
        end as unusable_reason
    from definitions
    left join floors on definitions.score_id = floors.score_id
    left join measured
        on definitions.score_id = measured.score_id and definitions.version = measured.version
    left join points on definitions.score_id = points.score_id
    left join calibration
        on definitions.score_id = calibration.score_id and definitions.version = calibration.version
    left join features
        on definitions.score_id = features.score_id and definitions.version = features.version
    left join training
        on definitions.score_id = training.score_id and definitions.version = training.version
),

final as (
    select
        score_id,
        version,
        title,
        kind,
        purpose,
        population,
        outcome,
        outcome_days,
        feature_ids,
        trained_from_date,
        trained_until_date,
        measured_on as measured_date,
        cast(member_count as bigint) as member_count,
        cast(positive_count as bigint) as positive_count,
        cast(base_ratio as decimal(5, 4)) as base_ratio,
        cast(auc as decimal(5, 4)) as auc_ratio,
        cast(offer_lift as decimal(9, 6)) as offer_lift,
        calibration,
        cast(psi as decimal(9, 6)) as psi,
        floor_measure,
        floor_value,
        cast(measured_value as decimal(9, 6)) as measured_value,
        maximum_psi,
        limits,
        owner,
        review_date,
        unusable_reason is null as is_usable,
        unusable_reason
    from judged
)

select * from final
