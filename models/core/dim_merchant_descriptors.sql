{%- set told = ['channel_kind', 'direction', 'mcc', 'party_text', 'entry_text', 'entry_class'] -%}
{%- set made = [
    'mcc_category_id', 'mcc_parent_category_id', 'mcc_presence', 'is_full_length', 'clean_text', 'company_text',
] -%}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='descriptor_key',
    on_schema_change='fail',
    post_hook=["{{ forget_other_readings(ref('stg_alkami__transactions')) }}", "{{ remember_logic() }}"],
) }}

with

transactions as (
    select * from {{ ref('stg_alkami__transactions') }}
),

patterns as (
    select * from {{ ref('dim_merchant_patterns') }}
),

merchants as (
    select * from {{ ref('merchants') }}
),

prefixes as (
    select * from {{ ref('merchant_prefixes') }}
),

-- An empty cell of a seed is no value, however the seed was read.
categories as (
    select
        category_id,
        parent_category_id,
        nullif(competitor_product, '') as competitor_product,
        nullif(presence, '') as presence
    from {{ ref('merchant_categories') }}
),

mcc_categories as (
    select
        mcc_categories.mcc,
        mcc_categories.category_id,
        categories.parent_category_id,
        categories.presence
    from {{ ref('mcc_categories') }} as mcc_categories
    inner join categories on mcc_categories.category_id = categories.category_id
),

category_words as (
    select
        rule_id,
        category_id,
        coalesce(nullif(billed_category_id, ''), category_id) as billed_category_id,
        nullif(refines_category_id, '') as refines_category_id,
        confidence,
        {{ plain_words('phrase') }} as phrase
    from {{ ref('merchant_words') }}
),

entry_rules as (
    select
        rule_id,
        nullif(direction, '') as direction,
        nullif(entry_class, '') as entry_class,
        nullif(entry_start, '') as entry_start,
        nullif(company_start, '') as company_start,
        category_id,
        confidence,
        outranks_merchant
    from {{ ref('ach_entry_rules') }}
),

forbidden_mccs as (
    select * from {{ ref('forbidden_mccs') }}
    where is_withheld
),

forbidden_words as (
    select * from {{ ref('forbidden_words') }}
    where is_withheld
),

rules as (
    {{ merchant_rules_checksum() }}
),

-- Each distinct descriptor once, and only those that were never read under these rules.
descriptors as (
    select
        transactions.descriptor_key,
        {{ any_values(told) }}
    from transactions
    {% if is_incremental() -%}
    where
        transactions.descriptor_key not in (
            select held.descriptor_key
            from {{ this }} as held
            inner join rules on held.rules_checksum = rules.rules_checksum
        )
    {%- endif %}
    group by transactions.descriptor_key
),

stripped as (
    select
        *,
        case
            when channel_kind in ('card', 'bill_pay') then {{ without_leading_noise('party_text') }}
            else party_text
        end as stripped_text
    from descriptors
),

-- The longest prefix of a payment facilitator comes off next.
prefixed as (
    select
        stripped.descriptor_key,
        max(length(prefixes.prefix)) as prefix_length
    from stripped
    inner join prefixes on {{ begins_with('stripped.stripped_text', 'prefixes.prefix') }}
    where stripped.channel_kind = 'card'
    group by stripped.descriptor_key
),

cleaned as (
    select
        stripped.*,
        mcc_categories.category_id as mcc_category_id,
        mcc_categories.parent_category_id as mcc_parent_category_id,
        mcc_categories.presence as mcc_presence,
        -- As long as the texts are that a card network or ACH cuts.
        length(stripped.party_text) >= case when stripped.channel_kind = 'ach' then 15 else 20 end
            as is_full_length,
        case
            when stripped.channel_kind = 'ach'
                then {{ plain_words("stripped.party_text || ' ' || coalesce(stripped.entry_text, '')") }}
            else {{ without_noise(
                'coalesce(substr(stripped.stripped_text, prefixed.prefix_length + 1), stripped.stripped_text)'
            ) }}
        end as clean_text,
        case when stripped.channel_kind = 'ach' then {{ plain_words('stripped.party_text') }} end
            as company_text
    from stripped
    left join prefixed on stripped.descriptor_key = prefixed.descriptor_key
    left join mcc_categories on stripped.mcc = mcc_categories.mcc
),

