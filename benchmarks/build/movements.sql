-- The transactions and digital events of an institution that institution.sql made; the tables of one
-- day come from the macros at the end. A version or duplicate of a row is in the file of a later day.

create table raw.transactions (
    transaction_id varchar,
    version bigint,
    member_id varchar,
    account_id varchar,
    authorized_at timestamp,
    posted_date date,
    status varchar,
    amount decimal(18, 2),
    currency varchar,
    direction varchar,
    channel varchar,
    mcc varchar,
    descriptor varchar,
    ach_company_name varchar,
    ach_entry_description varchar,
    ach_entry_class varchar,
    reversal_of_transaction_id varchar,
    business_date date,
    load_id varchar,
    file_sha256 varchar,
    line_number bigint,
    loaded_at timestamp
);

create table raw.digital_events (
    event_id varchar,
    event_type varchar,
    occurred_at timestamp,
    member_id varchar,
    device_id varchar,
    device_type varchar,
    page varchar,
    amount decimal(18, 2),
    is_successful boolean,
    business_date date,
    load_id varchar,
    file_sha256 varchar,
    line_number bigint,
    loaded_at timestamp
);

-- What was bought of late: versions and reversals come some days after a purchase.
create table recent_purchases (
    transaction_id varchar,
    number bigint,
    member_id varchar,
    account_id varchar,
    purchase_date date,
    authorized_at timestamp,
    amount decimal(18, 2),
    fate double,
    direction varchar,
    channel varchar,
    mcc varchar,
    descriptor varchar
);

create macro day_of(day_number) as cast(getvariable('first_day') + day_number as date);
create macro hex(which, about) as lpad(lower(to_hex(mixed(which, about))), 16, '0');

-- What was bought on one day. Most are at one of twelve places that a member goes to again and again,
-- the rest anywhere; few merchants have most of the customers.
create macro purchases_on(day_number) as table
with drawn as (
    select
        range as number,
        pick(range, 'who', getvariable('members')) as who,
        draw(range, 'fate') as fate,
        draw(range, 'kind') as kind,
        draw(range, 'amount') as amount_draw,
        to_minutes(cast(draw(range, 'time') * 1380 as integer)) as time_of_day,
        if(draw(range, 'habit') < 0.6,
            mixed(pick(range, 'who', getvariable('members')), pick(range, 'favourite', 12)),
            mixed(range, 'anywhere')) as place
    from range(
        cast((select purchase_count from quantities) as bigint) * day_number // getvariable('days'),
        cast((select purchase_count from quantities) as bigint) * (day_number + 1)
        // getvariable('days')
    )
),

