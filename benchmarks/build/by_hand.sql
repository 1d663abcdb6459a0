-- Members' indicators, their profile and the members of segments: one script with no dbt, as one would
-- write it by hand to have them once. It has no incremental parts, tests, contracts or history, makes
-- no column and no table that nothing here reads, and reads each raw table as seldom as it can.
-- Variable: seeds (the folder of the project's seeds). The raw tables are attached as `source`.

set variable as_of_date = (select max(business_date) from source.raw.loads where state = 'loaded');

-- The seeds, with the types that they do not show themselves.
create table merchant_patterns as
select * from read_csv(
    getvariable('seeds') || '/merchants/merchant_patterns.csv',
    header = true,
    columns = {
        'rule_id': 'varchar', 'merchant_id': 'varchar', 'match_kind': 'varchar',
        'pattern': 'varchar', 'confidence': 'decimal(4, 2)', 'is_common_word': 'boolean'
    }
);

create table merchants as
select * from read_csv(getvariable('seeds') || '/merchants/merchants.csv', all_varchar = true);

create table merchant_prefixes as
select * from read_csv(getvariable('seeds') || '/merchants/merchant_prefixes.csv', all_varchar = true);

create table merchant_categories as
select * from read_csv(getvariable('seeds') || '/merchants/merchant_categories.csv', all_varchar = true);

create table mcc_categories as
select * from read_csv(getvariable('seeds') || '/merchants/mcc_categories.csv', all_varchar = true);

create table merchant_words as
select * from read_csv(
    getvariable('seeds') || '/merchants/merchant_words.csv',
    header = true,
    columns = {
        'rule_id': 'varchar', 'phrase': 'varchar', 'category_id': 'varchar',
        'billed_category_id': 'varchar', 'refines_category_id': 'varchar', 'confidence': 'decimal(4, 2)'
    }
);

create table ach_entry_rules as
select * from read_csv(
    getvariable('seeds') || '/merchants/ach_entry_rules.csv',
    header = true,
    columns = {
        'rule_id': 'varchar', 'direction': 'varchar', 'entry_class': 'varchar',
        'entry_start': 'varchar', 'company_start': 'varchar', 'category_id': 'varchar',
        'confidence': 'decimal(4, 2)', 'outranks_merchant': 'boolean'
    }
);

create table forbidden_mccs as
select * from read_csv(
    getvariable('seeds') || '/governance/forbidden_mccs.csv',
    header = true,
    columns = {
        'mcc': 'varchar', 'kind': 'varchar', 'is_withheld': 'boolean'
    }
);

create table forbidden_words as
select * from read_csv(
    getvariable('seeds') || '/governance/forbidden_words.csv',
    header = true,
    columns = {
        'word': 'varchar', 'kind': 'varchar', 'is_withheld': 'boolean', 'is_stem': 'boolean',
        'except_in': 'varchar'
    }
);

create table held_away_factors as
select * from read_csv(
    getvariable('seeds') || '/held_away_factors.csv',
    header = true,
    columns = {
        'competitor_product': 'varchar', 'balance_months': 'integer'
    }
);

create table zip_regions as
select * from read_csv(getvariable('seeds') || '/zip_regions.csv', all_varchar = true);

create table kli_taxonomy as
select * from read_csv(
    getvariable('seeds') || '/kli_taxonomy.csv',
    header = true,
    columns = {
        'kli_id': 'varchar', 'family': 'varchar', 'parent': 'varchar', 'title': 'varchar',
        'description': 'varchar', 'sensitivity': 'varchar', 'version': 'integer',
        'is_leaf': 'boolean', 'is_goal': 'boolean', 'law_tags': 'varchar'
    }
);

create table kli_rules as
select * from read_csv(
    getvariable('seeds') || '/kli_rules.csv',
    header = true,
    columns = {
        'kli_id': 'varchar', 'family': 'varchar', 'parent': 'varchar', 'match_on': 'varchar',
        'match_values': 'varchar', 'direction': 'varchar', 'member_type': 'varchar',
        'window_days': 'integer', 'minimum_count': 'integer', 'minimum_amount': 'decimal(18, 2)',
        'sensitivity': 'varchar', 'version': 'integer'
    }
);

create table kli_bands as
select * from read_csv(
    getvariable('seeds') || '/kli_bands.csv',
    header = true,
    columns = {
        'kli_id': 'varchar', 'measure': 'varchar', 'at_least': 'decimal(18, 4)',
        'below': 'varchar', 'confidence': 'decimal(4, 2)', 'says': 'varchar'
    }
);

create table kli_pages as
select * from read_csv(
    getvariable('seeds') || '/kli_pages.csv',
    header = true,
    columns = {
        'kli_id': 'varchar', 'page': 'varchar', 'minimum_count': 'integer'
    }
);

create table score_definitions as
select * from read_csv(
    getvariable('seeds') || '/scores/score_definitions.csv',
    header = true,
    columns = {
        'score_id': 'varchar', 'version': 'integer', 'title': 'varchar', 'kind': 'varchar',
        'product_type': 'varchar', 'purpose': 'varchar', 'population': 'varchar',
        'outcome': 'varchar', 'outcome_days': 'integer', 'excluded_by': 'varchar',
        'indicator': 'varchar', 'next_best_indicator': 'varchar', 'medium_score': 'integer',
        'high_score': 'integer', 'floor_measure': 'varchar', 'floor_value': 'decimal(9, 6)',
        'maximum_psi': 'decimal(9, 6)', 'owner': 'varchar', 'review_date': 'date',
        'limits': 'varchar'
    }
);

create table score_coefficients as
select * from read_csv(
    getvariable('seeds') || '/scores/score_coefficients.csv',
    header = true,
    columns = {
        'score_id': 'varchar', 'version': 'integer', 'feature_id': 'varchar',
        'bin_lower': 'double', 'bin_upper': 'double', 'points': 'integer', 'reason': 'varchar',
        'trained_from': 'date', 'trained_until': 'date'
    }
);

create table score_measurements as
select * from read_csv(
    getvariable('seeds') || '/scores/score_measurements.csv',
    header = true,
    columns = {
        'score_id': 'varchar', 'version': 'integer', 'measure': 'varchar', 'decile': 'integer',
        'measured_value': 'double', 'measured_on': 'date',
        'points_checksum': 'varchar'
    }
);

create macro plain_words(words) as trim(regexp_replace(regexp_replace(regexp_replace(
    upper(words), '[.](COM|NET|ORG)', ' COM', 'g'), '[.''’]', '', 'g'), '[^A-Z0-9&+]+', ' ', 'g'));

-- Who pays wages, without legal forms, processors of payrolls, and that wages are paid.
create macro employer_name(words) as trim(regexp_replace(
    plain_words(words),
    '\b(LLC|LLP|PLLC|LP|INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|LTD|LIMITED|PC|THE|ADP|TOTALSOURCE|PAYCHEX|TPS|GUSTO|PAYCOM|PAYLOCITY|PAYCOR|TRINET|INSPERITY|JUSTWORKS|RIPPLING|CERIDIAN|DAYFORCE|UKG|INTUIT|QUICKBOOKS|PAYROLL|PAYRL|PAYR|DIRDEP)\b *',
    '',
    'g'
));

-- Of the snapshots, the last one of each month.
create table kept_days as
select max(business_date) as business_date
from source.raw.loads
where feed = 'account_snapshot' and state = 'loaded'
group by date_trunc('month', business_date);

-- Of the files of such a day, the one received last is the whole day.
create table kept_files as
select load_id
from source.raw.loads
semi join kept_days using (business_date)
where feed = 'account_snapshot' and state = 'loaded'
qualify row_number() over (
    partition by business_date order by received_at desc, loaded_at desc, load_id desc
) = 1;

create table snapshots as
select
    business_date,
    member_id,
    member_type,
    member_status,
    member_since_date,
    birth_year,
    is_minor,
    home_zip,
    account_id,
    product_type,
    ownership_role,
    opened_date,
    account_status,
    current_balance
from source.raw.account_snapshot
semi join kept_days using (business_date)
semi join kept_files using (load_id);

create table dim_members as
with member_days as (
    select
        business_date,
        member_id,
        max(member_type) as member_type,
        max(member_status) as member_status,
        min(member_since_date) as member_since_date,
        max(birth_year) as birth_year,
        bool_or(is_minor) as is_minor,
        max(home_zip) as home_zip
    from snapshots
    group by business_date, member_id
),

latest_days as (
    select
        member_id,
        max(business_date) as business_date
    from member_days
    group by member_id
),

latest as (
    select member_days.*
    from member_days
    inner join latest_days using (member_id, business_date)
),

former as (
    select
        member_id,
        max(member_days.business_date) as last_other_date
    from member_days
    inner join latest using (member_id)
    where member_days.home_zip <> latest.home_zip
    group by member_id
)
select
    latest.member_id,
    latest.member_type,
    if(
        latest.business_date < (select max(business_date) from snapshots), 'absent', latest.member_status
    ) as member_status,
    latest.member_since_date,
    latest.birth_year,
    latest.is_minor,
    latest.home_zip,
    former.last_other_date + 1 as home_zip_since_date,
    latest.business_date as snapshot_date
from latest
left join former using (member_id);

-- What is open on the day of the latest snapshot, with who owns it.
create table open_accounts as
with owned as (
    select
        *,
        row_number() over (
            partition by account_id
            order by
                case ownership_role when 'primary' then 0 when 'business' then 1 else 2 end, member_id
        ) as owner_rank,
        count(*) over (partition by account_id) as owner_count
    from snapshots
    where
        account_id is not null
        and business_date = (select max(business_date) from snapshots where account_id is not null)
),

accounts as (
    select *
    from owned
    where owner_rank = 1 and account_status <> 'closed'
)
select
    owned.member_id,
    accounts.account_id,
    accounts.product_type,
    accounts.product_type in ('checking', 'savings', 'money_market', 'certificate') as is_deposit,
    accounts.opened_date,
    accounts.current_balance as current_balance_amount,
    accounts.owner_count,
    accounts.business_date as snapshot_date
from owned
inner join accounts using (account_id);

create table fct_digital_daily as
with repeated as (
    select hash(event_id) as event_hash
    from source.raw.digital_events
    group by event_hash
    having count(*) > 1
),

events as (
    select * from source.raw.digital_events
    where hash(event_id) not in (select event_hash from repeated)
    union all
    select * from source.raw.digital_events
    where hash(event_id) in (select event_hash from repeated)
    qualify row_number() over (
        partition by event_id order by business_date, load_id, line_number
    ) = 1
)
select
    member_id,
    cast(occurred_at as date) as activity_date,
    count(*) filter (event_type = 'login') as login_count,
    count(*) filter (event_type = 'bill_pay') as bill_pay_count,
    coalesce(sum(amount) filter (event_type = 'bill_pay'), 0) as bill_pay_amount,
    count(*) filter (event_type = 'p2p') as p2p_count,
    coalesce(sum(amount) filter (event_type = 'p2p'), 0) as p2p_amount,
    count(*) filter (event_type = 'rdc') as rdc_count,
    coalesce(sum(amount) filter (event_type = 'rdc'), 0) as rdc_amount,
    count(*) filter (event_type = 'page_view') as page_view_count
from events
where is_successful and occurred_at < getvariable('as_of_date') + 1
group by member_id, activity_date;

-- Each distinct text of a payment once. Payments between persons, checks and counter transactions
-- name people rather than merchants: their text is not read.
create table texts as
with named as (
    select
        case
            when channel in ('card_present', 'card_not_present') then 'card'
            when channel = 'ach' and ach_company_name is null then 'bill_pay'
            else channel
        end as channel_kind,
        direction,
        mcc,
        case
            when channel in ('p2p', 'check', 'branch', 'internal', 'atm') then null
            when channel = 'ach' and ach_company_name is not null then ach_company_name
            else descriptor
        end as party,
        ach_entry_description as entry,
        ach_entry_class as entry_class
    from source.raw.transactions
)
select
    hash(channel_kind, direction, mcc, party, entry, entry_class) as text_hash,
    any_value(channel_kind) as channel_kind,
    any_value(direction) as direction,
    any_value(mcc) as mcc,
    upper(trim(any_value(party))) as party_text,
    upper(trim(any_value(entry))) as entry_text,
    any_value(entry_class) as entry_class
from named
group by text_hash;

-- What is left of a text without the noise of terminals, which macros/merchants.sql lists by name.
create table text_readings as
with stripped as (
    select
        *,
        case
            when channel_kind in ('card', 'bill_pay')
                then party_text
                    .regexp_replace('"', '', 'g')
                    .regexp_replace('^7-11( |#|$)', '7-ELEVEN ', 'g')
                    .regexp_replace('^(PURCHASE|RECURRING PAYMENT) AUTHORIZED ON [0-9]{2}/[0-9]{2} +', '', 'g')
                    .regexp_replace('^((POS|POINT OF SALE|TRANSACTION|CONSUMER DEBIT|INTERLINK|EXT|PIN|NON-?PIN|VISA|MASTERCARD|MC|SIG|SIGNATURE|DEBIT|DBT|CRD|CARD|DDA|TERMINAL|TERM|CHECK ?CARD|CHKCARD|CKCD|CK CD|PURCHASE|PURCH|PUR|PMT|PREAUTH|PRE-AUTH|PREAUTHORIZED|AUTHORIZED ON|AUTH|WITHDRAWAL|WITHDRWL|WD|RECUR|RECURRING|RECURRING PAYMENT|CONTACTLESS|INTL|ECOMM|[0-9]{1,2}[/-][0-9]{2}([/-][0-9]{2,4})?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AP]M?)?|[0-9]{3,}|#[0-9]+|[X*]+[0-9]{2,4}) *[ :/-] *)+', '', 'g')
                    .regexp_replace('^(BILL ?PAY|(ONLINE )?(BILL )?PAYMENT TO|OLB BILLPMT) +', '', 'g')
                    .regexp_replace('^ACH (DEBIT|CREDIT) +', '', 'g')
                    .regexp_replace('^(HTTPS?://)?WWW[. ]', '', 'g')
            else party_text
        end as stripped_text
    from texts
),

prefixed as (
    select
        stripped.text_hash,
        max(length(merchant_prefixes.prefix)) as prefix_length
    from stripped
    inner join merchant_prefixes on starts_with(stripped.stripped_text, merchant_prefixes.prefix)
    where stripped.channel_kind = 'card'
    group by stripped.text_hash
),

cleaned as (
    select
        stripped.text_hash,
        stripped.channel_kind,
        stripped.direction,
        stripped.mcc,
        if(stripped.channel_kind = 'ach', stripped.party_text, null) as company,
        stripped.entry_text,
        stripped.entry_class,
        stripped.party_text,
        length(stripped.party_text) >= if(stripped.channel_kind = 'ach', 15, 20) as is_full_length,
        case
            when stripped.channel_kind = 'ach'
                then plain_words(stripped.party_text || ' ' || coalesce(stripped.entry_text, ''))
            else substr(stripped.stripped_text, 1 + coalesce(prefixed.prefix_length, 0))
                .regexp_replace('[(]?[0-9]{3}[)]?[-. ]+[0-9]{3}[-. ]?[0-9]{4}|[(][0-9]{3}[)][0-9]{3}-?[0-9]{4}|[0-9]{3}-[0-9]{7}', ' ', 'g')
                .regexp_replace('[X*]{2,}[0-9]{2,4}', ' ', 'g')
                .regexp_replace('[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?', ' ', 'g')
                .regexp_replace('# *[0-9]+', ' ', 'g')
                .regexp_replace('[*] *[A-Z]{0,2}[0-9][A-Z0-9]{4,}', ' ', 'g')
                .upper()
                .regexp_replace('[.](COM|NET|ORG)', ' COM', 'g')
                .regexp_replace('[.''’]', '', 'g')
                .regexp_replace('[^A-Z0-9&+]+', ' ', 'g')
                .trim()
                .regexp_replace('(^| )([A-Z]{4,})[0-9]{3,}( |$)', '\1\2\3', 'g')
                .trim()
                .regexp_replace('(^| )([A-Z]{3})[0-9]{7,}( |$)', '\1\2\3', 'g')
                .trim()
                .regexp_replace('(^| )([A-Z]{4,})[0-9]{3,}([A-Z]+)( |$)', '\1\2 \3\4', 'g')
                .trim()
                .regexp_replace('(^| )[0-9]{3,}( [0-9]{3,})*( |$)', ' ', 'g')
                .trim()
                .regexp_replace('(^| )[A-Z]*[0-9][A-Z0-9]{5,}( |$)', ' ', 'g')
                .trim()
        end as clean_text
    from stripped
    left join prefixed on stripped.text_hash = prefixed.text_hash
)
select
    *,
    hash(channel_kind, direction, mcc, company, entry_text, entry_class, clean_text, is_full_length)
        as reading_hash
from cleaned;

create table readings as
select
    reading_hash,
    any_value(channel_kind) as channel_kind,
    any_value(direction) as direction,
    any_value(mcc) as mcc,
    any_value(company) as company,
    any_value(entry_text) as entry_text,
    any_value(entry_class) as entry_class,
    any_value(clean_text) as clean_text,
    any_value(is_full_length) as is_full_length,
    any_value(if(channel_kind = 'ach', plain_words(company), clean_text)) as short_text,
    any_value(mcc_categories.category_id) as mcc_category_id,
    any_value(merchant_categories.parent_category_id) as mcc_parent_category_id,
    any_value(merchant_categories.presence) as mcc_presence
from text_readings
left join mcc_categories using (mcc)
left join merchant_categories using (category_id)
group by reading_hash;

-- Which patterns are found where, for each distinct remainder.
create table found as
with patterns as (
    select
        merchant_patterns.rule_id,
        merchant_patterns.merchant_id,
        merchant_patterns.match_kind,
        merchant_patterns.confidence,
        coalesce(merchant_patterns.is_common_word, false) as is_common_word,
        merchant_categories.parent_category_id,
        merchant_categories.presence,
        plain_words(merchant_patterns.pattern) as pattern_text
    from merchant_patterns
    inner join merchants using (merchant_id)
    inner join merchant_categories using (category_id)
),

clean_texts as (
    select distinct
        clean_text,
        short_text
    from readings
    where clean_text is not null
),

started as (
    select
        clean_texts.clean_text,
        clean_texts.short_text,
        patterns.*,
        case
            when starts_with(clean_text || ' ', pattern_text || ' ') then 1
            when match_kind = 'prefix' and starts_with(clean_text, pattern_text) then 1
            when length(short_text) >= 8 and starts_with(pattern_text, short_text) then 2
            when length(pattern_text) > 18 and starts_with(clean_text, left(pattern_text, 18)) then 2
        end as place_rank
    from clean_texts
    inner join patterns on left(clean_text || '  ', 3) = left(pattern_text || '  ', 3)
    where match_kind in ('start', 'prefix')
),

words as (
    select
        clean_text,
        short_text,
        unnest(string_split(clean_text, ' ')) as word
    from clean_texts
),

inside as (
    select
        words.clean_text,
        words.short_text,
        patterns.*,
        if(match_kind = 'word', 1, 3) as place_rank
    from words
    inner join patterns on words.word = split_part(pattern_text, ' ', 1)
    where
        (match_kind = 'word' and word = pattern_text)
        or (
            match_kind <> 'word'
            and not is_common_word
            and length(pattern_text) >= 8
            and contains(' ' || clean_text || ' ', ' ' || pattern_text || ' ')
        )
)
select * from started where place_rank is not null
union all
select * from inside;

-- What each reading is: the merchant, the category and how sure that is.
create table read_as as
with best_merchants as (
    select
        readings.reading_hash,
        found.rule_id,
        found.merchant_id,
        case
            when place_rank = 2 then confidence - 0.15
            when place_rank = 3 then confidence - 0.20
            when is_common_word and mcc_parent_category_id is null then confidence - 0.25
            else confidence
        end as confidence
    from readings
    inner join found
        on
            readings.clean_text = found.clean_text
            and readings.short_text is not distinct from found.short_text
    where
        mcc_parent_category_id = parent_category_id
        or (mcc_parent_category_id is null and (place_rank <> 2 or is_full_length))
        or (
            place_rank = 1
            and not is_common_word
            and not (coalesce(presence, '') = 'remote' and coalesce(mcc_presence, '') = 'local')
        )
    qualify row_number() over (
        partition by readings.reading_hash
        order by
            place_rank = 3 asc,
            if(place_rank = 2, least(length(pattern_text), length(found.short_text)), length(pattern_text)) desc,
            place_rank asc,
            case
                when place_rank = 2 then confidence - 0.15
                when place_rank = 3 then confidence - 0.20
                when is_common_word and mcc_parent_category_id is null then confidence - 0.25
                else confidence
            end desc,
            found.rule_id asc
    ) = 1
),

words as (
    select
        *,
        unnest(string_split(clean_text, ' ')) as word
    from readings
),

category_words as (
    select
        * exclude (phrase),
        plain_words(phrase) as phrase
    from merchant_words
),

word_categories as (
    select
        words.reading_hash,
        category_words.rule_id,
        case
            when words.channel_kind <> 'card'
                then coalesce(category_words.billed_category_id, category_words.category_id)
            else category_words.category_id
        end as category_id,
        category_words.confidence
    from words
    inner join category_words on words.word = split_part(category_words.phrase, ' ', 1)
    where
        words.direction = 'debit'
        and words.channel_kind in ('card', 'ach', 'bill_pay')
        and contains(' ' || words.clean_text || ' ', ' ' || category_words.phrase || ' ')
        and (
            words.mcc_category_id is null
            or contains(' ' || category_words.refines_category_id || ' ', ' ' || words.mcc_category_id || ' ')
        )
    qualify row_number() over (
        partition by words.reading_hash
        order by
            category_words.confidence desc, length(category_words.phrase) desc, category_words.rule_id asc
    ) = 1
),

sensitive_words as (
    select distinct words.reading_hash
    from words
    inner join forbidden_words on words.word = split_part(forbidden_words.word, ' ', 1)
    where
        forbidden_words.is_withheld
        and (words.direction = 'debit' or forbidden_words.kind in ('gambling', 'adult'))
        and contains(
            ' '
            || words.clean_text
                .regexp_replace('(^| )FALLS CHURCH( |$)', ' ', 'g')
                .regexp_replace('(^| )(ON|AT|[0-9]+|[NSEW]|NORTH|SOUTH|EAST|WEST) (CHURCH|HOSPITAL|CASINO) (ST|STREET|RD|ROAD|AVE|AVENUE|DR|DRIVE|LN|LANE|BLVD|HWY|PKWY|WAY|SQ)( |$)', ' ', 'g')
                .regexp_replace('(^| )(CHURCH|HOSPITAL|CASINO) (STREET|ROAD|AVENUE|DRIVE|LANE|BLVD|HWY|PKWY)( |$)', ' ', 'g')
                .regexp_replace('(^| )(ANIMAL|PET|VET|VETERINARY|CAT|DOG|EQUINE) (HOSPITALS?|URGENT CARE|HEALTHCARE|CLINICS?|MEDICAL|DENTAL)( |$)', ' ', 'g')
                .regexp_replace('(^| )(AUTO|BIKE|CAR|CARPET|COMPUTER|DENT|FURNITURE|GLASS|GOLF|GUITAR|LAWN|MOWER|PHONE|PLANT|SHOE|SKI|TIRE|TRUCK|WATCH) CLINICS?( |$)', ' ', 'g')
            || ' ',
            ' ' || forbidden_words.word || ' '
        )
),

entry_matches as (
    select
        readings.reading_hash,
        ach_entry_rules.rule_id,
        ach_entry_rules.category_id,
        ach_entry_rules.confidence,
        ach_entry_rules.outranks_merchant
    from readings
    inner join ach_entry_rules
        on
            (ach_entry_rules.direction is null or readings.direction = ach_entry_rules.direction)
            and (ach_entry_rules.entry_class is null or readings.entry_class = ach_entry_rules.entry_class)
            and (ach_entry_rules.entry_start is null or starts_with(readings.entry_text, ach_entry_rules.entry_start))
            and (
                ach_entry_rules.company_start is null
                or (
                    starts_with(readings.company, ach_entry_rules.company_start)
                    and (
                        regexp_matches(ach_entry_rules.company_start, '[ .]')
                        or not regexp_full_match(
                            substr(readings.company, length(ach_entry_rules.company_start) + 1, 1), '[A-Z]'
                        )
                    )
                )
            )
    where readings.channel_kind = 'ach'
    qualify row_number() over (
        partition by readings.reading_hash
        order by ach_entry_rules.confidence desc, ach_entry_rules.rule_id asc
    ) = 1
),

decided as (
    select
        readings.*,
        case
            when
                forbidden_mccs.mcc is not null
                or (
                    sensitive_words.reading_hash is not null
                    and not (readings.direction = 'credit' and coalesce(entry_matches.outranks_merchant, false))
                )
                then 'withheld'
            when entry_matches.outranks_merchant then 'entry'
            when merchants.category_id = 'deposit_transfers' and entry_categories.competitor_product <> ''
                then 'entry of a bank'
            when
                best_merchants.rule_id is not null
                and not (
                    best_merchants.confidence < 0.70
                    and best_merchants.confidence
                    < coalesce(entry_matches.confidence, word_categories.confidence, 0)
                    and merchants.category_id
                    <> coalesce(entry_matches.category_id, word_categories.category_id)
                )
                then 'merchant'
            when entry_matches.rule_id is not null then 'entry'
            when word_categories.rule_id is not null then 'word'
            when readings.mcc_category_id is not null then 'mcc'
            else 'none'
        end as told_by,
        case told_by
            when 'withheld' then 'withheld'
            when 'entry' then entry_matches.category_id
            when 'entry of a bank' then entry_matches.category_id
            when 'merchant' then merchants.category_id
            when 'word' then word_categories.category_id
            when 'mcc' then readings.mcc_category_id
            else
                case readings.channel_kind
                    when 'p2p' then 'person_to_person'
                    when 'internal' then 'internal_transfers'
                    when 'atm' then 'cash'
                    when 'check' then 'checks'
                    when 'branch' then 'branch_services'
                    else 'unknown'
                end
        end as category_id,
        cast(case
            when told_by = 'withheld' then 1
            when told_by in ('entry', 'entry of a bank') then entry_matches.confidence
            when told_by = 'merchant' then best_merchants.confidence
            when told_by = 'word' then word_categories.confidence
            when told_by = 'mcc' then 0.85
            when readings.channel_kind in ('card', 'ach', 'bill_pay') then 0
            else 1
        end as decimal(4, 2)) as confidence,
        if(told_by in ('merchant', 'entry of a bank'), best_merchants.merchant_id, null) as merchant_id
    from readings
    left join best_merchants using (reading_hash)
    left join merchants using (merchant_id)
    left join entry_matches using (reading_hash)
    left join merchant_categories as entry_categories on entry_matches.category_id = entry_categories.category_id
    left join word_categories using (reading_hash)
    left join sensitive_words using (reading_hash)
    left join (select mcc from forbidden_mccs where is_withheld) as forbidden_mccs using (mcc)
)
select
    reading_hash,
    direction,
    category_id,
    merchant_id,
    if(category_id = 'withheld', null, mcc) as mcc,
    confidence,
    coalesce(merchant_id, if(category_id = 'withheld', null, nullif(coalesce(company, clean_text), '')))
        as party_id,
    direction || '|' || category_id || '|' || coalesce(merchant_id, '')
    || '|' || coalesce(if(category_id = 'withheld', null, mcc), '')
    || '|' || cast(confidence as varchar) as class_text
from decided;

create table dim_spend_classes as
select
    row_number() over () as spend_class_id,
    class_text,
    any_value(direction) as direction,
    any_value(category_id) as category_id,
    any_value(merchant_id) as merchant_id,
    any_value(mcc) as mcc,
    any_value(nullif(competitor_product, '')) as competitor_product,
    any_value(confidence) as confidence
from read_as
inner join merchant_categories using (category_id)
group by class_text;

create table text_classes as
select
    text_readings.text_hash,
    spend_classes.spend_class_id,
    spend_classes.category_id,
    spend_classes.competitor_product,
    spend_classes.confidence,
    -- Where all of a text is taken for noise, it is its own party.
    coalesce(
        read_as.party_id,
        if(read_as.category_id = 'withheld', null, nullif(text_readings.party_text, '')),
        'unknown'
    ) as party_id
from text_readings
inner join read_as using (reading_hash)
inner join dim_spend_classes as spend_classes using (class_text);

-- The latest version of each transaction. Few come more than once: those alone are ranked.
create table repeated_ids as
select hash(transaction_id) as id_hash
from source.raw.transactions
group by id_hash
having count(*) > 1;

create view current_transactions as
with versions as (
    select * from source.raw.transactions
    where hash(transaction_id) not in (select id_hash from repeated_ids)
    union all
    select * from source.raw.transactions
    where hash(transaction_id) in (select id_hash from repeated_ids)
    qualify row_number() over (
        partition by transaction_id
        order by version desc, status = 'posted' desc, business_date desc, load_id desc
    ) = 1
)
select
    *,
    coalesce(posted_date, cast(authorized_at as date)) as transaction_date
from versions
where coalesce(posted_date, cast(authorized_at as date)) <= getvariable('as_of_date');

create table reversals as
with told as (
    select transaction_id, reversal_of_transaction_id, amount
    from current_transactions
    where reversal_of_transaction_id is not null and status = 'posted'
),

undone as (
    select reversal_of_transaction_id as transaction_id, sum(amount) as undone_amount
    from told
    group by all
)
select
    told.reversal_of_transaction_id as transaction_id,
    sum(greatest(told.amount - coalesce(undone.undone_amount, 0), 0)) as reversed_amount
from told
left join undone using (transaction_id)
group by all;

-- Reversals are taken back from what they reverse, and count for nothing themselves.
create table transactions as
select
    current_transactions.member_id,
    current_transactions.account_id,
    current_transactions.transaction_date,
    current_transactions.status = 'posted' as is_posted,
    current_transactions.direction,
    current_transactions.channel,
    cast(
        greatest(current_transactions.amount - coalesce(reversals.reversed_amount, 0), 0)
        as decimal(18, 2)
    ) as net_amount,
    hash(
        case
            when channel in ('card_present', 'card_not_present') then 'card'
            when channel = 'ach' and ach_company_name is null then 'bill_pay'
            else channel
        end,
        direction,
        mcc,
        case
            when channel in ('p2p', 'check', 'branch', 'internal', 'atm') then null
            when channel = 'ach' and ach_company_name is not null then ach_company_name
            else descriptor
        end,
        ach_entry_description,
        ach_entry_class
    ) as text_hash
from current_transactions
left join reversals using (transaction_id)
where current_transactions.reversal_of_transaction_id is null;

create table fct_member_spend_days as
select
    transactions.member_id,
    transactions.transaction_date,
    text_classes.spend_class_id,
    count(*) as transaction_count,
    cast(sum(transactions.net_amount) as decimal(18, 2)) as net_amount
from transactions
inner join text_classes using (text_hash)
where transactions.is_posted and transactions.net_amount > 0
group by transactions.member_id, transactions.transaction_date, text_classes.spend_class_id;

create table fct_onboarding as
with applications as (
    select
        application_id,
        max(member_id) as member_id,
        max(account_id) as account_id,
        min(occurred_at) filter (event_type = 'account.funded') as funded_at,
        max(funded_amount) filter (event_type = 'account.funded') as funded_amount,
        min(occurred_at) filter (event_type = 'login.first') as first_login_at
    from source.raw.onboarding_events
    where occurred_at < getvariable('as_of_date') + 1
    group by application_id
    having funded_at is not null
),

uses as (
    select
        application_id,
        cast(first_login_at as date) as use_date
    from applications
    where cast(first_login_at as date) >= cast(funded_at as date)
    union all
    select
        applications.application_id,
        digital_days.activity_date
    from applications
    inner join fct_digital_daily as digital_days using (member_id)
    where digital_days.login_count > 0 and digital_days.activity_date >= cast(applications.funded_at as date)
    union all
    select
        applications.application_id,
        transactions.transaction_date
    from applications
    inner join transactions using (account_id)
    where
        transactions.direction = 'debit'
        and transactions.channel <> 'internal'
        and transactions.transaction_date >= cast(applications.funded_at as date)
),

first_uses as (
    select
        application_id,
        min(use_date) as first_use_date
    from uses
    group by application_id
)
select
    applications.*,
    first_uses.first_use_date
from applications
left join first_uses using (application_id);

create table fct_member_activity as
with incomes as (
    select
        spend_days.member_id,
        spend_days.transaction_date,
        spend_classes.category_id
    from fct_member_spend_days as spend_days
    inner join dim_spend_classes as spend_classes
        on spend_days.spend_class_id = spend_classes.spend_class_id
    where
        spend_classes.direction = 'credit'
        and spend_classes.category_id in ('payroll', 'retirement_income')
),

onboarding as (
    select * from fct_onboarding
    where funded_at is not null
),

digital as (
    select
        member_id,
        max(case when login_count > 0 then activity_date end) as last_login_date,
        sum(case when activity_date > getvariable('as_of_date') - 30 then login_count else 0 end)
            as login_count_30_days,
        sum(case when activity_date > getvariable('as_of_date') - 90 then bill_pay_count else 0 end)
            as bill_pay_count_90_days,
        sum(case when activity_date > getvariable('as_of_date') - 90 then p2p_count else 0 end)
            as p2p_count_90_days,
        sum(case when activity_date > getvariable('as_of_date') - 90 then rdc_count else 0 end)
            as rdc_count_90_days
    from fct_digital_daily
    group by member_id
),

payroll as (
    select
        member_id,
        max(case when category_id = 'payroll' then transaction_date end) as last_payroll_date,
        max(transaction_date) as last_income_date
    from incomes
    group by member_id
),

funding as (
    select
        member_id,
        max(cast(funded_at as date)) as last_funded_date
    from onboarding
    group by member_id
)
select
    members.member_id,
    digital.last_login_date,
    cast(coalesce(digital.login_count_30_days, 0) as bigint) as login_count_30_days,
    cast(coalesce(digital.bill_pay_count_90_days, 0) as bigint) as bill_pay_count_90_days,
    cast(coalesce(digital.p2p_count_90_days, 0) as bigint) as p2p_count_90_days,
    cast(coalesce(digital.rdc_count_90_days, 0) as bigint) as rdc_count_90_days,
    payroll.last_payroll_date,
    payroll.last_income_date,
    funding.last_funded_date
from dim_members as members
left join digital on members.member_id = digital.member_id
left join payroll on members.member_id = payroll.member_id
left join funding on members.member_id = funding.member_id;

-- What is paid on a schedule. Movements name no party, what is sensitive is read by nobody, and a card
-- that is present is not charged on a schedule.
create table fct_recurring_flows as
with days as (
    select
        transactions.member_id,
        transactions.direction,
        text_classes.party_id,
        text_classes.category_id,
        text_classes.competitor_product,
        transactions.transaction_date,
        sum(transactions.net_amount) as paid_amount,
        bool_and(transactions.channel = 'card_not_present') as is_card_on_file,
        max(text_classes.confidence) as confidence
    from transactions
    inner join text_classes using (text_hash)
    where
        transactions.is_posted
        and transactions.net_amount > 0
        and transactions.channel in ('ach', 'card_not_present')
        and transactions.transaction_date > getvariable('as_of_date') - 400
        and text_classes.category_id not in (
            'withheld', 'internal_transfers', 'person_to_person', 'cash', 'checks', 'branch_services'
        )
    group by all
),

-- Who is paid every few days is not paid on a schedule: those series need no closer look. The others go
-- by a number alone from here on: with these names beside them a million members' payments take 50 GB.
spaced as (
    select
        member_id,
        direction,
        party_id,
        category_id,
        row_number() over (order by member_id, direction, party_id, category_id) as series_number
    from days
    group by member_id, direction, party_id, category_id
    having
        count(*) >= 2
        and date_diff('day', min(transaction_date), max(transaction_date)) >= 6 * (count(*) - 1)
),

numbered as (
    select
        spaced.series_number,
        days.competitor_product,
        days.transaction_date,
        days.paid_amount,
        days.is_card_on_file,
        days.confidence
    from days
    inner join spaced using (member_id, direction, party_id, category_id)
),

gapped as (
    select
        *,
        date_diff(
            'day',
            lag(transaction_date) over (partition by series_number order by transaction_date),
            transaction_date
        ) as gap_days
    from numbered
),

series as (
    select
        series_number,
        max(competitor_product) as competitor_product,
        count(*) as payment_count,
        quantile_cont(paid_amount, 0.5) as typical_amount,
        min(paid_amount) as least_amount,
        max(paid_amount) as most_amount,
        min(transaction_date) as first_date,
        max(transaction_date) as last_date,
        bool_and(is_card_on_file) as is_card_on_file,
        max(confidence) as confidence,
        quantile_cont(gap_days, 0.25) as low_gap_days,
        quantile_cont(gap_days, 0.5) as gap_days,
        quantile_cont(gap_days, 0.75) as high_gap_days,
        avg(cast(gap_days = 14 as integer)) as fortnight_ratio
    from gapped
    group by series_number
),

-- Regular: half of all gaps lie within a quarter of the middle one, so that a payment may be missed.
paced as (
    select
        *,
        case
            when payment_count < 3 then 'irregular'
            when low_gap_days < 0.75 * gap_days or high_gap_days > 1.25 * gap_days then 'irregular'
            when gap_days between 6 and 8 then 'weekly'
            when fortnight_ratio >= 0.6 then 'biweekly'
            when gap_days between 12 and 17 then 'semimonthly'
            when gap_days between 26 and 35 then 'monthly'
            when gap_days between 85 and 97 then 'quarterly'
            else 'irregular'
        end as cadence
    from series
)
select
    member_id,
    direction,
    party_id,
    category_id,
    competitor_product,
    payment_count,
    cast(typical_amount as decimal(18, 2)) as typical_amount,
    cast(least_amount as decimal(18, 2)) as least_amount,
    cast(most_amount as decimal(18, 2)) as most_amount,
    first_date,
    last_date,
    is_card_on_file,
    confidence,
    cast(round(gap_days) as integer) as gap_days,
    cadence,
    cast(
        case cadence
            when 'weekly' then typical_amount * 52 / 12
            when 'biweekly' then typical_amount * 26 / 12
            when 'semimonthly' then typical_amount * 2
            when 'monthly' then typical_amount
            when 'quarterly' then typical_amount / 3
        end as decimal(18, 2)
    ) as monthly_amount,
    cast((last_date - cast(-(round(gap_days)) as integer)) as date) as next_date,
    -- A payment that is half a gap late may still come.
    cadence <> 'irregular'
    and last_date >= (getvariable('as_of_date') - cast(round(1.5 * gap_days) as integer)) as is_active
from paced
inner join spaced using (series_number);

create table fct_member_categories as
with spend_days as (
    select * from fct_member_spend_days
    where transaction_date > getvariable('as_of_date') - 180
),

-- What is sensitive stays out of every sum.
spend_classes as (
    select * from dim_spend_classes
    where category_id <> 'withheld'
),

classed as (
    select
        spend_days.member_id,
        spend_days.transaction_date,
        spend_days.transaction_count,
        spend_days.net_amount,
        spend_classes.direction,
        spend_classes.category_id,
        date_diff('day', spend_days.transaction_date, getvariable('as_of_date')) as age_days
    from spend_days
    inner join spend_classes on spend_days.spend_class_id = spend_classes.spend_class_id
)
select
    member_id,
    direction,
    category_id,
    min(transaction_date) as first_date,
    max(transaction_date) as last_date,
    min(case when age_days < 60 then transaction_date end) as first_date_60_days,
    cast(sum(transaction_count) as bigint) as count_180_days,
    cast(sum(case when age_days < 90 then transaction_count else 0 end) as bigint)
        as count_90_days,
    cast(sum(case when age_days < 60 then transaction_count else 0 end) as bigint)
        as count_60_days,
    cast(sum(case when age_days < 30 then transaction_count else 0 end) as bigint)
        as count_30_days,
    cast(sum(net_amount) as decimal(18, 2)) as amount_180_days,
    cast(sum(case when age_days < 90 then net_amount else 0 end) as decimal(18, 2))
        as amount_90_days,
    cast(sum(case when age_days < 60 then net_amount else 0 end) as decimal(18, 2))
        as amount_60_days
from classed
group by member_id, direction, category_id;

create table fct_member_measures as
with flows as (
    select * from fct_recurring_flows
    where is_active
),

holdings as (
    select
        accounts.member_id,
        count(distinct accounts.product_type) as product_type_count,
        bool_or(accounts.owner_count > 1) as has_joint_account,
        sum(case when accounts.is_deposit then accounts.current_balance_amount end)
            as deposit_balance_amount,
        sum(
            case
                when
                    accounts.product_type in (
                        'mortgage', 'heloc', 'auto_loan', 'student_loan', 'personal_loan'
                    )
                    then greatest(accounts.current_balance_amount, 0)
                else 0
            end
        ) as loan_balance_amount
    from open_accounts as accounts
    group by accounts.member_id
),

income as (
    select
        member_id,
        party_id,
        cadence,
        gap_days,
        monthly_amount,
        next_date,
        row_number() over (
            partition by member_id
            order by monthly_amount desc, party_id asc
        ) as income_rank
    from flows
    where direction = 'credit' and category_id in ('payroll', 'retirement_income', 'gig_income')
),

incomes as (
    select
        member_id,
        count(*) as income_source_count,
        sum(monthly_amount) as monthly_income_amount,
        max(case when income_rank = 1 then cadence end) as pay_cadence,
        max(case when income_rank = 1 then next_date end) as next_pay_date
    from income
    group by member_id
),

payees as (
    select
        flows.member_id,
        count(*) as recurring_payee_count,
        sum(flows.monthly_amount) as recurring_payment_amount,
        sum(
            case
                when
                    flows.category_id in (
                        'streaming', 'games_and_apps', 'business_software', 'fitness'
                    )
                    and flows.most_amount <= 1.3 * flows.least_amount
                    then 1
                else 0
            end
        ) as subscription_count,
        sum(case when flows.is_card_on_file then 1 else 0 end) as card_on_file_count,
        count(distinct flows.competitor_product) as competitor_product_count,
        sum(flows.monthly_amount * factors.balance_months) as held_away_loan_amount
    from flows
    left join held_away_factors as factors on flows.competitor_product = factors.competitor_product
    where flows.direction = 'debit'
    group by flows.member_id
),

turnover as (
    select
        member_categories.member_id,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and member_categories.category_id <> 'internal_transfers'
                    then member_categories.count_30_days
                else 0
            end
        ) as payment_count_30_days,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and spend_categories.parent_category_id in (
                        'food', 'dining', 'shopping', 'travel', 'vehicle', 'leisure'
                    )
                    then member_categories.amount_90_days
                else 0
            end
        ) as purchase_amount,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and member_categories.category_id = 'credit_card'
                    then member_categories.amount_90_days
                else 0
            end
        ) as card_elsewhere_amount,
        sum(
            case
                when
                    member_categories.direction = 'credit' and spend_categories.parent_category_id = 'income'
                    then member_categories.amount_90_days
                else 0
            end
        ) as income_amount,
        sum(
            case
                when
                    member_categories.direction = 'credit'
                    and member_categories.category_id = 'deposit_transfers'
                    then member_categories.amount_90_days
                else 0
            end
        ) as deposit_elsewhere_amount
    from fct_member_categories as member_categories
    inner join merchant_categories as spend_categories on member_categories.category_id = spend_categories.category_id
    group by member_categories.member_id
),

