with

events as (
    select * from {{ ref('stg_alkami__onboarding_events') }}
    where occurred_at < {{ as_of_ts() }}
),

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where login_count > 0
),

transactions as (
    select * from {{ ref('stg_alkami__transactions') }}
    -- Transfers inside the institution are often its own sweeps.
    where
        direction = 'debit'
        and channel <> 'internal'
        and reversal_of_transaction_id is null
        and {{ is_by_as_of_date('transaction_date') }}
),

applications as (
    select
        application_id,
        max(member_id) as member_id,
        max(account_id) as account_id,
        max(product_code) as product_code,
        max(origin_channel) as origin_channel,
        min(case when event_type = 'application.started' then occurred_at end) as started_at,
        min(case when event_type = 'application.submitted' then occurred_at end) as submitted_at,
        min(case when event_type = 'kyc.passed' then occurred_at end) as kyc_passed_at,
        min(case when event_type = 'application.approved' then occurred_at end) as approved_at,
        min(case when event_type = 'application.declined' then occurred_at end) as declined_at,
        min(case when event_type = 'account.funded' then occurred_at end) as funded_at,
        max(case when event_type = 'account.funded' then funded_amount end) as funded_amount,
        min(case when event_type = 'login.first' then occurred_at end) as first_login_at
    from events
    group by application_id
),

-- The first login after funding, whether or not the institution calls it the first.
logins as (
    select
        applications.application_id,
        min(digital_days.activity_date) as first_login_date
    from applications
    inner join digital_days on {{ token_key('applications.member_id') }} = digital_days.member_key
    where digital_days.activity_date >= cast(applications.funded_at as date)
    group by applications.application_id
),

payments as (
    select
        applications.application_id,
        min(transactions.transaction_date) as first_payment_date
    from applications
    inner join transactions on {{ token_key('applications.account_id') }} = transactions.account_key
    where transactions.transaction_date >= cast(applications.funded_at as date)
    group by applications.application_id
),

uses as (
    select
        application_id,
        cast(first_login_at as date) as use_date
    from applications
    where cast(first_login_at as date) >= cast(funded_at as date)
    union all
    select
        application_id,
        first_login_date
    from logins
    union all
    select
        application_id,
        first_payment_date
    from payments
),

first_uses as (
    select
        application_id,
        min(use_date) as first_use_date
    from uses
    group by application_id
),

final as (
    select
        applications.application_id,
        applications.member_id,
        applications.account_id,
        applications.product_code,
        applications.origin_channel,
        case
            when applications.declined_at is not null then 'declined'
            when applications.funded_at is not null then 'funded'
            when applications.approved_at is not null then 'approved'
            when applications.kyc_passed_at is not null then 'kyc_passed'
            when applications.submitted_at is not null then 'submitted'
            else 'started'
        end as application_status,
        applications.started_at,
        applications.submitted_at,
        applications.kyc_passed_at,
        applications.approved_at,
        applications.declined_at,
        applications.funded_at,
        applications.funded_amount,
        applications.first_login_at,
        first_uses.first_use_date
    from applications
    left join first_uses on applications.application_id = first_uses.application_id
)

select * from final
