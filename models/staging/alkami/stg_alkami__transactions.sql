{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='transaction_id',
    on_schema_change='fail',
    post_hook="{{ remember_logic() }}",
) }}

with

{{ missing(source('raw', 'transactions'), 'load_id') }}
-- Few transactions come more than once in what arrives: those alone are ranked.
repeated as (
    select {{ row_checksum(['transaction_id']) }} as id_checksum
    from {{ source('raw', 'transactions') }}
    where
        {{ only_missing('load_id') }}
        and {{ is_by_as_of_date('business_date') }}
    group by id_checksum
    having count(*) > 1
),

-- The highest version stands; at equal versions the posted one, then the later file.
ranked as (
    select
        *,
        row_number() over (
            partition by transaction_id
            order by version desc, status = 'posted' desc, business_date desc, load_id desc
        ) as version_rank
    from {{ source('raw', 'transactions') }}
    where
        {{ only_missing('load_id') }}
        and {{ is_of_known_file() }}
        and {{ row_checksum(['transaction_id']) }} in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
),

latest as (
    select
        *,
        1 as version_rank
    from {{ source('raw', 'transactions') }}
    where
        {{ only_missing('load_id') }}
        and {{ is_of_known_file() }}
        and {{ row_checksum(['transaction_id']) }} not in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
    union all
    select * from ranked
    where version_rank = 1
),

-- What identifies the other party. Payments between persons, checks and counter transactions name
-- people rather than merchants: their text is not kept.
described as (
    select
        *,
        case
            when channel in ('card_present', 'card_not_present') then 'card'
            when channel = 'ach' and ach_company_name is null then 'bill_pay'
            else channel
        end as channel_kind,
        case
            when channel in ('p2p', 'check', 'branch', 'internal', 'atm') then null
            when channel = 'ach' and ach_company_name is not null
                then upper(trim(ach_company_name))
            else upper(trim(descriptor))
        end as party_text,
        upper(trim(ach_entry_description)) as entry_text
    from latest
),

arrived as (
    select
        transaction_id,
        version,
        {{ token_key('member_id') }} as member_key,
        {{ token_key('account_id') }} as account_key,
        cast(authorized_at as timestamp) as authorized_at,
        posted_date,
        coalesce(posted_date, cast(authorized_at as date)) as transaction_date,
        status = 'posted' as is_posted,
        direction,
        channel,
        channel_kind,
        cast(amount as decimal(18, 2)) as amount,
        mcc,
        party_text,
        entry_text,
        ach_entry_class as entry_class,
        {{ row_checksum([
            'channel_kind', 'direction', 'mcc', 'party_text', 'entry_text', 'ach_entry_class',
        ]) }} as descriptor_key,
        reversal_of_transaction_id,
        business_date,
        load_id
    from described
),

{% if is_incremental() -%}
named_again as (
    select
        transaction_id,
        version,
        is_posted,
        business_date,
        load_id
    from {{ this }}
    where
        transaction_id in (
            select told.transaction_id from {{ source('raw', 'transactions') }} as told
            where told.load_id in (select missing.load_id from missing)
        )
),

-- What is known already in a version that stands stays as it is.
standing as (
    select arrived.transaction_id
    from named_again as known
    inner join arrived on known.transaction_id = arrived.transaction_id
    where
        known.version > arrived.version
        or (
            known.version = arrived.version
            and (
                (known.is_posted and not arrived.is_posted)
                or (
                    known.is_posted = arrived.is_posted
                    and (
                        known.business_date > arrived.business_date
                        or (
                            known.business_date = arrived.business_date
                            and known.load_id >= arrived.load_id
                        )
                    )
                )
            )
        )
),

{% endif -%}
final as (
    select
        transaction_id,
        version,
        member_key,
        account_key,
        authorized_at,
        posted_date,
        transaction_date,
        is_posted,
        direction,
        channel,
        channel_kind,
        amount,
        mcc,
        party_text,
        entry_text,
        entry_class,
        descriptor_key,
        reversal_of_transaction_id,
        business_date,
        load_id,
        {{ row_checksum([
            'transaction_id', 'member_key', 'account_key', 'transaction_date', 'is_posted', 'amount',
            'descriptor_key', 'reversal_of_transaction_id',
        ]) }} as row_checksum
    from arrived
    {% if is_incremental() -%}
    where transaction_id not in (select standing.transaction_id from standing)
    {%- endif %}
)

select * from final