joined as (
    select
        members.member_id,
        date_diff('day', members.member_since_date, getvariable('as_of_date')) as tenure_days,
        coalesce(holdings.product_type_count, 0) as product_type_count,
        coalesce(holdings.has_joint_account, false) as has_joint_account,
        holdings.deposit_balance_amount,
        holdings.loan_balance_amount,
        coalesce(incomes.income_source_count, 0) as income_source_count,
        incomes.monthly_income_amount,
        incomes.pay_cadence,
        incomes.next_pay_date,
        coalesce(payees.recurring_payee_count, 0) as recurring_payee_count,
        coalesce(payees.recurring_payment_amount, 0) as recurring_payment_amount,
        coalesce(payees.subscription_count, 0) as subscription_count,
        coalesce(payees.card_on_file_count, 0) as card_on_file_count,
        coalesce(payees.competitor_product_count, 0) as competitor_product_count,
        coalesce(payees.held_away_loan_amount, 0) as held_away_loan_amount,
        coalesce(turnover.payment_count_30_days, 0) as payment_count_30_days,
        turnover.purchase_amount,
        turnover.card_elsewhere_amount,
        turnover.income_amount,
        turnover.deposit_elsewhere_amount,
        activity.login_count_30_days,
        activity.last_login_date,
        activity.last_funded_date,
        coalesce(date_diff('day', activity.last_income_date, getvariable('as_of_date')) < 60, false)
            as has_direct_deposit,
        case when activity.login_count_30_days > 0 then 1 else 0 end
        + case when activity.bill_pay_count_90_days >= 2 then 1 else 0 end
        + case when activity.p2p_count_90_days >= 2 then 1 else 0 end
        + case when activity.rdc_count_90_days >= 2 then 1 else 0 end
        + case when payees.card_on_file_count > 0 then 1 else 0 end as digital_service_count
    from dim_members as members
    inner join fct_member_activity as activity on members.member_id = activity.member_id
    left join holdings on members.member_id = holdings.member_id
    left join incomes on members.member_id = incomes.member_id
    left join payees on members.member_id = payees.member_id
    left join turnover on members.member_id = turnover.member_id
)
-- Shares of what we see: null where there is nothing to share.
select
    member_id,
    cast(product_type_count as integer) as product_type_count,
    has_joint_account,
    cast(deposit_balance_amount as decimal(18, 2)) as deposit_balance_amount,
    cast(loan_balance_amount as decimal(18, 2)) as loan_balance_amount,
    cast(income_source_count as integer) as income_source_count,
    cast(monthly_income_amount as decimal(18, 2)) as monthly_income_amount,
    pay_cadence,
    case pay_cadence
        when 'weekly' then 7
        when 'biweekly' then 14
        when 'semimonthly' then 15
        when 'monthly' then 30
        when 'quarterly' then 91
    end as pay_cadence_days,
    next_pay_date,
    cast(date_diff('day', getvariable('as_of_date'), next_pay_date) as integer) as days_to_next_pay,
    cast(recurring_payee_count as integer) as recurring_payee_count,
    cast(recurring_payment_amount as decimal(18, 2)) as recurring_payment_amount,
    cast(subscription_count as integer) as subscription_count,
    cast(card_on_file_count as integer) as card_on_file_count,
    cast(competitor_product_count as integer) as competitor_product_count,
    cast(held_away_loan_amount as decimal(18, 2)) as held_away_loan_amount,
    cast(
        floor(10000 * loan_balance_amount / nullif(loan_balance_amount + held_away_loan_amount, 0)) / 10000
        as decimal(5, 4)
    ) as lending_wallet_ratio,
    cast(
        floor(10000 * purchase_amount / nullif(purchase_amount + card_elsewhere_amount, 0)) / 10000
        as decimal(5, 4)
    ) as card_wallet_ratio,
    cast(
        floor(10000 * income_amount / nullif(income_amount + deposit_elsewhere_amount, 0)) / 10000
        as decimal(5, 4)
    ) as deposit_wallet_ratio,
    cast(payment_count_30_days as integer) as payment_count_30_days,
    cast(digital_service_count as integer) as digital_service_count,
    -- Wages weigh most: who is paid here lives here.
    cast(
        case when has_direct_deposit then 30 else 0 end
        + case when recurring_payee_count >= 3 then 20 else 0 end
        + case when payment_count_30_days >= 10 then 20 else 0 end
        + case when login_count_30_days >= 4 then 15 else 0 end
        + case when product_type_count >= 2 then 15 else 0 end
        as integer
    ) as primary_institution_index,
    -- Of members of less than 180 days: a quarter each for money, login, payment and wages.
    case
        when tenure_days < 180
            then cast(
                case when deposit_balance_amount > 0 or last_funded_date is not null then 25 else 0 end
                + case when last_login_date is not null then 25 else 0 end
                + case when payment_count_30_days > 0 then 25 else 0 end
                + case when has_direct_deposit then 25 else 0 end
                as integer
            )
    end as activation_score