placed as (
    select
        *,
        cast(floor(exp(draw(place, 'merchant') * ln(getvariable('merchants')))) as bigint)
            as popularity_rank,
        -- A chain has a store for every 5,000 members.
        pick(place, 'store', 1 + getvariable('members') // 5000) as store
    from drawn
),

described as (
    select
        placed.*,
        merchants.mcc,
        merchants.merchant_name,
        case
            -- One purchase in twenty bears a code or time of its own.
            when placed.fate < 0.01 or placed.amount_draw < 0.04
                then 'AMZN MKTP US*' || upper(left(hex(placed.number, 'order'), 7))
            when placed.amount_draw < 0.05
                then
                    'POS DEBIT ' || strftime(day_of(day_number), '%m/%d ')
                    || strftime(timestamp '2026-01-01' + placed.time_of_day, '%H:%M ')
                    || merchants.merchant_name || ' ' || cities.city
            when merchants.form = 0 then merchants.merchant_name || ' #' || placed.store || ' ' || cities.city
            when merchants.form = 1 then merchants.merchant_name || ' ' || cities.city
            when merchants.form = 2
                then 'POS DEBIT ' || merchants.merchant_name || ' 0' || placed.store || ' ' || cities.city
            when merchants.form = 3 then 'SQ *' || merchants.merchant_name || ' ' || cities.city
            when merchants.form = 4
                then merchants.merchant_name || '  ' || (1000 + placed.store) || ' ' || cities.city || 'US'
            else merchants.merchant_name || ' 855-123-4567'
        end as descriptor
    from placed
    inner join merchants on placed.popularity_rank = merchants.popularity_rank
    inner join cities on pick(hash(placed.store, placed.popularity_rank), 'city', 16) = cities.number
)
select
    hex(described.number, 'purchase') as transaction_id,
    described.number,
    people.member_id,
    people.account_id,
    day_of(day_number) as purchase_date,
    cast(day_of(day_number) as timestamp) + described.time_of_day as authorized_at,
    cast(round(5 + 120 * described.amount_draw * described.amount_draw, 2) as decimal(18, 2)) as amount,
    described.fate,
    if(described.kind >= 0.15 and described.kind < 0.17, 'credit', 'debit') as direction,
    case
        when described.kind < 0.05 then 'atm'
        when described.kind < 0.08 then 'p2p'
        when described.kind < 0.11 then 'check'
        when described.kind < 0.13 then 'branch'
        when described.kind < 0.17 then 'internal'
        when described.kind < 0.4 then 'card_not_present'
        else 'card_present'
    end as channel,
    if(described.kind < 0.17, null, described.mcc) as mcc,
    case
        when described.kind < 0.05 then 'ATM WITHDRAWAL ' || described.store
        when described.kind < 0.08 then 'ZELLE TO'
        when described.kind < 0.11 then 'CHECK ' || described.number % 9000
        when described.kind < 0.13 then 'DEPOSIT'
        when described.kind < 0.17 then 'TRANSFER # #'
        else described.descriptor
    end as descriptor
from described
inner join people on described.who = people.who
where people.member_since_date <= day_of(day_number) and not people.is_unused;

create macro transaction_versions_on(day_number) as table
-- A sixth is pending for a day; a pending one in forty never posts.
select
    transaction_id, 1 as version, member_id, account_id, authorized_at, cast(null as date) as posted_date,
    'pending' as status, amount, direction, channel, mcc, descriptor,
    cast(null as varchar) as company_name, cast(null as varchar) as entry_description,
    cast(null as varchar) as entry_class, cast(null as varchar) as reversal_of
from recent_purchases
where purchase_date = day_of(day_number) and fate < 0.16
union all
select
    transaction_id, 1, member_id, account_id, authorized_at, purchase_date,
    'posted', amount, direction, channel, mcc, descriptor, null, null, null, null
from recent_purchases
where purchase_date = day_of(day_number) and fate >= 0.16
union all
select
    transaction_id, 2, member_id, account_id, authorized_at, cast(purchase_date + 1 as date),
    'posted', amount, direction, channel, mcc, descriptor, null, null, null, null
from recent_purchases
where purchase_date = day_of(day_number - 1) and fate >= 0.004 and fate < 0.16
union all
-- One card payment in a hundred is reversed three days later, a third of those only by half.
select
    hex(number, 'reversal'), 1, member_id, account_id, authorized_at + interval 3 day,
    cast(purchase_date + 3 as date), 'posted', if(fate > 0.9967, round(amount / 2, 2), amount), 'credit',
    channel, mcc, descriptor, null, null, null, transaction_id
from recent_purchases
where
    purchase_date = day_of(day_number - 3)
    and fate > 0.99
    and channel in ('card_present', 'card_not_present')
union all
select
    hex(flows.who, flows.company_name || day_number), 1, people.member_id, people.account_id,
    cast(day_of(day_number) as timestamp) + interval 6 hour, day_of(day_number), 'posted',
    cast(flows.amount as decimal(18, 2)), flows.direction, flows.channel,
    if(flows.channel = 'ach', null, '4899'),
    flows.company_name || coalesce(' ' || flows.entry_description, ''),
    if(flows.channel = 'ach', flows.company_name, null), flows.entry_description, flows.entry_class, null
from flows
inner join people on flows.who = people.who
where
    people.member_since_date <= day_of(day_number)
    -- One payment in thirty is missed.
    and draw(flows.who, flows.company_name || day_number) >= 0.03
    and if(
        flows.cycle_days = 14,
        (day_number + flows.due) % 14 = 0,
        day(day_of(day_number)) = flows.due + 1
    );

create macro transactions_on(day_number) as table
select
    transaction_id,
    cast(version as bigint) as version,
    member_id,
    account_id,
    authorized_at,
    posted_date,
    status,
    amount,
    'USD' as currency,
    direction,
    channel,
    mcc,
    descriptor,
    company_name as ach_company_name,
    entry_description as ach_entry_description,
    entry_class as ach_entry_class,
    reversal_of as reversal_of_transaction_id,
    day_of(day_number) as business_date,
    load_of('transactions', day_of(day_number)) as load_id,
    sha256(load_of('transactions', day_of(day_number))) as file_sha256,
    row_number() over () as line_number,
    loaded_at_of(day_of(day_number)) as loaded_at
from transaction_versions_on(day_number);

-- Twenty events a member are left of thirty drawn: logins for the most part. A fifth of members never comes, and a tenth
-- stopped some time in the last four months.
create macro events_on(day_number) as table
with drawn as (
    select
        range as number,
        pick(range, 'visitor', getvariable('members')) as who,
        draw(range, 'event') as kind,
        draw(range, 'event amount') as amount_draw,
        to_minutes(cast(draw(range, 'event time') * 1439 as integer)) as time_of_day
    from range(
        cast(getvariable('members') * 30 as bigint) * day_number // getvariable('days'),
        cast(getvariable('members') * 30 as bigint) * (day_number + 1) // getvariable('days')
    )
)
select
    'evt_' || hex(drawn.number, 'event') as event_id,
    case
        when drawn.kind < 0.7 then 'login'
        when drawn.kind < 0.76 then 'bill_pay'
        when drawn.kind < 0.8 then 'p2p'
        when drawn.kind < 0.83 then 'rdc'
        else 'page_view'
    end as event_type,
    cast(day_of(day_number) as timestamp) + drawn.time_of_day as occurred_at,
    people.member_id,
    people.device_id,
    if(people.digital_draw < 0.6, 'ios', 'web') as device_type,
    if(drawn.kind >= 0.83, ['/accounts', '/payments', '/transfers', '/products/credit-cards',
        '/products/auto-loans', '/products/certificates'][1 + drawn.number % 6], null) as page,
    if(drawn.kind >= 0.7 and drawn.kind < 0.83,
        cast(round(10 + drawn.amount_draw * 300, 2) as decimal(18, 2)), null) as amount,
    drawn.amount_draw < 0.97 as is_successful,
    drawn.number
from drawn
inner join people on drawn.who = people.who
where
    people.member_since_date <= day_of(day_number)
    and not people.is_minor
    and not people.is_unused
    and people.digital_draw >= 0.2
    and (
        people.digital_draw >= 0.3
        or getvariable('days') - day_number >= 30 + (people.digital_draw - 0.2) * 900
    );

create macro digital_events_on(day_number) as table
-- One event in a thousand comes once more the day after.
with arriving as (
    select * from events_on(day_number)
    union all
    select * from events_on(day_number - 1)
    where number % 1000 = 0 and day_number > 0
)
select
    event_id,
    event_type,
    occurred_at,
    member_id,
    device_id,
    device_type,
    page,
    amount,
    is_successful,
    day_of(day_number) as business_date,
    load_of('digital_events', day_of(day_number)) as load_id,
    sha256(load_of('digital_events', day_of(day_number))) as file_sha256,
    row_number() over () as line_number,
    loaded_at_of(day_of(day_number)) as loaded_at
from arriving;
