with

bands as (
    select * from {{ ref('quality_bands') }}
),

klis as (
    select kli_id from {{ ref('kli_taxonomy') }}
    where is_leaf
),

member_klis as (
    select * from {{ ref('fct_member_klis') }}
),

segment_sizes as (
    select * from {{ ref('msr_segment_sizes') }}
),

observations as (
    select * from {{ source('history', 'observations') }}
    where observed_date < {{ as_of_date() }}
),

kli_observed_days as (
    select distinct observed_date
    from observations
    where kind = 'kli'
),

kli_changes as (
    select
        subject_id,
        change_date,
        sum(case when change = 'entered' then 1 else -1 end) as member_change
    from {{ source('history', 'membership_changes') }}
    where kind = 'kli'
    group by subject_id, change_date
),

-- A feed may bring several files for a day: those of which one replaced another do not add up.
feed_days as (
    select
        feed,
        business_date,
        cast(sum(loaded_count) as bigint) as loaded_count,
        row_number() over (partition by feed order by business_date desc) as recency,
        business_date > {{ days_before(as_of_date(), 7) }} as is_recent
    from {{ ref('stg_alkami__loads') }}
    where
        state = 'loaded'
        and replaced_by_load_id is null
        and business_date <= {{ as_of_date() }}
    group by feed, business_date
),

-- A day without a file, between days with files: told where the same day of the week before had one,
-- since some institutions send nothing at weekends.
silent_days as (
    select
        earlier.feed,
        {{ days_after('earlier.business_date', 7) }} as business_date
    from feed_days as earlier
    inner join feed_days as latest on earlier.feed = latest.feed and latest.recency = 1
    left join feed_days as same
        on earlier.feed = same.feed and {{ days_after('earlier.business_date', 7) }} = same.business_date
    where
        same.feed is null
        and {{ days_after('earlier.business_date', 7) }} < latest.business_date
        and {{ days_after('earlier.business_date', 7) }} > {{ days_before(as_of_date(), 7) }}
),

kli_sizes as (
    select
        kli_id,
        count(*) as member_count
    from member_klis
    group by kli_id
),

-- A feed is measured by its days of a week, so that none goes by unseen when a day is not built, and
-- one that is refused stays refused until it is mended or accepted.
measured as (
    select
        'feed_volume' as signal_kind,
        feed as subject_id,
        business_date as observed_date,
        loaded_count as observed_value
    from feed_days
    where is_recent
    union all
    select
        'feed_volume' as signal_kind,
        feed as subject_id,
        cast(business_date as date) as observed_date,
        0 as observed_value
    from silent_days
    union all
    select
        'feed_delay' as signal_kind,
        feed as subject_id,
        {{ as_of_date() }} as observed_date,
        cast({{ days_between('business_date', as_of_date()) }} as bigint) as observed_value
    from feed_days
    where recency = 1
    union all
    select
        'kli_coverage' as signal_kind,
        klis.kli_id as subject_id,
        {{ as_of_date() }} as observed_date,
        coalesce(kli_sizes.member_count, 0) as observed_value
    from klis
    left join kli_sizes on klis.kli_id = kli_sizes.kli_id
    union all
    select
        'segment_size' as signal_kind,
        segment_id as subject_id,
        {{ as_of_date() }} as observed_date,
        member_count as observed_value
    from segment_sizes
),

-- What members had an indicator on each day that was recorded, from its first member on.
kli_days as (
    select
        kli_changes.subject_id,
        kli_observed_days.observed_date,
        sum(kli_changes.member_change) as member_count
    from kli_observed_days
    inner join kli_changes on kli_observed_days.observed_date >= kli_changes.change_date
    group by kli_changes.subject_id, kli_observed_days.observed_date
),