from joined;

create table kli_rules__evaluated as
with rule_values as (
    select
        kli_id,
        match_on,
        direction,
        member_type,
        window_days,
        unnest(string_split(match_values, '|')) as match_value
    from kli_rules
),

class_values as (
    select
        spend_class_id,
        direction,
        confidence,
        'category' as match_on,
        category_id as match_value
    from dim_spend_classes
    union all
    select
        spend_class_id,
        direction,
        confidence,
        'merchant' as match_on,
        merchant_id
    from dim_spend_classes
    union all
    select
        spend_class_id,
        direction,
        confidence,
        'mcc' as match_on,
        mcc
    from dim_spend_classes
    union all
    select
        spend_class_id,
        direction,
        confidence,
        'competitor_product' as match_on,
        competitor_product
    from dim_spend_classes
),

-- Rules meet the few thousand classes of spend, not the transactions: a rule more costs little.
class_rules as (
    select distinct
        class_values.spend_class_id,
        class_values.confidence,
        rule_values.kli_id,
        rule_values.member_type,
        rule_values.window_days
    from rule_values
    inner join class_values
        on
            rule_values.match_on = class_values.match_on
            and rule_values.match_value = class_values.match_value
            and rule_values.direction = class_values.direction
),

evidence as (
    select
        spend_days.member_id,
        class_rules.kli_id,
        class_rules.member_type,
        sum(spend_days.transaction_count) as evidence_count,
        sum(spend_days.net_amount) as evidence_amount,
        min(spend_days.transaction_date) as first_seen,
        max(spend_days.transaction_date) as last_seen,
        sum(spend_days.transaction_count * class_rules.confidence)
        / sum(spend_days.transaction_count) as confidence
    from fct_member_spend_days as spend_days
    inner join class_rules on spend_days.spend_class_id = class_rules.spend_class_id
    where spend_days.transaction_date > getvariable('as_of_date') - class_rules.window_days
    group by spend_days.member_id, class_rules.kli_id, class_rules.member_type
)
select
    evidence.member_id,
    evidence.kli_id,
    cast(evidence.evidence_count as bigint) as evidence_count,
    cast(evidence.evidence_amount as decimal(18, 2)) as evidence_amount,
    evidence.first_seen,
    evidence.last_seen,
    cast(evidence.confidence as decimal(4, 2)) as confidence,
    cast(evidence.evidence_count as string)
    || ' transactions of '
    || cast(cast(evidence.evidence_amount as decimal(18, 2)) as string)
    || ' dollars in all within '
    || cast(rules.window_days as string)
    || ' days, by ' || rules.match_on || ' ' || rules.match_values as rationale
