{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='transaction_id',
    on_schema_change='fail',
    full_refresh=rebuilds_past(),
) }}

with

source as (
    select * from {{ source('raw', 'transactions') }}
    where
        business_date <= {{ as_of_date() }}
        {% if is_incremental() -%}
        and load_id not in (select seen.load_id from {{ this }} as seen)
        {%- endif %}
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
    from source
),

arrived as (
    select
        transaction_id,
        version,
        member_id,
        account_id,
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
        md5(
            channel_kind
            || '|' || direction
            || '|' || coalesce(mcc, '')
            || '|' || coalesce(party_text, '')
            || '|' || coalesce(entry_text, '')
            || '|' || coalesce(ach_entry_class, '')
        ) as descriptor_id,
        reversal_of_transaction_id,
        business_date,
        load_id
    from described
),

candidates as (
    select * from arrived
    {% if is_incremental() -%}
    union all
    select
        known.transaction_id,
        known.version,
        known.member_id,
        known.account_id,
        known.authorized_at,
        known.posted_date,
        known.transaction_date,
        known.is_posted,
        known.direction,
        known.channel,
        known.channel_kind,
        known.amount,
        known.mcc,
        known.party_text,
        known.entry_text,
        known.entry_class,
        known.descriptor_id,
        known.reversal_of_transaction_id,
        known.business_date,
        known.load_id
    from {{ this }} as known
    where known.transaction_id in (select arrived.transaction_id from arrived)
    {%- endif %}
),

-- The highest version stands; at equal versions the posted one, then the later file.
ranked as (
    select
        *,
        row_number() over (
            partition by transaction_id
            order by version desc, is_posted desc, business_date desc, load_id desc
        ) as version_rank
    from candidates
),

final as (
    select
        transaction_id,
        version,
        member_id,
        account_id,
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
        descriptor_id,
        reversal_of_transaction_id,
        business_date,
        load_id,
        {{ row_checksum([
            'transaction_id', 'member_id', 'account_id', 'transaction_date', 'is_posted', 'amount',
            'descriptor_id', 'reversal_of_transaction_id',
        ]) }} as row_checksum
    from ranked
    where version_rank = 1
)

select * from final