-- Texts that differ in noise alone are read once.
identified as (
    select
        *,
        {{ row_checksum([
            'channel_kind', 'direction', 'mcc', 'clean_text', 'company_text', 'entry_text', 'entry_class',
            "case when channel_kind = 'ach' then party_text end", 'is_full_length',
        ]) }} as reading_id
    from cleaned
),

readings as (
    select
        reading_id,
        {{ any_values(told + made) }}
    from identified
    group by reading_id
),

-- The first three characters bring together what can match; only those pairs are compared.
start_matches as (
    select
        readings.reading_id,
        patterns.rule_id,
        case
            when {{ begins_with("readings.clean_text || ' '", "patterns.pattern_text || ' '") }}
                then 'start'
            when
                patterns.match_kind = 'prefix'
                and {{ begins_with('readings.clean_text', 'patterns.pattern_text') }}
                then 'start'
            -- Cut short by a card network or, at 16 characters, by ACH: all that is left is the
            -- beginning of the pattern, with a place or an entry behind it or without.
            when
                length(coalesce(readings.company_text, readings.clean_text)) >= 8
                and {{ begins_with(
                    'patterns.pattern_text', 'coalesce(readings.company_text, readings.clean_text)'
                ) }}
                then 'cut'
            when
                patterns.pattern_length > 18
                and {{ begins_with('readings.clean_text', 'substr(patterns.pattern_text, 1, 18)') }}
                then 'cut'
        end as found_at
    from readings
    inner join patterns
        on substr(readings.clean_text || '  ', 1, 3) = substr(patterns.pattern_text || '  ', 1, 3)
    where patterns.match_kind in ('start', 'prefix')
),

words as (
    select
        readings.reading_id,
        readings.channel_kind,
        readings.direction,
        readings.clean_text,
        readings.mcc_category_id,
        {{ each_part('readings.clean_text', ' ') }} as word
    from readings
),

-- A single word that always names the merchant, or the whole pattern behind noise that nobody listed.
word_matches as (
    select
        words.reading_id,
        patterns.rule_id,
        case when patterns.match_kind = 'word' then 'start' else 'inside' end as found_at
    from words
    inner join patterns on words.word = patterns.first_word
    where
        (patterns.match_kind = 'word' and words.word = patterns.pattern_text)
        or (
            patterns.is_told_inside
            and ' ' || words.clean_text || ' ' like '% ' || patterns.pattern_text || ' %'
        )
),

merchant_matches as (
    select * from start_matches
    where found_at is not null
    union all
    select * from word_matches
),

-- What is not plain to see counts only as far as the category code does not speak against it, and
-- nothing that has no shops counts under the code of a shop.
weighed_matches as (
    select
        matches.reading_id,
        matches.rule_id,
        patterns.merchant_id,
        case matches.found_at
            when 'cut'
                then least(
                    patterns.pattern_length, length(coalesce(readings.company_text, readings.clean_text))
                )
            else patterns.pattern_length
        end as matched_length,
        matches.found_at,
        case
            when matches.found_at = 'cut' then patterns.confidence - 0.15
            when matches.found_at = 'inside' then patterns.confidence - 0.20
            when patterns.is_common_word and readings.mcc_parent_category_id is null
                then patterns.confidence - 0.25
            else patterns.confidence
        end as confidence
    from merchant_matches as matches
    inner join readings on matches.reading_id = readings.reading_id
    inner join patterns on matches.rule_id = patterns.rule_id
    where
        readings.mcc_parent_category_id = patterns.parent_category_id
        or (
            readings.mcc_parent_category_id is null
            and (matches.found_at <> 'cut' or readings.is_full_length)
        )
        or (
            matches.found_at = 'start'
            and not patterns.is_common_word
            and not (
                coalesce(patterns.presence, '') = 'remote' and coalesce(readings.mcc_presence, '') = 'local'
            )
        )
),

