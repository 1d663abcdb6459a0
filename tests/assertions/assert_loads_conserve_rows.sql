-- What a file's receipt counts is what stands in the table: read = loaded + rejected + duplicate, as
-- many rows loaded as there are, as many rejections as were rejected. No row disappears.
{{ config(tags=['vault'], meta={'words': "'file ' || load_id || ' does not conserve its rows'"}) }}

with

loads as (
    select * from {{ source('raw', 'loads') }}
    where state = 'loaded'
),

stored as (
    {%- for feed in [
        'onboarding_events', 'account_snapshot', 'transactions', 'digital_events', 'consent_changes'
    ] %}
    select
        load_id,
        count(*) as row_count
    from {{ source('raw', feed) }}
    group by load_id
    union all
    {%- endfor %}
    select
        load_id,
        count(*) as row_count
    from {{ source('vault', 'contacts') }}
    group by load_id
),

rejected as (
    select
        load_id,
        count(*) as row_count
    from {{ source('raw', 'rejections') }}
    group by load_id
)

select
    coalesce(loads.load_id, stored.load_id) as load_id,
    loads.feed,
    loads.read_count,
    loads.loaded_count,
    loads.rejected_count,
    loads.duplicate_count,
    stored.row_count as stored_count,
    rejected.row_count as rejection_count
from loads
full outer join stored on loads.load_id = stored.load_id
left join rejected on loads.load_id = rejected.load_id
where
    loads.load_id is null
    or loads.read_count <> loads.loaded_count + loads.rejected_count + loads.duplicate_count
    or loads.loaded_count <> coalesce(stored.row_count, 0)
    or loads.rejected_count < coalesce(rejected.row_count, 0)
