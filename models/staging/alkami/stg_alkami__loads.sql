with

source as (
    select * from {{ source('raw', 'loads') }}
    where {{ is_of_known_file() }}
),

final as (
    select
        load_id,
        feed,
        file_name,
        file_sha256,
        byte_count,
        business_date,
        received_at,
        loaded_at,
        state,
        read_count,
        loaded_count,
        rejected_count,
        duplicate_count,
        rejection_reason
    from source
)

select * from final