best_merchants as (
    select
        *,
        row_number() over (
            partition by reading_id
            order by
                found_at = 'inside' asc,
                matched_length desc,
                found_at = 'cut' asc,
                confidence desc,
                rule_id asc
        ) as match_rank
    from weighed_matches
),

-- What a merchant's name says of its trade: where there is no category code that says it, or where
-- the code says less.
word_categories as (
    select
        words.reading_id,
        category_words.rule_id,
        case
            when words.channel_kind = 'card' then category_words.category_id
            else category_words.billed_category_id
        end as category_id,
        category_words.confidence,
        row_number() over (
            partition by words.reading_id
            order by
                category_words.confidence desc,
                length(category_words.phrase) desc,
                category_words.rule_id asc
        ) as match_rank
    from words
    inner join category_words on words.word = split_part(category_words.phrase, ' ', 1)
    where
        words.direction = 'debit'
        and words.channel_kind in ('card', 'ach', 'bill_pay')
        and ' ' || words.clean_text || ' ' like '% ' || category_words.phrase || ' %'
        and (
            words.mcc_category_id is null
            or ' ' || category_words.refines_category_id || ' ' like '% ' || words.mcc_category_id || ' %'
        )
),

entry_matches as (
    select
        readings.reading_id,
        entry_rules.rule_id,
        entry_rules.category_id,
        entry_rules.confidence,
        entry_rules.outranks_merchant,
        row_number() over (
            partition by readings.reading_id
            order by entry_rules.confidence desc, entry_rules.rule_id asc
        ) as match_rank
    from readings
    inner join entry_rules
        on
            (entry_rules.direction is null or readings.direction = entry_rules.direction)
            and (entry_rules.entry_class is null or readings.entry_class = entry_rules.entry_class)
            and (
                entry_rules.entry_start is null
                or {{ begins_with('readings.entry_text', 'entry_rules.entry_start') }}
            )
            and {{ begins_company('readings.party_text', 'entry_rules.company_start') }}
    where readings.channel_kind = 'ach'
),

-- Money that comes in says nothing of what a member spends, unless it was won or earned by what is
-- sensitive itself.
sensitive_words as (
    select distinct words.reading_id
    from words
    inner join forbidden_words on words.word = split_part(forbidden_words.word, ' ', 1)
    where
        (words.direction = 'debit' or forbidden_words.kind in ('gambling', 'adult'))
        and ' ' || {{ without_innocent_phrases('words.clean_text') }} || ' '
        like '% ' || forbidden_words.word || ' %'
),

decided as (
    select
        readings.*,
        best_merchants.merchant_id as matched_merchant_id,
        merchants.category_id as merchant_category_id,
        case
            when forbidden_mccs.mcc is not null then 'sensitive_mcc'
            when
                sensitive_words.reading_id is not null
                and not (readings.direction = 'credit' and coalesce(entry_matches.outranks_merchant, false))
                then 'sensitive_word'
            -- Wages, benefits and taxes are told by the entry, whoever the originator is.
            when entry_matches.outranks_merchant then entry_matches.rule_id
            -- A bank's name says that money went there, and an entry may say for what.
            when
                merchants.category_id = 'deposit_transfers'
                and entry_categories.competitor_product is not null
                then entry_matches.rule_id
            when
                best_merchants.rule_id is not null
                and not coalesce(
                    best_merchants.confidence < 0.70
                    and best_merchants.confidence
                    < coalesce(entry_matches.confidence, word_categories.confidence)
                    and merchants.category_id
                    <> coalesce(entry_matches.category_id, word_categories.category_id),
                    false
                )
                then best_merchants.rule_id
            when entry_matches.rule_id is not null then entry_matches.rule_id
            when word_categories.rule_id is not null then word_categories.rule_id
            when readings.mcc_category_id is not null then 'mcc'
            when readings.channel_kind not in ('card', 'ach', 'bill_pay') then 'channel'
            else 'none'
        end as matched_rule_id,
        best_merchants.rule_id as merchant_rule_id,
        best_merchants.confidence as merchant_confidence,
        entry_matches.rule_id as entry_rule_id,
        entry_matches.category_id as entry_category_id,
        entry_matches.confidence as entry_confidence,
        merchants.category_id = 'deposit_transfers'
        and entry_categories.competitor_product is not null
        and not entry_matches.outranks_merchant as is_bank_of_entry,
        word_categories.rule_id as word_rule_id,
        word_categories.category_id as word_category_id,
        word_categories.confidence as word_confidence
    from readings
    left join best_merchants
        on readings.reading_id = best_merchants.reading_id and best_merchants.match_rank = 1
    left join merchants on best_merchants.merchant_id = merchants.merchant_id
    left join entry_matches
        on readings.reading_id = entry_matches.reading_id and entry_matches.match_rank = 1
    left join categories as entry_categories on entry_matches.category_id = entry_categories.category_id
    left join word_categories
        on readings.reading_id = word_categories.reading_id and word_categories.match_rank = 1
    left join forbidden_mccs on readings.mcc = forbidden_mccs.mcc
    left join sensitive_words on readings.reading_id = sensitive_words.reading_id
),

