-- Makes an invented institution of any size inside DuckDB: who its members are, what they hold, what
-- they pay regularly and where they shop, and the feeds that do not come by the day's movements.
-- Variables: members, transactions, days, last_day, first_day, seeds (the folder of the project's
-- seeds). Every draw is a hash of what is drawn and for whom: one version of DuckDB makes the same
-- rows on every run.

create schema raw;
create schema contacts;

-- Hashed twice: hashes of two things that share one of them differ in the same bits each time.
create macro mixed(which, about) as hash(hash(which, about));
create macro draw(which, about) as mixed(which, about) / 18446744073709551616.0;
-- One of so many, from 0.
create macro pick(which, about, choices) as cast(floor(draw(which, about) * choices) as integer);
create macro load_of(feed, business_date) as sha256(feed || strftime(business_date, '%Y%m%d'));
create macro loaded_at_of(business_date) as cast(business_date as timestamp) + interval 26 hour;

create table people as
select
    cast(range as integer) as who,
    sha256('member:' || range) as member_id,
    sha256('device:' || range) as device_id,
    sha256('account:' || range || if(draw(range, 'checking') < 0.92, 'FREE-CHK', 'SHARE-SAV'))
        as account_id,
    if(draw(range, 'type') < 0.06, 'business', 'individual') as member_type,
    case
        when draw(range, 'status') < 0.01 then 'deceased'
        when draw(range, 'status') < 0.03 then 'closed'
        else 'active'
    end as member_status,
    draw(range, 'type') >= 0.06 and draw(range, 'minor') < 0.05 as is_minor,
    draw(range, 'employee') < 0.01 as is_employee,
    -- One in ten joined within the days of the feeds, and a third of those never came back.
    draw(range, 'new') < 0.1 as is_new,
    draw(range, 'new') < 0.033 as is_unused,
    cast(getvariable('last_day') - cast(
        if(draw(range, 'new') < 0.1, draw(range, 'since') * 170, 190 + draw(range, 'since') * 6000)
        as integer
    ) as date) as member_since_date,
    -- Seven of ten keep their everyday account here.
    draw(range, 'primary') < 0.7 as is_everyday,
    draw(range, 'digital') as digital_draw
from range(getvariable('members'));

create table holdings as
with products (product_code, product_type, share) as (
    values
    ('FREE-CHK', 'checking', 0.92),
    ('SHARE-SAV', 'savings', 0.7),
    ('MM-PLUS', 'money_market', 0.08),
    ('CD-12M', 'certificate', 0.07),
    ('MTG-30F', 'mortgage', 0.12),
    ('AL-NEW', 'auto_loan', 0.12),
    ('VISA-CASH', 'credit_card', 0.25)
)
select
    people.who,
    sha256('account:' || people.who || products.product_code) as account_id,
    products.product_code,
    products.product_type,
    if(people.member_type = 'business', 'business', 'primary') as ownership_role,
    cast(people.member_since_date + cast(draw(people.who, products.product_code) * 20 as integer) as date)
        as opened_date,
    draw(people.who, products.product_code || 'state') as state_draw,
    cast(power(draw(people.who, products.product_code || 'balance'), 4) * 60000 as decimal(18, 2))
        as balance
from people
cross join products
where
    -- Whoever has no checking account has savings.
    case products.product_code
        when 'FREE-CHK' then draw(people.who, 'checking') < 0.92
        when 'SHARE-SAV' then draw(people.who, 'checking') >= 0.92 or draw(people.who, 'savings') < 0.68
        else draw(people.who, products.product_type) < products.share and not people.is_minor
    end;

-- A joint owner is a member of their own on the account of the member before them.
insert into holdings
select
    people.who,
    account.account_id,
    account.product_code,
    account.product_type,
    'joint',
    account.opened_date,
    account.state_draw,
    account.balance
from people
inner join holdings as account on account.who = people.who - 1
where
    draw(people.who, 'joint') < 0.1
    and account.product_code = 'FREE-CHK'
    and account.ownership_role = 'primary'
    and people.member_type = 'individual';

-- Names of merchants as they are standardised, with a category code where the category has one, and
-- as many names again that no list knows.
create table merchants as
with categories as (
    select
        category_id,
        min(mcc) as mcc
    from read_csv(getvariable('seeds') || '/merchants/mcc_categories.csv', all_varchar = true)
    group by category_id
),

known as (
    select
        patterns.pattern as merchant_name,
        categories.mcc,
        hash(patterns.rule_id) as place
    from read_csv(getvariable('seeds') || '/merchants/merchant_patterns.csv', all_varchar = true)
        as patterns
    inner join read_csv(getvariable('seeds') || '/merchants/merchants.csv', all_varchar = true)
        as merchants on patterns.merchant_id = merchants.merchant_id
    inner join categories on merchants.category_id = categories.category_id
    where patterns.match_kind in ('start', 'prefix')
),