from evidence
inner join kli_rules as rules on evidence.kli_id = rules.kli_id
inner join dim_members as members on evidence.member_id = members.member_id
where
    evidence.evidence_count >= rules.minimum_count
    and evidence.evidence_amount >= rules.minimum_amount
    and rules.member_type in ('any', members.member_type);

create table kli_bands__evaluated as
with bands as (
    select
        kli_id,
        measure,
        at_least,
        cast(nullif(below, '') as decimal(18, 4)) as below,
        confidence,
        says
    from kli_bands
),

measured as (
    select member_id, 'deposit_balance_amount' as measure, cast(deposit_balance_amount as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'monthly_income_amount' as measure, cast(monthly_income_amount as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'income_source_count' as measure, cast(income_source_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'primary_institution_index' as measure, cast(primary_institution_index as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'card_wallet_ratio' as measure, cast(card_wallet_ratio as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'lending_wallet_ratio' as measure, cast(lending_wallet_ratio as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'deposit_wallet_ratio' as measure, cast(deposit_wallet_ratio as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'held_away_loan_amount' as measure, cast(held_away_loan_amount as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'competitor_product_count' as measure, cast(competitor_product_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'product_type_count' as measure, cast(product_type_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'loan_balance_amount' as measure, cast(loan_balance_amount as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'pay_cadence_days' as measure, cast(pay_cadence_days as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'days_to_next_pay' as measure, cast(days_to_next_pay as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'recurring_payee_count' as measure, cast(recurring_payee_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'subscription_count' as measure, cast(subscription_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'card_on_file_count' as measure, cast(card_on_file_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'payment_count_30_days' as measure, cast(payment_count_30_days as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'digital_service_count' as measure, cast(digital_service_count as decimal(18, 4)) as measured_value
    from fct_member_measures
    union all
    select member_id, 'activation_score' as measure, cast(activation_score as decimal(18, 4)) as measured_value
    from fct_member_measures
)
-- A measure that is not known lies in no band.
select
    measured.member_id,
    bands.kli_id,
    cast(1 as bigint) as evidence_count,
    case
        when bands.measure like '%amount'
            then cast(measured.measured_value as decimal(18, 2))
    end as evidence_amount,
    getvariable('as_of_date') as first_seen,
    getvariable('as_of_date') as last_seen,
    bands.confidence,
    bands.says || ': '
    || case
        when bands.measure like '%amount'
            then cast(cast(measured.measured_value as decimal(18, 2)) as string)
        when bands.measure like '%ratio'
            then cast(cast(measured.measured_value as decimal(4, 2)) as string)
        else cast(cast(measured.measured_value as integer) as string)
    end as rationale
from measured
inner join bands on measured.measure = bands.measure
where
    measured.measured_value >= bands.at_least
    and (bands.below is null or measured.measured_value < bands.below);

create table fct_member_page_visits as
select
    member_id,
    page,
    cast(occurred_at as date) as activity_date,
    count(distinct event_id) as visit_count
from source.raw.digital_events
where
    event_type = 'page_view'
    and is_successful
    and page is not null
    and occurred_at >= getvariable('as_of_date') - 44
    and occurred_at < getvariable('as_of_date') + 1
group by all;

create table kli_intent__page_visits as
with visits as (
    select * from fct_member_page_visits
    where activity_date > getvariable('as_of_date') - 45
),

-- Several pages of one indicator count together; the least of their minima decides.
counted as (
    select
        visits.member_id,
        pages.kli_id,
        sum(visits.visit_count) as visit_count,
        min(pages.minimum_count) as minimum_count,
        min(visits.activity_date) as first_seen,
        max(visits.activity_date) as last_seen
    from visits
    inner join kli_pages as pages on visits.page = pages.page
    group by visits.member_id, pages.kli_id
)
select
    member_id,
    kli_id,
    cast(visit_count as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    -- One visit may be chance, four hardly.
    cast(least(0.40 + 0.15 * visit_count, 0.95) as decimal(4, 2)) as confidence,
    cast(visit_count as string) || ' visits to the page within 45 days, the last on '
    || cast(last_seen as string) as rationale
from counted
where visit_count >= minimum_count;

create table kli_geography__home_region as
with members as (
    select * from dim_members
    where home_zip is not null
),

-- The first three digits of a ZIP code name a sectional center of the mail: wider than a quarter.
homes as (
    select
        members.member_id,
        regions.kli_id,
        members.snapshot_date as first_seen,
        members.snapshot_date as last_seen,
        0.95 as confidence,
        'Home ZIP code in ' || regions.region as rationale
    from members
    inner join zip_regions as regions on substr(members.home_zip, 1, 3) = regions.zip3
    union all
    select
        members.member_id,
        'geography__outside' as kli_id,
        members.snapshot_date as first_seen,
        members.snapshot_date as last_seen,
        0.95 as confidence,
        'Home ZIP code in no region of the institution' as rationale
    from members
    left join zip_regions as regions on substr(members.home_zip, 1, 3) = regions.zip3
    where regions.zip3 is null
    union all
    select
        member_id,
        'geography__moved' as kli_id,
        home_zip_since_date as first_seen,
        snapshot_date as last_seen,
        0.90 as confidence,
        'Another home ZIP code since ' || cast(home_zip_since_date as string) as rationale
    from members
    where home_zip_since_date > getvariable('as_of_date') - 120
)
select
    member_id,
    kli_id,
    cast(1 as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(confidence as decimal(4, 2)) as confidence,
    rationale
from homes;

-- A business has no life and no family.
create view individuals as
select member_id from dim_members where member_type = 'individual';

create table kli_behaviour__life_events as
with payments as (
    select
        fct_member_categories.*,
        categories.parent_category_id,
        categories.competitor_product
    from fct_member_categories
    inner join merchant_categories as categories
        on fct_member_categories.category_id = categories.category_id
    where fct_member_categories.direction = 'debit'
),

wages as (
    select
        *,
        row_number() over (
            partition by member_id
            order by last_date desc, first_date desc, party_id asc
        ) as wage_rank
    from fct_recurring_flows
    where direction = 'credit' and category_id = 'payroll'
),

started_wages as (
    select * from wages
    where wage_rank = 1 and first_date > getvariable('as_of_date') - 90
),

-- Processors and legal forms come and go in the name under which one employer pays, and ACH cuts it.
compared_wages as (
    select
        started_wages.member_id,
        started_wages.first_date,
        earlier.last_date as former_last_date,
        employer_name(started_wages.party_id) as employer_name,
        employer_name(earlier.party_id) as former_employer_name,
        abs(started_wages.gap_days - earlier.gap_days) <= 1
        and abs(started_wages.typical_amount - earlier.typical_amount) <= 0.05 * earlier.typical_amount
            as is_same_pay
    from started_wages
    inner join wages as earlier
        on started_wages.member_id = earlier.member_id and earlier.wage_rank > 1
),

-- All others ended before: a second job is no new one.
former_wages as (
    select
        member_id,
        max(former_last_date) as last_date,
        bool_or(is_same_pay) as is_same_pay
    from compared_wages
    group by member_id
    having
        bool_and(former_last_date < first_date)
        and not bool_or(
            employer_name <> ''
            and former_employer_name <> ''
            and (
                starts_with(employer_name, former_employer_name)
                or starts_with(former_employer_name, employer_name)
            )
        )
),

-- The same pay at the same rhythm may be that of the same employer under another name.
new_jobs as (
    select
        wages.member_id,
        'behaviour__new_job' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        case when former_wages.is_same_pay then 0.50 else 0.95 end as confidence,
        'Wages from another employer since ' || cast(wages.first_date as string)
        || ', from the former one until ' || cast(former_wages.last_date as string)
        || case when former_wages.is_same_pay then ', with the same pay' else '' end as rationale
    from started_wages as wages
    inner join former_wages on wages.member_id = former_wages.member_id
),

-- Purchases go on, so that the wages did not move to another bank with all the rest: bills may go on
-- by themselves.
shoppers as (
    select
        member_id,
        sum(count_30_days) as purchase_count
    from payments
    where parent_category_id in ('food', 'dining', 'shopping', 'vehicle')
    group by member_id
),

job_losses as (
    select
        wages.member_id,
        'behaviour__job_loss' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        0.80 as confidence,
        cast(wages.payment_count as string) || ' regular wage payments until '
        || cast(wages.last_date as string) || ', no wages or pension seen since, and '
        || cast(shoppers.purchase_count as string) || ' purchases within 30 days' as rationale
    from wages
    inner join fct_member_activity as activity on wages.member_id = activity.member_id
    inner join shoppers on wages.member_id = shoppers.member_id
    where
        wages.wage_rank = 1
        and wages.cadence <> 'irregular'
        and wages.last_date <= (getvariable('as_of_date') - cast(20 + wages.gap_days as integer))
        and wages.last_date > getvariable('as_of_date') - 150
        -- A first payment from another employer, or of a pension, is not yet a flow.
        and activity.last_income_date <= wages.last_date
        and shoppers.purchase_count >= 3
),

-- Loans as the latest snapshot that shows them has them.
loans_held as (
    select
        *,
        min(business_date) over (partition by account_id) as first_business_date,
        account_status <> 'closed' and business_date = (
            select max(business_date) from snapshots where account_id is not null
        ) as is_open
    from snapshots
    where product_type in ('mortgage', 'auto_loan')
    qualify business_date = max(business_date) over (partition by account_id)
),

-- What a member gets from dealers is a refund, or for a vehicle that is sold.
dealer_refunds as (
    select
        member_id,
        amount_180_days
    from fct_member_categories
    where direction = 'credit' and category_id = 'car_dealers'
),

-- When loans are first seen, and vehicles that are bought whether or not on a loan. Not each can be the
-- beginning of something: what the member owes with somebody else, or has paid off, only shows that
-- later ones are not the first.
loan_starts as (
    select
        payments.member_id,
        payments.competitor_product as product_type,
        payments.competitor_product as purchase_kind,
        min(payments.first_date) as first_seen,
        max(payments.last_date) as last_seen,
        sum(payments.count_180_days) as payment_count,
        sum(payments.amount_180_days) as payment_amount,
        'Paid elsewhere' as place,
        -- Who came to this institution lately brings bills along one by one.
        bool_and(members.member_since_date <= payments.first_date - 365) as may_be_new
    from payments
    inner join dim_members as members on payments.member_id = members.member_id
    where payments.competitor_product in ('mortgage', 'auto_loan')
    group by payments.member_id, payments.competitor_product
    union all
    select
        member_id,
        product_type,
        product_type as purchase_kind,
        -- The day of opening may be that of the last change.
        least(opened_date, first_business_date) as first_seen,
        business_date as last_seen,
        1 as payment_count,
        current_balance as payment_amount,
        'Opened here' as place,
        is_open and ownership_role = 'primary' and opened_date is not null as may_be_new
    from loans_held
    union all
    -- What is less is service.
    select
        payments.member_id,
        'auto_loan' as product_type,
        'dealer' as purchase_kind,
        payments.first_date as first_seen,
        payments.last_date as last_seen,
        payments.count_180_days as payment_count,
        payments.amount_180_days as payment_amount,
        'Paid a dealer' as place,
        true as may_be_new
    from payments
    left join dealer_refunds on payments.member_id = dealer_refunds.member_id
    where
        payments.category_id = 'car_dealers'
        and payments.amount_180_days - coalesce(dealer_refunds.amount_180_days, 0) >= 2000
),

-- Nothing is new about what was there when the member's payments began. Bills that are brought along
-- show within two months.
histories as (
    select
        member_id,
        min(first_date) as start_date
    from payments
    group by member_id
),

rents as (
    select
        member_id,
        max(last_date) as last_date
    from payments
    where category_id = 'rent'
    group by member_id
),

loans as (
    select
        *,
        row_number() over (
            partition by member_id, purchase_kind
            order by first_seen asc, may_be_new asc, place asc, payment_amount desc
        ) as loan_rank
    from loan_starts
),

-- A first loan that is seen may have followed one that was not: only rent that ends about when a
-- mortgage begins makes the purchase of a home all but certain. A dealer may have mended much.
started as (
    select
        loans.*,
        rents.last_date as rent_date,
        case
            when loans.purchase_kind = 'dealer' then 0.50
            when loans.purchase_kind = 'auto_loan' then 0.80
            when rents.last_date is not null then 0.90
            else 0.60
        end as confidence
    from loans
    inner join histories on loans.member_id = histories.member_id
    left join rents
        on
            loans.member_id = rents.member_id
            and loans.product_type = 'mortgage'
            and rents.last_date between
            loans.first_seen - 62 and loans.first_seen + 31
    where
        loans.loan_rank = 1
        and loans.may_be_new
        and loans.first_seen > getvariable('as_of_date') - 120
        and histories.start_date <= loans.first_seen - 62
),

surest as (
    select
        *,
        row_number() over (
            partition by member_id, product_type order by confidence desc, first_seen asc
        ) as start_rank
    from started
),

purchases as (
    select
        member_id,
        case product_type
            when 'mortgage' then 'behaviour__home_purchase'
            else 'behaviour__vehicle_purchase'
        end as kli_id,
        payment_count as evidence_count,
        payment_amount as evidence_amount,
        first_seen,
        last_seen,
        confidence,
        place
        || case product_type when 'mortgage' then ': mortgage since ' else ': vehicle since ' end
        || cast(first_seen as string)
        || coalesce(', rent until ' || cast(rent_date as string), '') as rationale
    from surest
    where start_rank = 1
),

-- More than usual: storage that is rented by the month is no move.
movers as (
    select
        member_id,
        'behaviour__moving' as kli_id,
        count_60_days as evidence_count,
        amount_60_days as evidence_amount,
        first_date_60_days as first_seen,
        last_date as last_seen,
        0.90 as confidence,
        cast(count_60_days as string) || ' purchases for moving and storage within 60 days, '
        || cast(count_180_days - count_60_days as string) || ' in the 120 days before' as rationale
    from payments
    where
        category_id = 'moving'
        and count_60_days >= 2
        and 2 * count_60_days >= 3 * (count_180_days - count_60_days)
),

students as (
    select
        member_id,
        'behaviour__studying' as kli_id,
        count_180_days as evidence_count,
        amount_180_days as evidence_amount,
        first_date as first_seen,
        last_date as last_seen,
        0.55 as confidence,
        cast(count_180_days as string) || ' payments for education within 180 days' as rationale
    from payments
    where
        category_id = 'education'
        and count_180_days >= 6
        and amount_180_days >= 300
),

events as (
    select * from new_jobs
    union all
    select * from job_losses
    union all
    select * from purchases
    union all
    select * from movers
    union all
    select * from students
)
select
    member_id,
    kli_id,
    cast(evidence_count as bigint) as evidence_count,
    cast(evidence_amount as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(confidence as decimal(4, 2)) as confidence,
    rationale
from events
semi join individuals using (member_id);

create table kli_client__family_events as
with flows as (
    select * from fct_recurring_flows
    where direction = 'credit'
),

member_categories as (
    select
        *,
        case direction when 'debit' then 1 else -1 end as sign
    from fct_member_categories
    where category_id in ('jewelry', 'baby_and_kids', 'childcare')
),

-- A burst: many purchases within 60 days, and far more than in the four months before. Each refund of
-- these days takes one of them back.
bursts as (
    select
        member_id,
        case category_id
            when 'jewelry' then 'client__marriage'
            else 'client__new_child'
        end as kli_id,
        sum(sign * count_60_days) as count_60_days,
        sum(sign * amount_60_days) as amount_60_days,
        sum(case direction when 'debit' then count_180_days - count_60_days else 0 end) as count_before,
        min(case when direction = 'debit' then first_date_60_days end) as first_seen,
        max(case when direction = 'debit' then last_date end) as last_seen,
        -- Presents for the children of others are fewer, and parents buy for their children always.
        case category_id when 'jewelry' then 3 else 5 end as least_count,
        case category_id when 'jewelry' then 4 else 3 end as least_ratio
    from member_categories
    group by
        member_id,
        case category_id when 'jewelry' then 'client__marriage' else 'client__new_child' end,
        case category_id when 'jewelry' then 3 else 5 end,
        case category_id when 'jewelry' then 4 else 3 end
),

purchases as (
    select
        member_id,
        kli_id,
        count_60_days as evidence_count,
        amount_60_days as evidence_amount,
        first_seen,
        last_seen,
        case when count_60_days > least_count then 0.75 else 0.30 end as confidence,
        cast(count_60_days as string) || ' such purchases within 60 days, '
        || cast(count_before as string) || ' in the 120 days before' as rationale
    from bursts
    where
        count_60_days >= least_count
        and 2 * count_60_days >= least_ratio * count_before
),

wages as (
    select
        member_id,
        max(last_date) as last_date,
        bool_or(is_active) as is_active
    from flows
    where category_id = 'payroll'
    group by member_id
),

pensions as (
    select
        member_id,
        min(first_date) as first_date,
        max(last_date) as last_date,
        sum(payment_count) as payment_count,
        sum(typical_amount) as typical_amount
    from flows
    where category_id = 'retirement_income'
    group by member_id
),

-- Wages that ended about when a pension began.
retirements as (
    select
        pensions.member_id,
        'client__retirement' as kli_id,
        pensions.payment_count as evidence_count,
        pensions.typical_amount as evidence_amount,
        pensions.first_date as first_seen,
        pensions.last_date as last_seen,
        0.50 as confidence,
        'Pension since ' || cast(pensions.first_date as string) || ', wages until '
        || cast(wages.last_date as string) as rationale
    from pensions
    inner join wages on pensions.member_id = wages.member_id
    where
        pensions.first_date > getvariable('as_of_date') - 150
        and not wages.is_active
        and wages.last_date <= pensions.first_date + 30
),

events as (
    select * from purchases
    union all
    select * from retirements
)
select
    member_id,
    kli_id,
    cast(evidence_count as bigint) as evidence_count,
    cast(evidence_amount as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(confidence as decimal(4, 2)) as confidence,
    rationale
from events
semi join individuals using (member_id);

create table kli_behaviour__recent_login as
with digital_days as (
    select * from fct_digital_daily
    where activity_date > getvariable('as_of_date') - 30
),

logins as (
    select
        member_id,
        sum(login_count) as login_count,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from digital_days
    where login_count > 0
    group by member_id
)
select
    member_id,
    'behaviour__recent_login' as kli_id,
    cast(login_count as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    cast(login_count as string) || ' logins within 30 days' as rationale
from logins;

create table kli_behaviour__dormant_digital as
with logins as (
    select
        member_id,
        sum(login_count) as login_count,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from fct_digital_daily
    where login_count > 0
    group by member_id
)
-- A habit that was given up: three logins at least, and none for 45 days.
select
    member_id,
    'behaviour__dormant_digital' as kli_id,
    cast(login_count as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    cast(login_count as string) || ' logins until ' || cast(last_seen as string)
    || ', none since' as rationale
from logins
where
    login_count >= 3
    and last_seen <= getvariable('as_of_date') - 45;

create table kli_behaviour__digital_adoption as
with digital_days as (
    select * from fct_digital_daily
    where activity_date > getvariable('as_of_date') - 90
),

uses as (
    select
        member_id,
        activity_date,
        'behaviour__bill_pay' as kli_id,
        bill_pay_count as use_count,
        bill_pay_amount as use_amount
    from digital_days
    union all
    select
        member_id,
        activity_date,
        'behaviour__p2p' as kli_id,
        p2p_count,
        p2p_amount
    from digital_days
    union all
    select
        member_id,
        activity_date,
        'behaviour__rdc' as kli_id,
        rdc_count,
        rdc_amount
    from digital_days
),

summed as (
    select
        member_id,
        kli_id,
        sum(use_count) as use_count,
        sum(use_amount) as use_amount,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from uses
    where use_count > 0
    group by member_id, kli_id
)
select
    member_id,
    kli_id,
    cast(use_count as bigint) as evidence_count,
    cast(use_amount as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    cast(use_count as string) || ' uses within 90 days' as rationale
from summed
where use_count >= 2;

create table kli_behaviour__direct_deposit as
with spend_days as (
    select * from fct_member_spend_days
    where transaction_date > getvariable('as_of_date') - 65
),

spend_classes as (
    select * from dim_spend_classes
    where direction = 'credit' and category_id in ('payroll', 'retirement_income')
),

income as (
    select
        spend_days.member_id,
        sum(spend_days.transaction_count) as payment_count,
        sum(spend_days.net_amount) as payment_amount,
        min(spend_days.transaction_date) as first_seen,
        max(spend_days.transaction_date) as last_seen,
        sum(spend_days.transaction_count * spend_classes.confidence)
        / sum(spend_days.transaction_count) as confidence
    from spend_days
    inner join spend_classes on spend_days.spend_class_id = spend_classes.spend_class_id
    group by spend_days.member_id
)
select
    member_id,
    'behaviour__direct_deposit' as kli_id,
    cast(payment_count as bigint) as evidence_count,
    cast(payment_amount as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(confidence as decimal(4, 2)) as confidence,
    cast(payment_count as string) || ' payments of wages or pension within 65 days' as rationale
from income
where payment_count >= 2;

create table kli_behaviour__funded_not_active as
with applications as (
    select * from fct_onboarding
    where funded_at is not null
),

-- Of several applications the latest funded one tells where a member stands.
ranked as (
    select
        member_id,
        funded_amount,
        first_use_date,
        cast(funded_at as date) as funded_date,
        row_number() over (
            partition by member_id
            order by funded_at desc, application_id desc
        ) as funding_rank
    from applications
)
select
    member_id,
    'behaviour__funded_not_active' as kli_id,
    cast(1 as bigint) as evidence_count,
    funded_amount as evidence_amount,
    funded_date as first_seen,
    funded_date as last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    'Funded on ' || cast(funded_date as string) || ', no login or payment since' as rationale
from ranked
where
    funding_rank = 1
    and first_use_date is null
    and funded_date > getvariable('as_of_date') - 90;

create table kli_competitive__payroll as
with spend_days as (
    select * from fct_member_spend_days
    where transaction_date > getvariable('as_of_date') - 100
),

spend_classes as (
    select * from dim_spend_classes
    where direction = 'credit'
),

credits as (
    select
        spend_days.member_id,
        spend_classes.class_text,
        spend_days.transaction_date,
        spend_days.net_amount,
        spend_classes.competitor_product,
        spend_classes.category_id,
        spend_classes.confidence
    from spend_days
    inner join spend_classes on spend_days.spend_class_id = spend_classes.spend_class_id
),

wages as (
    select distinct member_id
    from credits
    where category_id = 'payroll'
),

-- Transfers from one bank: pay that goes there is brought here in amounts that hardly differ.
transfers as (
    select
        member_id,
        class_text,
        count(*) as transfer_count,
        sum(net_amount) as transfer_amount,
        min(net_amount) as least_amount,
        max(net_amount) as most_amount,
        min(transaction_date) as first_seen,
        max(transaction_date) as last_seen,
        max(confidence) as confidence
    from credits
    where competitor_product = 'deposit'
    group by member_id, class_text
),

regular as (
    select
        *,
        row_number() over (
            partition by member_id
            order by
                transfer_count desc, transfer_amount desc, confidence desc, first_seen asc, last_seen asc
        ) as bank_rank
    from transfers
    where
        transfer_count >= 3
        and most_amount <= 1.3 * least_amount
)
select
    regular.member_id,
    'competitive__payroll' as kli_id,
    cast(regular.transfer_count as bigint) as evidence_count,
    cast(regular.transfer_amount as decimal(18, 2)) as evidence_amount,
    regular.first_seen,
    regular.last_seen,
    -- Four transfers make it likely, six very likely, if the bank is well recognised.
    cast(
        regular.confidence * least(0.50 + 0.10 * regular.transfer_count, 0.95) as decimal(4, 2)
    ) as confidence,
    cast(regular.transfer_count as string) || ' like transfers of '
    || cast(cast(regular.transfer_amount as decimal(18, 2)) as string)
    || ' dollars in all from another bank within 100 days, no wages here' as rationale
from regular
left join wages on regular.member_id = wages.member_id
where regular.bank_rank = 1 and wages.member_id is null;

create table kli_client__tenure_band as
with aged as (
    select
        member_id,
        member_since_date,
        date_diff('day', member_since_date, getvariable('as_of_date')) as tenure_days
    from dim_members
)
select
    member_id,
    case
        when tenure_days < 365 then 'client__tenure_under_1_year'
        when tenure_days < 1825 then 'client__tenure_1_to_5_years'
        else 'client__tenure_over_5_years'
    end as kli_id,
    cast(1 as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    member_since_date as first_seen,
    getvariable('as_of_date') as last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    'Member since ' || cast(member_since_date as string) as rationale
from aged
where tenure_days >= 0;

create table kli_client__life_stage as
with members as (
    select * from dim_members
    where member_type = 'individual' and birth_year is not null
),

aged as (
    select
        member_id,
        member_since_date,
        extract(year from getvariable('as_of_date')) - birth_year as age_years
    from members
)
-- The year of birth is all that is known: the age that the member reaches this year.
select
    member_id,
    case
        when age_years < 26 then 'client__life_stage_starting_out'
        when age_years < 46 then 'client__life_stage_building'
        when age_years < 65 then 'client__life_stage_established'
        else 'client__life_stage_retired'
    end as kli_id,
    cast(1 as bigint) as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    member_since_date as first_seen,
    getvariable('as_of_date') as last_seen,
    cast(0.80 as decimal(4, 2)) as confidence,
    'By year of birth' as rationale
from aged
where age_years >= 18;

create table kli_fi_product__product_held as
with held as (
    select
        accounts.member_id,
        accounts.product_type,
        count(*) as account_count,
        sum(accounts.current_balance_amount) as balance_amount,
        min(accounts.opened_date) as first_seen,
        max(accounts.snapshot_date) as last_seen
    from open_accounts as accounts
    group by accounts.member_id, accounts.product_type
)
select
    member_id,
    'fi_product__' || product_type as kli_id,
    cast(account_count as bigint) as evidence_count,
    cast(balance_amount as decimal(18, 2)) as evidence_amount,
    first_seen,
    last_seen,
    cast(1.00 as decimal(4, 2)) as confidence,
    cast(account_count as string) || ' open accounts' as rationale
from held;

create table kli_predictive__features as
-- Minors, the deceased, former members and businesses get no score.
with members as (
    select * from dim_members
    where member_type = 'individual' and member_status = 'active' and not is_minor
),

digital_days as (
    select * from fct_digital_daily
    where activity_date > getvariable('as_of_date') - 30
),

spend_days as (
    select * from fct_member_spend_days
    where transaction_date > getvariable('as_of_date') - 90
),

spend_classes as (
    select * from dim_spend_classes
    where category_id <> 'withheld'
),

holdings as (
    select
        accounts.member_id,
        count(*) as open_account_count,
        sum(case when accounts.product_type = 'certificate' then 1 else 0 end) as certificate_count,
        sum(case when accounts.product_type = 'credit_card' then 1 else 0 end) as credit_card_count,
        sum(case when accounts.product_type = 'personal_loan' then 1 else 0 end) as personal_loan_count,
        sum(case when accounts.product_type = 'auto_loan' then 1 else 0 end) as auto_loan_count,
        sum(case when accounts.product_type = 'mortgage' then 1 else 0 end) as mortgage_count,
        sum(case when accounts.product_type = 'heloc' then 1 else 0 end) as heloc_count,
        sum(case when accounts.is_deposit then accounts.current_balance_amount else 0 end)
            as deposit_balance_amount,
        sum(
            case when accounts.product_type = 'credit_card' then accounts.current_balance_amount else 0 end
        ) as card_balance_amount
    from open_accounts as accounts
    group by accounts.member_id
),

digital as (
    select
        member_id,
        sum(page_view_count) as page_view_count
    from digital_days
    group by member_id
),

dated as (
    select
        spend_days.member_id,
        spend_days.transaction_count,
        spend_classes.direction,
        spend_classes.category_id,
        spend_classes.competitor_product,
        spend_days.transaction_date > getvariable('as_of_date') - 30 as is_recent
    from spend_days
    inner join spend_classes on spend_days.spend_class_id = spend_classes.spend_class_id
),

spend as (
    select
        member_id,
        sum(
            case
                when direction = 'debit' and competitor_product = 'credit_card' then transaction_count
                else 0
            end
        ) as credit_card_payment_count,
        sum(
            case
                when direction = 'debit' and competitor_product = 'auto_loan' then transaction_count
                else 0
            end
        ) as auto_loan_payment_count,
        sum(
            case
                when direction = 'debit' and competitor_product = 'mortgage' then transaction_count
                else 0
            end
        ) as mortgage_payment_count,
        sum(case when direction = 'debit' then transaction_count else 0 end) as debit_count,
        sum(case when direction = 'debit' and is_recent then transaction_count else 0 end)
            as recent_debit_count,
        sum(case when direction = 'credit' and category_id = 'payroll' then transaction_count else 0 end)
            as payroll_count,
        sum(
            case
                when direction = 'credit' and competitor_product = 'deposit' then transaction_count
                else 0
            end
        ) as transfer_in_count
    from dated
    group by member_id
)
-- No age, sex, marital or family status, and no place: neither those nor what stands for them may
-- move a score. What a member never did is 9999 days ago.
select
    members.member_id,
    cast(date_diff('day', members.member_since_date, getvariable('as_of_date')) as bigint) as tenure_days,
    cast(coalesce(holdings.open_account_count, 0) as bigint) as open_account_count,
    cast(coalesce(holdings.deposit_balance_amount, 0) as decimal(18, 2)) as deposit_balance_amount,
    cast(coalesce(holdings.card_balance_amount, 0) as decimal(18, 2)) as card_balance_amount,
    cast(coalesce(holdings.certificate_count, 0) as bigint) as certificate_count,
    cast(coalesce(holdings.credit_card_count, 0) as bigint) as credit_card_count,
    cast(coalesce(holdings.personal_loan_count, 0) as bigint) as personal_loan_count,
    cast(coalesce(holdings.auto_loan_count, 0) as bigint) as auto_loan_count,
    cast(coalesce(holdings.mortgage_count, 0) as bigint) as mortgage_count,
    cast(coalesce(holdings.heloc_count, 0) as bigint) as heloc_count,
    cast(coalesce(date_diff('day', activity.last_login_date, getvariable('as_of_date')), 9999) as bigint)
        as days_since_login,
    activity.login_count_30_days,
    activity.bill_pay_count_90_days,
    cast(coalesce(digital.page_view_count, 0) as bigint) as page_view_count_30_days,
    cast(coalesce(date_diff('day', activity.last_payroll_date, getvariable('as_of_date')), 9999) as bigint)
        as days_since_payroll,
    cast(coalesce(spend.payroll_count, 0) as bigint) as payroll_count_90_days,
    cast(coalesce(spend.transfer_in_count, 0) as bigint) as transfer_in_count_90_days,
    cast(coalesce(spend.recent_debit_count, 0) as bigint) as debit_count_30_days,
    -- How much of what was paid in the last quarter was paid in its last month; none of nothing.
    cast(
        case
            when spend.debit_count > 0 then spend.recent_debit_count / spend.debit_count else 0
        end as decimal(5, 4)
    ) as recent_debit_ratio,
    cast(coalesce(spend.credit_card_payment_count, 0) as bigint) as card_payment_count_90_days,
    cast(coalesce(spend.auto_loan_payment_count, 0) as bigint) as auto_loan_payment_count_90_days,
    cast(coalesce(spend.mortgage_payment_count, 0) as bigint) as mortgage_payment_count_90_days
from members
inner join fct_member_activity as activity on members.member_id = activity.member_id
left join holdings on members.member_id = holdings.member_id
left join digital on members.member_id = digital.member_id
left join spend on members.member_id = spend.member_id;

create table in_force as
select
    score_definitions.score_id,
    score_definitions.version,
    score_definitions.excluded_by,
    score_definitions.medium_score,
    score_definitions.high_score,
    score_coefficients.feature_id,
    score_coefficients.bin_lower,
    score_coefficients.bin_upper,
    score_coefficients.points,
    score_coefficients.reason,
    if(
        score_coefficients.points >= 10,
        row_number() over (
            partition by score_id order by score_coefficients.points asc, score_coefficients.feature_id desc
        ),
        null
    ) as reason_rank
from score_definitions
inner join score_coefficients using (score_id, version)
where score_definitions.kind = 'scorecard';

create table kli_predictive__scores as
with measured as (
    select member_id, 'tenure_days' as feature_id, cast(tenure_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'open_account_count' as feature_id, cast(open_account_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'deposit_balance_amount' as feature_id, cast(deposit_balance_amount as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'card_balance_amount' as feature_id, cast(card_balance_amount as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'certificate_count' as feature_id, cast(certificate_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'credit_card_count' as feature_id, cast(credit_card_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'personal_loan_count' as feature_id, cast(personal_loan_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'auto_loan_count' as feature_id, cast(auto_loan_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'mortgage_count' as feature_id, cast(mortgage_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'heloc_count' as feature_id, cast(heloc_count as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'days_since_login' as feature_id, cast(days_since_login as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'login_count_30_days' as feature_id, cast(login_count_30_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'bill_pay_count_90_days' as feature_id, cast(bill_pay_count_90_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'page_view_count_30_days' as feature_id, cast(page_view_count_30_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'days_since_payroll' as feature_id, cast(days_since_payroll as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'payroll_count_90_days' as feature_id, cast(payroll_count_90_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'transfer_in_count_90_days' as feature_id, cast(transfer_in_count_90_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'debit_count_30_days' as feature_id, cast(debit_count_30_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'recent_debit_ratio' as feature_id, cast(recent_debit_ratio as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'card_payment_count_90_days' as feature_id, cast(card_payment_count_90_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'auto_loan_payment_count_90_days' as feature_id, cast(auto_loan_payment_count_90_days as double) as feature_value
    from kli_predictive__features
    union all
    select member_id, 'mortgage_payment_count_90_days' as feature_id, cast(mortgage_payment_count_90_days as double) as feature_value
    from kli_predictive__features
),

-- Whoever has the product already is not asked whether they want it.
holders as (
    select distinct
        in_force.score_id,
        measured.member_id
    from in_force
    inner join measured on in_force.excluded_by = measured.feature_id
    where measured.feature_value > 0
),

added as (
    select
        measured.member_id,
        in_force.score_id,
        sum(in_force.points) as points,
        count(in_force.reason_rank) as reason_count,
        max(in_force.reason_rank, 3) as reason_ranks
    from measured
    inner join in_force using (feature_id)
    anti join holders using (score_id, member_id)
    where
        (in_force.bin_lower is null or measured.feature_value >= in_force.bin_lower)
        and (in_force.bin_upper is null or measured.feature_value < in_force.bin_upper)
    group by measured.member_id, in_force.score_id
)
select
    added.member_id,
    added.score_id,
    base.version,
    cast(greatest(0, least(1000, 500 + added.points)) as integer) as score,
    cast(1 / (1 + power(2, -cast(base.points + added.points as double) / 100)) as decimal(5, 4))
        as probability,
    case
        when 500 + added.points >= base.high_score then 'high'
        when 500 + added.points >= base.medium_score then 'medium'
        else 'low'
    end as band,
    added.reason_count,
    reason_1.reason as reason_1,
    reason_2.reason as reason_2,
    reason_3.reason as reason_3
from added
inner join in_force as base on added.score_id = base.score_id and base.feature_id = 'base'
left join in_force as reason_1
    on added.score_id = reason_1.score_id and added.reason_ranks[1] = reason_1.reason_rank
left join in_force as reason_2
    on added.score_id = reason_2.score_id and added.reason_ranks[2] = reason_2.reason_rank
left join in_force as reason_3
    on added.score_id = reason_3.score_id and added.reason_ranks[3] = reason_3.reason_rank;

-- A score that is past its review date, or that was not found good enough, gives no indicator.
create table usable_scores as
with measured as (
    select
        score_id,
        version,
        max(measured_value) filter (measure = 'psi') as psi,
        max(measured_value) filter (measure = 'auc') as auc,
        max(measured_value) filter (measure = 'offer_lift') as offer_lift
    from score_measurements
    group by score_id, version
)
select score_definitions.*
from score_definitions
inner join measured using (score_id, version)
where
    if(score_definitions.floor_measure = 'auc', measured.auc, measured.offer_lift)
    >= score_definitions.floor_value
    and coalesce(measured.psi, 0) <= score_definitions.maximum_psi
    and score_definitions.review_date >= getvariable('as_of_date');

create table kli_predictive__bands as
with scored as (
    select
        scores.*,
        usable_scores.indicator,
        usable_scores.next_best_indicator
    from kli_predictive__scores as scores
    inner join usable_scores using (score_id)
),

-- The product whose odds stand highest above the average member's.
ranked as (
    select
        * replace (next_best_indicator as indicator),
        row_number() over (partition by member_id order by score desc, probability desc, score_id asc)
            as product_rank
    from scored
    where
        next_best_indicator is not null
        and exists (from usable_scores where score_id = 'next_best_product')
),

assigned as (
    select * from scored
    where band = 'high'
    union all
    select * exclude (product_rank) from ranked
    where product_rank = 1 and band <> 'low'
)
select
    member_id,
    'predictive__' || indicator as kli_id,
    reason_count as evidence_count,
    cast(null as decimal(18, 2)) as evidence_amount,
    getvariable('as_of_date') as first_seen,
    getvariable('as_of_date') as last_seen,
    cast(probability as decimal(4, 2)) as confidence,
    'Score ' || score || ' of 1000, version ' || version
    || coalesce(': ' || reason_1, '') || coalesce('; ' || reason_2, '') || coalesce('; ' || reason_3, '')
        as rationale
from assigned;

create table fct_member_klis as
with assigned as (
    select * from kli_rules__evaluated
    union all
    select * from kli_bands__evaluated
    union all
    select * from kli_intent__page_visits
    union all
    select * from kli_geography__home_region
    union all
    select * from kli_behaviour__life_events
    union all
    select * from kli_client__family_events
    union all
    select * from kli_behaviour__recent_login
    union all
    select * from kli_behaviour__dormant_digital
    union all
    select * from kli_behaviour__digital_adoption
    union all
    select * from kli_behaviour__direct_deposit
    union all
    select * from kli_behaviour__funded_not_active
    union all
    select * from kli_competitive__payroll
    union all
    select * from kli_client__tenure_band
    union all
    select * from kli_client__life_stage
    union all
    select * from kli_fi_product__product_held
    union all
    select * from kli_predictive__bands
)
-- Nothing is inferred about minors, the deceased, or those who are no longer members.
select
    assigned.member_id,
    assigned.kli_id,
    taxonomy.version as kli_version,
    getvariable('as_of_date') as as_of_date,
    assigned.evidence_count,
    assigned.evidence_amount,
    assigned.first_seen,
    assigned.last_seen,
    assigned.confidence,
    assigned.rationale
from assigned
inner join dim_members as members on assigned.member_id = members.member_id
inner join kli_taxonomy as taxonomy on assigned.kli_id = taxonomy.kli_id
where members.member_status = 'active' and not members.is_minor;

create table dim_member_profile as
with holdings as (
    select
        accounts.member_id,
        count(*) as open_account_count,
        bool_or(accounts.product_type = 'checking') as has_checking,
        bool_or(accounts.product_type = 'savings') as has_savings,
        bool_or(accounts.product_type = 'money_market') as has_money_market,
        bool_or(accounts.product_type = 'certificate') as has_certificate,
        bool_or(accounts.product_type = 'credit_card') as has_credit_card,
        bool_or(accounts.product_type = 'personal_loan') as has_personal_loan,
        bool_or(accounts.product_type = 'auto_loan') as has_auto_loan,
        bool_or(accounts.product_type = 'mortgage') as has_mortgage,
        bool_or(accounts.product_type = 'heloc') as has_heloc,
        bool_or(accounts.product_type = 'student_loan') as has_student_loan,
        bool_or(accounts.is_deposit) as has_deposit_account,
        sum(case when accounts.is_deposit then accounts.current_balance_amount else 0 end)
            as deposit_balance_amount
    from open_accounts as accounts
    group by accounts.member_id
),

kli_counts as (
    select
        member_id,
        sum(case when kli_id like 'competitive%' then 1 else 0 end) as competitive_kli_count,
        sum(case when kli_id like 'spend%' then 1 else 0 end) as spend_kli_count
    from fct_member_klis
    group by member_id
),

measured as (
    select
        members.member_id,
        members.member_type,
        members.member_status,
        members.is_minor,
        substr(members.home_zip, 1, 3) as zip3,
        date_diff('day', members.member_since_date, getvariable('as_of_date')) as tenure_days,
        case
            when members.member_type = 'individual'
                then extract(year from getvariable('as_of_date')) - members.birth_year
        end as age_years,
        date_diff('day', activity.last_login_date, getvariable('as_of_date')) as days_since_login,
        date_diff('day', activity.last_income_date, getvariable('as_of_date')) as days_since_income,
        date_diff('day', activity.last_funded_date, getvariable('as_of_date')) as days_since_funding,
        activity.login_count_30_days,
        activity.bill_pay_count_90_days >= 2 as is_bill_pay_user,
        activity.p2p_count_90_days >= 2 as is_p2p_user,
        activity.rdc_count_90_days >= 2 as is_rdc_user
    from dim_members as members
    inner join fct_member_activity as activity on members.member_id = activity.member_id
)
select
    measured.member_id,
    measured.member_type,
    measured.member_status,
    measured.is_minor,
    cast(measured.tenure_days as integer) as tenure_days,
    case
        when measured.tenure_days < 365 then 'under_1_year'
        when measured.tenure_days < 1825 then '1_to_5_years'
        else 'over_5_years'
    end as tenure_band,
    case
        when measured.age_years is null then 'not_known'
        when measured.age_years < 26 then 'under_26'
        when measured.age_years < 46 then '26_to_45'
        when measured.age_years < 65 then '46_to_64'
        else '65_and_over'
    end as age_band,
    cast(coalesce(holdings.open_account_count, 0) as integer) as open_account_count,
    coalesce(holdings.has_checking, false) as has_checking,
    coalesce(holdings.has_savings, false) as has_savings,
    coalesce(holdings.has_money_market, false) as has_money_market,
    coalesce(holdings.has_certificate, false) as has_certificate,
    coalesce(holdings.has_credit_card, false) as has_credit_card,
    coalesce(holdings.has_personal_loan, false) as has_personal_loan,
    coalesce(holdings.has_auto_loan, false) as has_auto_loan,
    coalesce(holdings.has_mortgage, false) as has_mortgage,
    coalesce(holdings.has_heloc, false) as has_heloc,
    coalesce(holdings.has_student_loan, false) as has_student_loan,
    case
        when not coalesce(holdings.has_deposit_account, false) then 'none'
        when holdings.deposit_balance_amount is null then 'none'
        when holdings.deposit_balance_amount < 1000 then 'under_1k'
        when holdings.deposit_balance_amount < 10000 then '1k_to_10k'
        when holdings.deposit_balance_amount < 50000 then '10k_to_50k'
        else 'over_50k'
    end as deposit_balance_band,
    coalesce(measured.days_since_income < 60, false) as has_direct_deposit,
    cast(measured.days_since_income as integer) as days_since_income,
    cast(measured.days_since_login as integer) as days_since_login,
    measured.login_count_30_days,
    case
        when measured.days_since_login is null then 'never'
        when measured.days_since_login >= 60 then 'dormant'
        when measured.login_count_30_days < 4 then 'occasional'
        else 'active'
    end as digital_engagement_band,
    measured.is_bill_pay_user,
    measured.is_p2p_user,
    measured.is_rdc_user,
    -- Forty points for coming, twenty for each service used.
    cast(
        case when measured.login_count_30_days > 0 then 40 else 0 end
        + case when measured.is_bill_pay_user then 20 else 0 end
        + case when measured.is_p2p_user then 20 else 0 end
        + case when measured.is_rdc_user then 20 else 0 end
        as integer
    ) as digital_adoption_score,
    cast(measured.days_since_funding as integer) as days_since_funding,
    cast(coalesce(kli_counts.competitive_kli_count, 0) as integer) as competitive_kli_count,
    cast(coalesce(kli_counts.spend_kli_count, 0) as integer) as spend_kli_count,
    coalesce(regions.region, 'not_known') as home_region,
    case
        when measures.monthly_income_amount is null then 'none'
        when measures.monthly_income_amount < 2500 then 'under_2500'
        when measures.monthly_income_amount < 5000 then '2500_to_5000'
        when measures.monthly_income_amount < 10000 then '5000_to_10000'
        else 'over_10000'
    end as income_band,
    coalesce(measures.pay_cadence, 'none') as pay_cadence,
    measures.days_to_next_pay,
    coalesce(measures.product_type_count, 0) as product_type_count,
    coalesce(measures.recurring_payee_count, 0) as recurring_payee_count,
    coalesce(measures.subscription_count, 0) as subscription_count,
    coalesce(measures.card_on_file_count, 0) as card_on_file_count,
    coalesce(measures.competitor_product_count, 0) as competitor_product_count,
    case
        when coalesce(measures.held_away_loan_amount, 0) = 0 then 'none'
        when measures.held_away_loan_amount < 10000 then 'under_10k'
        when measures.held_away_loan_amount < 100000 then '10k_to_100k'
        else 'over_100k'
    end as held_away_loan_band,
    measures.card_wallet_ratio,
    measures.lending_wallet_ratio,
    measures.deposit_wallet_ratio,
    coalesce(measures.payment_count_30_days, 0) as payment_count_30_days,
    coalesce(measures.digital_service_count, 0) as digital_service_count,
    coalesce(measures.primary_institution_index, 0) as primary_institution_index,
    case
        when measures.primary_institution_index >= 65 then 'primary'
        when measures.primary_institution_index >= 30 then 'secondary'
        else 'peripheral'
    end as primacy_band,
    measures.activation_score
from measured
left join holdings on measured.member_id = holdings.member_id
left join kli_counts on measured.member_id = kli_counts.member_id
left join fct_member_measures as measures on measured.member_id = measures.member_id
left join zip_regions as regions on measured.zip3 = regions.zip3;

create table seg_suppression__new_members as
select
    member_id,
    'Joined ' || cast(tenure_days as string) || ' days ago' as reason
from dim_member_profile
where
    member_status = 'active'
    and not is_minor
    and tenure_days < 90;

create table seg_suppression__no_open_account as
select
    member_id,
    'No open account' as reason
from dim_member_profile
where
    member_status = 'active'
    and not is_minor
    and open_account_count = 0;

create table seg_deposit_growth__payroll_elsewhere as
select
    profile.member_id,
    'Wages go elsewhere: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'competitive__payroll'
    and member_klis.confidence >= 0.75
    and profile.member_type = 'individual'
    and profile.tenure_days >= 90
    and profile.has_checking
    and not profile.has_direct_deposit;

create table seg_deposit_growth__brokerage_elsewhere as
select
    profile.member_id,
    'Invests elsewhere: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'competitive__brokerage'
    and member_klis.confidence >= 0.85
    and member_klis.evidence_amount >= 500
    and profile.has_checking
    and not profile.has_money_market
    and not profile.has_certificate;

create table seg_deposit_growth__balance_without_certificate as
select
    member_id,
    'No certificate, deposits ' || replace(deposit_balance_band, '_', ' ') as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and tenure_days >= 365
    and deposit_balance_band in ('10k_to_50k', 'over_50k')
    and not has_certificate;

create table seg_retention__dormant_digital as
select
    profile.member_id,
    'Last login ' || cast(profile.days_since_login as string)
    || ' days ago, after ' || cast(member_klis.evidence_count as string) || ' logins' as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'behaviour__dormant_digital'
    and member_klis.evidence_count >= 5
    and profile.days_since_login >= 60
    and profile.days_since_login <= 365
    and profile.open_account_count >= 1;

create table seg_retention__direct_deposit_stopped as
select
    member_id,
    'Last wages or pension here ' || cast(days_since_income as string) || ' days ago' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and has_checking
    and days_since_income >= 60
    and days_since_income <= 180;

create table seg_business__payroll_processor as
select
    profile.member_id,
    'Runs payroll: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'business__payroll_processor'
    and member_klis.confidence >= 0.85
    and member_klis.evidence_amount >= 500
    and profile.member_type = 'business'
    and profile.has_checking
    and not profile.has_money_market;

create table seg_recapture__mortgage_elsewhere as
select
    profile.member_id,
    'Pays a mortgage elsewhere: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'competitive__mortgage'
    and member_klis.confidence >= 0.85
    and member_klis.evidence_amount >= 800
    and profile.open_account_count >= 1
    and not profile.has_mortgage;

create table seg_recapture__auto_loan_elsewhere as
select
    profile.member_id,
    'Pays a vehicle loan elsewhere: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'competitive__auto_loan'
    and member_klis.confidence >= 0.85
    and member_klis.evidence_amount >= 400
    and profile.open_account_count >= 1
    and not profile.has_auto_loan;

create table seg_recapture__credit_card_elsewhere as
select
    profile.member_id,
    'Pays a card elsewhere: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'competitive__credit_card'
    and member_klis.confidence >= 0.85
    and member_klis.evidence_amount >= 500
    and profile.has_checking
    and not profile.has_credit_card;

create table seg_digital_adoption__person_to_person_not_adopted as
select
    member_id,
    'Logged in ' || cast(login_count_30_days as string)
    || ' times within 30 days, without person-to-person payments' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and has_checking
    and digital_engagement_band = 'active'
    and not is_p2p_user;

create table seg_digital_adoption__rdc_not_adopted as
select
    member_id,
    'Logged in ' || cast(login_count_30_days as string)
    || ' times within 30 days, without remote deposit' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and has_checking
    and digital_engagement_band = 'active'
    and not is_rdc_user;

create table seg_digital_adoption__bill_pay_not_adopted as
select
    member_id,
    'Logged in ' || cast(login_count_30_days as string)
    || ' times within 30 days, without bill pay' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and has_checking
    and digital_engagement_band = 'active'
    and not is_bill_pay_user;

create table seg_cross_sell__checking_without_savings as
select
    member_id,
    'Checking without savings, deposits ' || replace(deposit_balance_band, '_', ' ') as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and tenure_days >= 180
    and has_checking
    and deposit_balance_band in ('1k_to_10k', '10k_to_50k', 'over_50k')
    and not has_savings
    and not has_money_market;

create table seg_cross_sell__home_improver_without_heloc as
select
    profile.member_id,
    'Improves a home that is mortgaged here: ' || member_klis.rationale as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'spend__home_improvement'
    and member_klis.confidence >= 0.8
    and member_klis.evidence_amount >= 500
    and profile.has_mortgage
    and not profile.has_heloc;

create table seg_onboarding__funded_not_active as
select
    profile.member_id,
    'Funded ' || cast(profile.days_since_funding as string)
    || ' days ago, no login or payment since' as reason
from dim_member_profile as profile
inner join fct_member_klis as member_klis on profile.member_id = member_klis.member_id
where
    member_klis.kli_id = 'behaviour__funded_not_active'
    and profile.member_type = 'individual'
    and profile.days_since_funding >= 7
    and profile.days_since_funding <= 60;

create table seg_onboarding__not_enrolled_in_digital as
select
    member_id,
    'Joined ' || cast(tenure_days as string) || ' days ago, no login yet' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and open_account_count >= 1
    and tenure_days >= 14
    and tenure_days <= 90
    and days_since_login is null;

create table seg_onboarding__funded_without_direct_deposit as
select
    member_id,
    'Funded ' || cast(days_since_funding as string)
    || ' days ago, no wages paid here yet' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and days_since_funding >= 14
    and days_since_funding <= 60
    and has_checking
    and not has_direct_deposit;

create table seg_re_engagement__occasional_digital as
select
    member_id,
    'Last login ' || cast(days_since_login as string) || ' days ago, seldom before' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and open_account_count >= 1
    and digital_engagement_band = 'occasional'
    and days_since_login >= 14;

create table seg_re_engagement__never_logged_in as
select
    member_id,
    'Member for ' || cast(tenure_days as string) || ' days, never logged in' as reason
from dim_member_profile
where
    member_type = 'individual'
    and member_status = 'active'
    and not is_minor
    and open_account_count >= 1
    and tenure_days >= 90
    and days_since_login is null;