-- Another version of a segment is another audience.
earlier as (
    select
        'feed_volume' as signal_kind,
        feed as subject_id,
        business_date as earlier_date,
        loaded_count as earlier_value
    from feed_days
    where not is_recent
    union all
    select
        'kli_coverage' as signal_kind,
        subject_id,
        observed_date as earlier_date,
        member_count as earlier_value
    from kli_days
    union all
    select
        'segment_size' as signal_kind,
        segment_sizes.segment_id as subject_id,
        observations.observed_date as earlier_date,
        observations.membership_count as earlier_value
    from observations
    inner join segment_sizes
        on
            observations.collection = 'seg_' || segment_sizes.segment_id
            and observations.subject_version = segment_sizes.segment_version
),

subjects as (
    select distinct
        signal_kind,
        subject_id
    from measured
),

banded as (
    select
        subjects.*,
        coalesce(exact.history_days, kindred.history_days, common.history_days) as history_days,
        coalesce(exact.minimum_history_days, kindred.minimum_history_days, common.minimum_history_days)
            as minimum_history_days,
        coalesce(exact.lower_ratio, kindred.lower_ratio, common.lower_ratio) as lower_ratio,
        coalesce(exact.upper_ratio, kindred.upper_ratio, common.upper_ratio) as upper_ratio,
        coalesce(exact.weekday_lower_ratio, kindred.weekday_lower_ratio, common.weekday_lower_ratio)
            as weekday_lower_ratio,
        coalesce(exact.least_difference, kindred.least_difference, common.least_difference)
            as least_difference,
        coalesce(exact.at_most, kindred.at_most, common.at_most) as at_most,
        coalesce(exact.owner, kindred.owner, common.owner) as owner_name,
        -- Odd days that were meant, such as holidays, of the subject, its family and all.
        '|' || coalesce(exact.accepted_dates, '') || '|' || coalesce(kindred.accepted_dates, '') || '|'
        || coalesce(common.accepted_dates, '') || '|' as accepted_dates,
        -- The level that a person accepted, while too few days have passed since to say what is usual.
        case when exact.history_from_date <= {{ as_of_date() }} then exact.accepted_value end
            as accepted_value,
        -- A jump that was meant is the beginning of what is usual.
        greatest(
            {{ history_start('exact.history_from_date') }},
            {{ history_start('kindred.history_from_date') }},
            {{ history_start('common.history_from_date') }}
        ) as history_from_date
    from subjects
    left join bands as exact
        on subjects.signal_kind = exact.signal_kind and subjects.subject_id = exact.subject
    left join bands as kindred
        on
            subjects.signal_kind = kindred.signal_kind
            and {{ replace_pattern('subjects.subject_id', '__.*', '') }} = kindred.subject
            and subjects.subject_id <> kindred.subject
    left join bands as common on subjects.signal_kind = common.signal_kind and common.subject = '*'
),

ranked as (
    select
        banded.signal_kind,
        banded.subject_id,
        banded.history_days,
        banded.weekday_lower_ratio,
        earlier.earlier_date,
        earlier.earlier_value,
        row_number() over (
            partition by banded.signal_kind, banded.subject_id order by earlier.earlier_date desc
        ) as recency
    from banded
    inner join earlier
        on
            banded.signal_kind = earlier.signal_kind
            and banded.subject_id = earlier.subject_id
            and banded.history_from_date <= earlier.earlier_date
            and banded.accepted_dates not like '%|' || cast(earlier.earlier_date as string) || '|%'
),

usual as (
    select
        signal_kind,
        subject_id,
        count(*) as history_days,
        {{ quantile('earlier_value', 0.5) }} as usual_value
    from ranked
    where recency <= history_days
    group by signal_kind, subject_id
),

-- A week may have a rhythm: of the days that say what is usual, those of the weekday that is judged. Their
-- lower quartile is a usual one also where every other of them is a payday, or one is a holiday.
weekdays as (
    select
        measured.signal_kind,
        measured.subject_id,
        measured.observed_date,
        {{ quantile('ranked.earlier_value', 0.25) }} as weak_value
    from measured
    inner join ranked
        on measured.signal_kind = ranked.signal_kind and measured.subject_id = ranked.subject_id
    where
        ranked.recency <= ranked.history_days
        and ranked.weekday_lower_ratio is not null
        and {{ days_between('ranked.earlier_date', 'measured.observed_date') }} % 7 = 0
    group by measured.signal_kind, measured.subject_id, measured.observed_date
    having count(*) > 1
),