words as (
    select
        phrase,
        row_number() over (order by rule_id) as number
    from read_csv(getvariable('seeds') || '/merchants/merchant_words.csv', all_varchar = true)
),

local_names as (
    select
        ['CEDAR', 'BLUE', 'OLD TOWN', 'PRAIRIE', 'SUNSET', 'LONE STAR', 'MAIN ST', 'RIVER'][
            1 + pick(range, 'first', 8)
        ] || ' ' || ['OAK', 'HEN', 'ANCHOR', 'FOX', 'MAPLE', 'STONE', 'BRIDGE', 'LANTERN'][
            1 + pick(range, 'second', 8)
        ] || ' ' || words.phrase as merchant_name,
        if(draw(range, 'coded') < 0.8, ['5812', '5411', '5999', '7230', '5814', '7538', '5921', '8299'][
            1 + pick(range, 'code', 8)
        ], null) as mcc,
        hash(range, 'local') as place
    from range(6000)
    inner join words on words.number = 1 + range % (select count(*) from words)
)
select
    merchant_name,
    mcc,
    row_number() over (order by place) as popularity_rank,
    pick(merchant_name, 'form', 6) as form
from (
    select * from known
    union all
    select * from local_names
) as listed;

create table cities as
select
    city,
    row_number() over (order by city) - 1 as number
from (
    values
    ('PLANO TX'), ('DALLAS TX'), ('FRISCO TX'), ('WACO TX'), ('AUSTIN TX'), ('LEWISVILLE TX'),
    ('IRVING TX'), ('DENTON TX'), ('ALLEN TX'), ('MCKINNEY TX'), ('GARLAND TX'), ('FORT WORTH TX'),
    ('ARLINGTON TX'), ('RICHARDSON TX'), ('NORMAN OK'), ('TULSA OK')
) as listed (city);

-- Who is paid, and who pays, regularly: wages every second week, the rest once a month.
create table flows as
with kinds (kind, share, company, entry, entry_class, direction, channel, least, most, cadence) as (
    values
    ('wages', 0.45, 'EMPLOYER', 'PAYROLL', 'PPD', 'credit', 'ach', 900, 3400, 'fortnight'),
    ('bank', 0.2, 'ALLY BANK', '$TRANSFER', 'WEB', 'credit', 'ach', 300, 1200, 'fortnight'),
    ('pension', 0.1, 'SSA TREAS 310', 'XXSOC SEC', 'PPD', 'credit', 'ach', 900, 2300, 'month'),
    ('mortgage', 0.1, 'ROCKET MORTGAGE', 'LOAN PMT', 'WEB', 'debit', 'ach', 800, 2600, 'month'),
    ('home', 0.06, 'WELLS FARGO HOME', 'MTG PYMT', 'PPD', 'debit', 'ach', 800, 2600, 'month'),
    ('vehicle', 0.18, 'CAPITAL ONE AUTO', 'CARPAY', 'WEB', 'debit', 'ach', 190, 700, 'month'),
    ('card', 0.2, 'DISCOVER', 'E-PAYMENT', 'WEB', 'debit', 'ach', 40, 900, 'month'),
    ('card too', 0.15, 'CHASE CREDIT CRD', 'EPAY', 'WEB', 'debit', 'ach', 40, 900, 'month'),
    ('broker', 0.06, 'VANGUARD BUY', 'INVESTMENT', 'PPD', 'debit', 'ach', 100, 900, 'month'),
    ('power', 0.5, 'TXU ENERGY', 'ELEC BILL', 'WEB', 'debit', 'ach', 60, 240, 'month'),
    ('water', 0.3, 'CITY OF PLANO', 'UTIL BILL', 'PPD', 'debit', 'ach', 30, 90, 'month'),
    ('insurer', 0.45, 'STATE FARM RO 27', 'INS PREM', 'PPD', 'debit', 'ach', 80, 240, 'month'),
    ('films', 0.4, 'NETFLIX.COM', null, null, 'debit', 'card_not_present', 15, 16, 'month'),
    ('music', 0.3, 'SPOTIFY USA', null, null, 'debit', 'card_not_present', 11, 12, 'month'),
    ('fitness', 0.12, 'PLANET FITNESS', null, null, 'debit', 'card_not_present', 25, 26, 'month'),
    ('phone', 0.3, 'VZWRLSS*APOCC VISB', null, null, 'debit', 'card_not_present', 60, 160, 'month')
)
select
    people.who,
    kinds.direction,
    kinds.channel,
    if(kinds.kind = 'wages', 'EMPLOYER ' || pick(people.who, 'employer', 5000), kinds.company)
        as company_name,
    kinds.entry as entry_description,
    kinds.entry_class,
    round(kinds.least + (kinds.most - kinds.least) * draw(people.who, kinds.kind || 'size'), 2) as amount,
    -- Those in a cycle share its day; a wage once in 14 days, a bill once a month.
    if(kinds.cadence = 'fortnight', 14, 30) as cycle_days,
    pick(people.who, kinds.kind || 'due', if(kinds.cadence = 'fortnight', 14, 28)) as due