categorised as (
    select
        *,
        case
            when matched_rule_id in ('sensitive_mcc', 'sensitive_word') then 'withheld'
            when matched_rule_id = merchant_rule_id then merchant_category_id
            when matched_rule_id = entry_rule_id then entry_category_id
            when matched_rule_id = word_rule_id then word_category_id
            when matched_rule_id = 'mcc' then mcc_category_id
            when channel_kind = 'p2p' then 'person_to_person'
            when channel_kind = 'internal' then 'internal_transfers'
            when channel_kind = 'atm' then 'cash'
            when channel_kind = 'check' then 'checks'
            when channel_kind = 'branch' then 'branch_services'
            else 'unknown'
        end as category_id,
        case
            when matched_rule_id = merchant_rule_id then merchant_confidence
            when matched_rule_id = entry_rule_id then entry_confidence
            when matched_rule_id = word_rule_id then word_confidence
            when matched_rule_id = 'mcc' then 0.85
            when matched_rule_id = 'none' then 0.00
            else 1.00
        end as confidence
    from decided
),

kept as (
    select
        identified.descriptor_key,
        identified.channel_kind,
        identified.direction,
        categorised.category_id,
        case
            when categorised.category_id <> 'withheld' then categorised.matched_rule_id
            else 'withheld'
        end as matched_rule_id,
        cast(
            case when categorised.category_id <> 'withheld' then categorised.confidence else 1 end
            as decimal(4, 2)
        ) as confidence,
        case when categorised.category_id <> 'withheld' then identified.mcc end as mcc,
        case when categorised.category_id <> 'withheld' then identified.party_text end as party_text,
        case when categorised.category_id <> 'withheld' then identified.entry_text end as entry_text,
        case when categorised.category_id <> 'withheld' then nullif(identified.clean_text, '') end
            as clean_text,
        case
            when
                categorised.matched_rule_id = categorised.merchant_rule_id
                or (categorised.matched_rule_id = categorised.entry_rule_id and categorised.is_bank_of_entry)
                then categorised.matched_merchant_id
        end as merchant_id
    from identified
    inner join categorised on identified.reading_id = categorised.reading_id
),

named as (
    select
        *,
        -- The company of an ACH entry is the party, whatever the entry says.
        coalesce(
            merchant_id,
            case when channel_kind = 'ach' then party_text else clean_text end,
            -- Where all of a text is taken for noise.
            nullif(party_text, ''),
            'unknown'
        ) as party_id
    from kept
),

final as (
    select
        named.*,
        categories.competitor_product,
        {{ row_checksum([
            'named.direction', 'named.category_id', 'named.merchant_id', 'named.mcc',
            'named.confidence',
        ]) }} as spend_class_key,
        {{ row_checksum(['named.direction', 'named.party_id', 'named.category_id']) }} as flow_key,
        rules.rules_checksum
    from named
    inner join categories on named.category_id = categories.category_id
    cross join rules
)

select * from final
