-- The receipts of the files, once all rows are there, and one rejection a file.

create table raw.loads as
with counted as (
    {counts}
)
select
    load_id,
    feed,
    feed || '_' || strftime(business_date, '%Y%m%d') as file_name,
    file_sha256,
    cast(row_count * 100 as bigint) as byte_count,
    business_date,
    loaded_at as received_at,
    loaded_at,
    'loaded' as state,
    row_count + 1 as read_count,
    row_count as loaded_count,
    cast(1 as bigint) as rejected_count,
    cast(0 as bigint) as duplicate_count,
    cast(null as varchar) as rejection_reason,
    feed = 'account_snapshot' as is_whole_day
from counted;

create table raw.rejections as
select
    load_id,
    feed,
    cast(1 as bigint) as line_number,
    'type' as rejection_reason,
    'amount' as column_name,
    'text' as value_class
from raw.loads;