from people
cross join kinds
where
    people.is_everyday
    and not people.is_minor
    and not people.is_unused
    and draw(people.who, kinds.kind) < kinds.share;

create table raw.account_snapshot as
select
    dates.business_date as snapshot_date,
    people.member_id,
    people.member_type,
    -- Deceased and closed members were active until forty days before the end.
    if(dates.business_date <= getvariable('last_day') - 40, 'active', people.member_status)
        as member_status,
    people.member_since_date,
    cast(
        if(people.member_type = 'business', null,
            if(people.is_minor, 2012, 1940 + cast(draw(people.who, 'birth') * 65 as integer)))
        as bigint
    ) as birth_year,
    people.is_minor,
    people.is_employee,
    -- One in fifty moved within the days of the feeds.
    '75' || lpad(cast(pick(people.who, if(
        draw(people.who, 'moved') < 0.02
        and dates.business_date > getvariable('last_day') - pick(people.who, 'when', 120),
        'new',
        'zip'
    ), 300) as varchar), 3, '0') as home_zip,
    'B' || lpad(cast(pick(people.who, 'branch', 18) as varchar), 2, '0') as branch_code,
    holdings.account_id,
    holdings.product_code,
    holdings.product_type,
    holdings.ownership_role,
    holdings.opened_date,
    if(holdings.state_draw < 0.03 and dates.business_date > getvariable('last_day') - 30,
        cast(getvariable('last_day') - 30 as date), null) as closed_date,
    case
        when holdings.account_id is null then null
        when holdings.state_draw < 0.03 and dates.business_date > getvariable('last_day') - 30
            then 'closed'
        when holdings.state_draw < 0.06 then 'dormant'
        else 'open'
    end as account_status,
    holdings.balance as current_balance,
    holdings.balance as available_balance,
    if(holdings.product_type = 'credit_card', cast(5000 as decimal(18, 2)), null) as credit_limit,
    if(holdings.account_id is null, null, cast(0.010000 as decimal(9, 6))) as interest_rate,
    dates.business_date,
    load_of('account_snapshot', dates.business_date) as load_id,
    sha256(load_of('account_snapshot', dates.business_date)) as file_sha256,
    row_number() over (partition by dates.business_date) as line_number,
    loaded_at_of(dates.business_date) as loaded_at
-- The last day of each month, which is all that is kept of the days before yesterday.
from (
    select distinct cast(
        least(last_day(getvariable('first_day') + cast(range as integer)), getvariable('last_day'))
        as date
    ) as business_date
    from range(getvariable('days'))
    union
    select cast(getvariable('last_day') - 1 as date)
) as dates
inner join people on dates.business_date >= people.member_since_date
left join holdings on people.who = holdings.who and dates.business_date >= holdings.opened_date;

create table raw.onboarding_events as
with steps (step, event_type, delay_hours, share) as (
    values
    (1, 'application.started', 0, 1.0),
    (2, 'application.submitted', 1, 0.95),
    (3, 'kyc.passed', 3, 0.9),
    (4, 'application.approved', 5, 0.88),
    (5, 'account.funded', 30, 0.75),
    (6, 'login.first', 72, 0.45)
),

happened as (
    select
        people.*,
        steps.step,
        steps.event_type,
        cast(people.member_since_date as timestamp) + to_hours(steps.delay_hours + 9) as occurred_at
    from people
    inner join steps
        on
            draw(people.who, 'reach') < steps.share
            and not (people.is_unused and steps.event_type = 'login.first')
    where people.is_new
),

dated as (
    select
        *,
        cast(occurred_at as date) as business_date
    from happened
    where occurred_at < getvariable('last_day') + 1
)
select
    'evt_' || who || '_' || step as event_id,
    event_type,
    occurred_at,
    cast(step as bigint) as sequence_number,
    member_id,
    'app_' || who as application_id,
    'FREE-CHK' as product_code,
    account_id,
    if(event_type = 'account.funded', cast(250 as decimal(18, 2)), null) as funded_amount,
    if(draw(who, 'origin') < 0.6, 'online', 'branch') as origin_channel,
    business_date,
    load_of('onboarding_events', business_date) as load_id,
    sha256(load_of('onboarding_events', business_date)) as file_sha256,
    cast(who as bigint) * 8 + step as line_number,
    loaded_at_of(business_date) as loaded_at