levelled as (
    select
        banded.*,
        usual.usual_value,
        coalesce(usual.history_days, 0) as found_days,
        banded.accepted_value is not null
        and (usual.history_days is null or usual.history_days < banded.minimum_history_days)
            as is_level_accepted,
        case
            when usual.history_days >= banded.minimum_history_days then usual.usual_value
            else banded.accepted_value
        end as level_value
    from banded
    left join usual on banded.signal_kind = usual.signal_kind and banded.subject_id = usual.subject_id
),

-- Whole numbers in the band, from the first to the last.
limited as (
    select
        *,
        case
            when at_most is not null then 0
            when level_value is not null
                then
                    greatest(0, ceil(least(level_value * lower_ratio, level_value - least_difference)))
        end as lowest_value,
        case
            when at_most is not null then at_most
            when level_value is not null
                then floor(greatest(level_value * upper_ratio, level_value + least_difference))
        end as highest_value
    from levelled
),

compared as (
    select
        limited.*,
        measured.observed_date,
        measured.observed_value,
        case
            when limited.highest_value is null or weekdays.weak_value is null then limited.lowest_value
            else
                greatest(limited.lowest_value, ceil(least(
                    weekdays.weak_value * limited.weekday_lower_ratio,
                    weekdays.weak_value - limited.least_difference
                )))
        end as lowest_of_day,
        limited.highest_value is not null and weekdays.weak_value is not null as is_held_to_weekday,
        limited.accepted_dates like '%|' || cast(measured.observed_date as string) || '|%' as is_accepted
    from measured
    inner join limited
        on measured.signal_kind = limited.signal_kind and measured.subject_id = limited.subject_id
    left join weekdays
        on
            measured.signal_kind = weekdays.signal_kind
            and measured.subject_id = weekdays.subject_id
            and measured.observed_date = weekdays.observed_date
),

judged as (
    select
        *,
        case
            when is_accepted or highest_value is null then 'not_judged'
            when observed_value between lowest_of_day and highest_value then 'within'
            else 'outside'
        end as verdict,
        case signal_kind
            when 'feed_volume' then 'feed ' || subject_id || ' brought '
            when 'feed_delay' then 'feed ' || subject_id || ' is behind by '
            when 'kli_coverage' then 'indicator ' || subject_id || ' covers '
            else 'segment ' || subject_id || ' holds '
        end
        || cast(observed_value as string)
        || case signal_kind when 'feed_volume' then ' rows' when 'feed_delay' then ' days' else ' members' end
        || ' on ' || cast(observed_date as string) as observation,
        cast(found_days as string) || ' earlier days'
        || case
            when history_from_date > cast('1900-01-01' as date)
                then ' from ' || cast(history_from_date as string) || ' on'
            else ''
        end as history
    from compared
),

final as (
    select
        signal_kind,
        subject_id,
        observed_date,
        observed_value,
        found_days as history_days,
        cast(usual_value as decimal(18, 2)) as usual_value,
        cast(lowest_of_day as bigint) as lowest_value,
        cast(highest_value as bigint) as highest_value,
        verdict,
        observation || case
            when is_accepted then ', not judged: the day is accepted'
            when verdict = 'not_judged'
                then
                    ', not judged: ' || history || ', '
                    || coalesce(cast(minimum_history_days as string), 'no number of them') || ' needed'
            else
                ', expected ' || cast(cast(lowest_of_day as bigint) as string) || ' to '
                || cast(cast(highest_value as bigint) as string)
                || case
                    when at_most is not null then ''
                    when is_level_accepted
                        then
                            ' by the ' || cast(accepted_value as string) || ' accepted from '
                            || cast(history_from_date as string) || ' on'
                    else ' by the median of ' || history
                end
                || case when is_held_to_weekday then ' and of that weekday' else '' end
        end as verdict_reason,
        owner_name
    from judged
)

select * from final
