"""SQL that takes one physical line apart: CSV after RFC 4180, or one JSON object.

Both return a list of texts, one a column or path, and NULL for a line that is neither. A line that
spans several physical lines (a line feed inside quotes) is not supported: each part is rejected.
"""

from __future__ import annotations

from ingestion.contracts import Feed
from ingestion.file_format import FeedFile
from ingestion.lines import MARK, UNUSED
from tellerline.sql import character, literal, literals

LINE = '"_line"'
MAXIMUM_DEPTH = 32
_STRING = r'"(?:[^"\\]|\\.)*"'
# Numbers that every reader takes for the same value: as doubles these are exact to the digit.
_NUMBER = r"-?(?:[0-9]{1,18}|[0-9]{1,9}\.[0-9]{1,6})"
_GRAMMAR_DEPTH = 3
_OBJECT_START = r"^\s*\{"
_NOT_JSON = r"(?i)nan|inf|,\s*[}\]]"
_DEEP = rf"(?:[\[{{][^\]}}]*){{{MAXIMUM_DEPTH + 1}}}"
_LONG_FRACTION = "|".join(rf"[0-9]{{{n}}}\.[0-9]{{{16 - n},}}" for n in range(1, 16))


def is_marked() -> str:
    """Return a condition: the line stands for one that could not be text."""
    return f"starts_with({LINE}, {literal(MARK)})"


def csv_cells(file: FeedFile) -> str:
    """Return an expression: the cells of a CSV line, or NULL when its quotes are not RFC 4180's.

    Lines without a quote are split as they are. Of the others, those without a doubled quote are
    split after the delimiters inside quotes were put aside, which is four times as fast.
    """
    delimiter = literal(file.delimiter)
    plain = f"string_split({LINE}, {delimiter})"
    if file.quote is None:
        return f"case when not {is_marked()} then {plain} end"
    quote, aside = literal(file.quote), literal(UNUSED)
    cell = _csv_cell(file.delimiter, file.quote)
    step = character(file.delimiter)
    well_formed = literal(f"{cell}(?:{step}{cell})*")
    outside = (
        f"array_to_string(list_transform(string_split({LINE}, {quote}), "
        f"lambda part, place: case when place % 2 = 0 then replace(part, {delimiter}, {aside}) "
        "else part end), '')"
    )
    simple = (
        f"list_transform(string_split({outside}, {delimiter}), "
        f"lambda cell: replace(cell, {aside}, {delimiter}))"
    )
    general = (
        f"list_transform(regexp_extract_all({delimiter} || {LINE}, {literal(step + cell)}), "
        f"lambda piece: case when piece[2] = {quote} "
        f"then replace(piece[3:-2], {quote} || {quote}, {quote}) else piece[2:] end)"
    )
    return (
        f"case when {is_marked()} then null "
        f"when not contains({LINE}, {quote}) then {plain} "
        f"when not regexp_full_match({LINE}, {well_formed}) then null "
        f"when not contains({LINE}, {quote} || {quote}) then {simple} "
        f"else {general} end"
    )


def _csv_cell(delimiter: str, quote: str) -> str:
    step, mark = character(delimiter), character(quote)
    return f"(?:{mark}(?:[^{mark}]|{mark}{mark})*{mark}|[^{step}{mark}]*)"


def json_path(origin: str) -> str:
    """Return DuckDB's path for the dotted path of a contract."""
    return "$" + "".join(f'."{part}"' for part in origin.split("."))


def json_parents(feed: Feed) -> tuple[str, ...]:
    """Return the paths of the objects that the contract's fields stand in, the outermost first."""
    parents = {"$": None}
    for field in feed.delivered:
        parts = field.origin.split(".")
        for depth in range(1, len(parts)):
            parents[json_path(".".join(parts[:depth]))] = None
    return tuple(parents)


def json_cells(origins: tuple[str, ...]) -> str:
    """Return an expression: the texts at `origins` of a JSON line, or NULL when it is not JSON."""
    paths = literals(json_path(origin) for origin in origins)
    return (
        f"case when {is_marked()} or not json_valid({LINE}) then null "
        f"else json_extract_string({LINE}, [{paths}]) end"
    )


def json_types(origins: tuple[str, ...]) -> str:
    """Return an expression: the JSON types of what stands at `origins`, or NULL for no JSON."""
    paths = literals(json_path(origin) for origin in origins)
    return (
        f"case when not {is_marked()} and json_valid({LINE}) then json_type({LINE}, [{paths}]) end"
    )


def json_keys(feed: Feed) -> str:
    """Return an expression: the lists of keys of the objects that the fields stand in."""
    return (
        f"case when not {is_marked()} and json_valid({LINE}) "
        f"then json_keys({LINE}, [{literals(json_parents(feed))}]) end"
    )


def json_is_plain() -> str:
    """Return a condition that holds for nearly every line: an object all parsers read alike.

    The database's parser also takes NaN, Infinity and trailing commas, and rounds long fractions.
    One linear expression tells the lines where that cannot have happened; the others are looked
    at with `json_faults`.
    """
    value = f"(?:{_STRING}|true|false|null|{_NUMBER})"
    nested = value
    for _ in range(_GRAMMAR_DEPTH):
        pair = rf"{_STRING}\s*:\s*{nested}"
        shape = rf"\{{\s*(?:{pair}(?:\s*,\s*{pair})*\s*)?\}}"
        nested = f"(?:{value}|{shape})"
    whole = literal(rf"\s*{shape}\s*")
    return f"regexp_full_match({LINE}, {whole})"


def json_faults() -> tuple[str, str, str]:
    """Return conditions for lines that are not plain: no JSON, too many digits, too deep."""
    bare = f"regexp_replace({LINE}, {literal(_STRING)}, '\"\"', 'g')"
    is_object = f"regexp_matches({LINE}, {literal(_OBJECT_START)})"
    not_json = f"not {is_object} or regexp_matches({bare}, {literal(_NOT_JSON)})"
    digits = f"regexp_matches({bare}, {literal(_LONG_FRACTION)})"
    deep = f"regexp_matches({bare}, {literal(_DEEP)})"
    return not_json, digits, deep