from dated;

create table raw.consent_changes as
with scopes (channel, purpose, grant_share) as (
    values
    ('email', 'product_marketing', 0.8),
    ('email', 'credit_offers', 0.6),
    ('direct_mail', 'product_marketing', 0.7),
    ('sms', 'service', 0.5)
),

changes as (
    select
        people.who,
        people.member_id,
        scopes.channel,
        scopes.purpose,
        'grant' as action,
        getvariable('first_day') as business_date
    from people
    cross join scopes
    where draw(people.who, scopes.channel || scopes.purpose) < scopes.grant_share
    union all
    select
        people.who,
        people.member_id,
        scopes.channel,
        scopes.purpose,
        'withdraw' as action,
        cast(
            getvariable('last_day')
            - cast(draw(people.who, scopes.channel) * (getvariable('days') - 3) as integer) as date
        ) as business_date
    from people
    cross join scopes
    where draw(people.who, scopes.channel || scopes.purpose || 'withdraws') < 0.1
)
select
    'cns_' || who || channel || purpose || action as consent_event_id,
    member_id,
    channel,
    purpose,
    action,
    cast(business_date as timestamp) + interval 10 hour as effective_at,
    cast(business_date as timestamp) + interval 11 hour as recorded_at,
    if(action = 'grant', 'core_import', 'online_banking') as source,
    '2026-01' as text_version,
    business_date,
    load_of('consent_changes', business_date) as load_id,
    sha256(load_of('consent_changes', business_date)) as file_sha256,
    row_number() over (partition by business_date) as line_number,
    loaded_at_of(business_date) as loaded_at
from changes;

create table contacts.contacts as
select
    member_id,
    cast(getvariable('first_day') as timestamp) + interval 8 hour as updated_at,
    'Given' || who as first_name,
    'Family' || who as last_name,
    case
        when draw(who, 'email') < 0.02 then null
        -- Some couples share one address.
        when draw(who, 'email') < 0.06 then 'shared' || who // 2 || '@example.com'
        else ' Member' || who || '@Example.com'
    end as email,
    '(214) 555-' || lpad(cast(who % 10000 as varchar), 4, '0') as phone,
    who || ' Bluestem Ln' as street_address,
    'Plano' as city,
    'TX' as state,
    '75' || lpad(cast(pick(who, 'zip', 300) as varchar), 3, '0') as postal_code,
    getvariable('first_day') as business_date,
    load_of('contacts', getvariable('first_day')) as load_id,
    sha256('contacts') as file_sha256,
    cast(who as bigint) as line_number,
    loaded_at_of(getvariable('first_day')) as loaded_at
from people;

create table raw.delivery_outcomes as
select
    'run-' || runs.run as run_id,
    'batch-' || runs.run as batch_id,
    'retention__dormant_digital' as segment_id,
    '1.0.0' as segment_version,
    'hubspot' as destination_id,
    'email' as channel,
    people.member_id,
    'add' as operation,
    if(draw(people.who, 'outcome') < 0.9, 'confirmed', 'rejected') as outcome,
    cast(getvariable('last_day') - runs.run * 7 as timestamp) + interval 15 hour as delivered_at
from people
cross join (values (1), (2), (3)) as runs (run)
where draw(people.who, 'touched') < 0.02;

-- How many purchases to draw, so that those of members make up the asked number of transactions beside
-- what is regular: who joined late or never came back buys less.
create table quantities as
with calendar as (
    select
        day_number,
        cast(getvariable('first_day') + cast(day_number as integer) as date) as business_date
    from range(getvariable('days')) as days (day_number)
),

regular as (
    select count(*) as regular_count
    from flows
    inner join people on flows.who = people.who
    inner join calendar
        on
            people.member_since_date <= calendar.business_date
            and if(
                flows.cycle_days = 14,
                (calendar.day_number + flows.due) % 14 = 0,
                day(calendar.business_date) = flows.due + 1
            )
),

present as (
    select
        avg(if(
            is_unused,
            0,
            1 - greatest(member_since_date - getvariable('first_day'), 0) / getvariable('days')
        )) as present_ratio
    from people
)
select
    cast(greatest(getvariable('transactions') - regular_count, 0) / present_ratio as bigint)
        as purchase_count
from regular
cross join present;
