with

source as (
    select * from {{ source('raw', 'loads') }}
    where {{ is_of_known_file() }}
),

-- The files of a day in the order in which they were received.
loaded as (
    select
        load_id,
        feed,
        business_date,
        is_whole_day,
        row_number() over (
            partition by feed, business_date order by received_at, loaded_at, load_id
        ) as arrival_number
    from source
    where state = 'loaded'
),

-- The last one that tells the whole state of its day.
whole_days as (
    select
        feed,
        business_date,
        max(arrival_number) as arrival_number
    from loaded
    where is_whole_day
    group by feed, business_date
),

replaced as (
    select
        earlier.load_id,
        whole.load_id as replaced_by_load_id
    from whole_days
    inner join loaded as whole
        on
            whole_days.feed = whole.feed
            and whole_days.business_date = whole.business_date
            and whole_days.arrival_number = whole.arrival_number
    inner join loaded as earlier
        on
            whole_days.feed = earlier.feed
            and whole_days.business_date = earlier.business_date
            and whole_days.arrival_number > earlier.arrival_number
),

final as (
    select
        source.load_id,
        source.feed,
        source.file_name,
        source.file_sha256,
        source.byte_count,
        source.business_date,
        source.received_at,
        source.loaded_at,
        source.state,
        source.read_count,
        source.loaded_count,
        source.rejected_count,
        source.duplicate_count,
        source.rejection_reason,
        replaced.replaced_by_load_id
    from source
    left join replaced on source.load_id = replaced.load_id
)

select * from final
