{#- Which texts speak of what no audience may be told by: the words of the seed `forbidden_words`, in
    SQL for the build. `activation.governance.words` does the same for the author's own commands. -#}

{#- Words in capitals with two blanks between them and one around: neighbours share no blank, so that
    each occurrence can be counted. -#}
{%- macro words_apart(text) -%}
' ' || replace(
    trim({{ replace_pattern(replace_pattern('upper(' ~ text ~ ')', "[''’]", ''), '[^A-Z0-9]+', ' ') }}), ' ', '  '
) || ' '
{%- endmacro -%}

{#- How often `part` stands in `text`. -#}
{%- macro occurrences(text, part) -%}
(length({{ text }}) - length(replace({{ text }}, {{ part }}, ''))) / length({{ part }})
{%- endmacro -%}

{#- How often words stand in `text`, in the singular or the plural. -#}
{%- macro word_occurrences(text, words) -%}
{%- set forms = [] -%}
{%- for ending in ['', 'S', 'ES'] -%}
    {%- do forms.append(occurrences(text, words ~ " || '" ~ ending ~ " '")) -%}
{%- endfor -%}
{{ forms | join(' + ') }}
{%- endmacro -%}

{#- One row for each forbidden word in each text: the columns of `texts`, the word and its kind.

    texts: a relation with the column `words`, as `words_apart` makes them.
    keys: its other columns. -#}
{%- macro sensitive_words_in(texts, keys) -%}
select
    {%- for key in keys %}
    said.{{ key }},
    {%- endfor %}
    said.word,
    said.kind
from (
    select
        texts.*,
        forbidden.word,
        forbidden.kind,
        case
            when forbidden.is_stem then {{ occurrences('texts.words', 'forbidden.spaced') }}
            else {{ word_occurrences('texts.words', 'forbidden.spaced') }}
        end as word_count
    from {{ texts }} as texts
    cross join (
        select
            word,
            kind,
            is_stem,
            rtrim({{ words_apart('word') }}) as spaced
        from {{ ref('forbidden_words') }}
    ) as forbidden
) as said
left join (
    select
        word,
        rtrim({{ words_apart('phrase') }}) as spaced
    from (
        select
            word,
            {{ each_part('except_in', '|') }} as phrase
        from {{ ref('forbidden_words') }}
        where except_in <> ''
    ) as listed
) as innocent on said.word = innocent.word and said.word_count > 0
where said.word_count > 0
group by {% for key in keys %}said.{{ key }}, {% endfor %}said.words, said.word, said.kind, said.word_count
having
    said.word_count > sum(
        case
            when innocent.spaced is null then 0
            else {{ word_occurrences('said.words', 'innocent.spaced') }}
        end
    )
{%- endmacro -%}

{#- The categories on which nothing may rest: what is withheld, and those of forbidden codes. -#}
{%- macro sensitive_categories() -%}
select
    mcc_categories.category_id,
    forbidden.kind
from {{ ref('mcc_categories') }} as mcc_categories
inner join {{ ref('forbidden_mccs') }} as forbidden on mcc_categories.mcc = forbidden.mcc
where mcc_categories.category_id is not null
union all
select
    'withheld' as category_id,
    'withheld' as kind
{%- endmacro -%}
