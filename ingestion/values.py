"""SQL that turns the text of one cell into a typed value, and the conditions that refuse it.

Nothing is rounded, cut or guessed: a value that does not come back as it was written is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion import reasons
from ingestion.contracts import FeedField
from ingestion.file_format import FeedFile
from tellerline.sql import identifier, literal, literals

_INTEGER = "[+-]?[0-9]{1,18}"
_DECIMAL = r"[+-]?[0-9]{1,16}(?:\.[0-9]{1,2})?"
_RATE = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,6})?"
# No place on earth is more than fourteen hours away from UTC.
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])"
_TIMESTAMP = (
    "[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    rf"(?:\.[0-9]{{1,6}})?{_ZONE}?"
)
# As macros/texts.sql takes them off: blanks of all kinds, and what nobody sees.
_PADDED = r"^[\s\p{Z}\p{C}]|[\s\p{Z}\p{C}]$"
_LEADING_ZERO = "(^|[^0-9])0([0-9])"


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to refuse a row.

    Args:
        reason: One of `ingestion.reasons`.
        column: The field, or empty for the line as a whole.
        condition: SQL that holds for the rows refused.
    """

    reason: str
    column: str
    condition: str


@dataclass(frozen=True, slots=True)
class Value:
    """How one field is read from its text.

    Args:
        text: The expression of the text, in terms of the cell.
        typed: The expression of the value, in terms of the text.
        is_misread: A condition: the text is not of the field's type. In terms of the text and of
            the column of the value.
        delivered: The value before its sign was changed; what a trailer sums.
    """

    text: str
    typed: str
    delivered: str
    is_misread: str


def read_value(field: FeedField, file: FeedFile, cell: str, text: str) -> Value:
    """Return how `field` is read.

    Args:
        field: The field.
        file: Its file's formats.
        cell: The expression of the raw cell.
        text: The name under which the text will be known.
    """
    spelled = f"nullif({f'trim({cell})' if file.trim else cell}, '')"
    if file.null_values:
        spelled = f"case when {spelled} not in ({literals(file.null_values)}) then {spelled} end"
    if field.mapping:
        cases = " ".join(
            f"when {literal(code)} then {literal(meaning)}"
            for code, meaning in field.mapping.items()
        )
        spelled = f"case {spelled} {cases} else {spelled} end"
    delivered, is_misread = _READERS[field.type](field, file, text)
    typed = delivered
    if field.sign == "absolute":
        typed = f"abs({delivered})"
    elif field.sign == "negated":
        typed = f"-({delivered})"
    elif field.by_sign:
        amount, is_misread = _decimal(field, file, text)
        typed = (
            f"case when {amount} < 0 then {literal(field.by_sign.negative)} "
            f"when {amount} >= 0 then {literal(field.by_sign.positive)} end"
        )
    return Value(spelled, typed, delivered if field.sign else identifier(field.name), is_misread)


def checks_of(field: FeedField, text: str, value: Value, json_type: str) -> list[Check]:
    """Return the checks of `field` in the order in which they are tried.

    Args:
        field: The field.
        text: The name of its text.
        value: How it is read.
        json_type: The expression of what JSON took the value for; empty for other formats.
    """
    name = field.name
    typed = identifier(name)
    checks = _presence_checks(field, text)
    if json_type:
        checks += _json_checks(field, json_type)
    if value.is_misread:
        checks.append(Check(reasons.WRONG_TYPE, name, value.is_misread))
    if field.allowed is not None:
        allowed = literals(field.allowed)
        checks.append(Check(reasons.NOT_ALLOWED, name, f"{typed} not in ({allowed})"))
    if field.pattern is not None:
        matches = f"regexp_full_match({text}, {literal(field.pattern)})"
        checks.append(Check(reasons.PATTERN_MISMATCH, name, f"not {matches}"))
    if field.maximum_length is not None:
        too_long = f"length({text}) > {field.maximum_length}"
        checks.append(Check(reasons.TOO_LONG, name, too_long))
    if field.minimum is not None:
        below = f"{typed} < {field.minimum:f}"
        checks.append(Check(reasons.BELOW_MINIMUM, name, below))
    if field.maximum is not None:
        above = f"{typed} > {field.maximum:f}"
        checks.append(Check(reasons.ABOVE_MAXIMUM, name, above))
    return checks + _time_checks(field)


def _presence_checks(field: FeedField, text: str) -> list[Check]:
    checks = []
    if field.required:
        checks.append(Check(reasons.REQUIRED_MISSING, field.name, f"{text} is null"))
    if field.required_with:
        others = " or ".join(f"{identifier(other)} is not null" for other in field.required_with)
        condition = f"{text} is null and ({others})"
        checks.append(Check(reasons.REQUIRED_MISSING, field.name, condition))
    if field.is_identifier:
        # With a blank it would be somebody else: a withdrawal that reaches nobody.
        padded = f"regexp_matches({text}, {literal(_PADDED)})"
        checks.append(Check(reasons.PADDED, field.name, padded))
    return checks


def _time_checks(field: FeedField) -> list[Check]:
    name = field.name
    typed = identifier(name)
    checks = []
    if field.type in {"date", "timestamp"} and field.future == "refuse":
        latest = f'"_latest"::{field.type}'
        checks.append(Check(reasons.IN_THE_FUTURE, name, f"{typed} > {latest}"))
    if field.is_business_date:
        checks.append(Check(reasons.OTHER_DAY, name, f'{typed} <> "_business_date"'))
    return checks


def scrubbed(field: FeedField, value: str) -> str:
    """Return `value` with every scrub rule of `field` applied in order."""
    if not field.scrub:
        return value
    clean = value
    for pattern, replacement in _merged(field):
        clean = f"regexp_replace({clean}, {literal(pattern)}, {literal(replacement)}, 'g')"
    # Most texts hold nothing to scrub: one combined expression tells.
    any_rule = "|".join(f"(?:{rule.pattern})" for rule in field.scrub)
    return (
        f"case when regexp_matches({value}, {literal(any_rule)}) "
        f"then nullif(trim({clean}), '') else {value} end"
    )


def _merged(field: FeedField) -> list[tuple[str, str]]:
    """Return the scrub rules, neighbours with the same plain replacement made one."""
    merged: list[tuple[str, str]] = []
    for rule in field.scrub:
        if merged and merged[-1][1] == rule.replacement and "\\" not in rule.replacement:
            merged[-1] = (f"{merged[-1][0]}|(?:{rule.pattern})", rule.replacement)
        else:
            merged.append((f"(?:{rule.pattern})", rule.replacement))
    return merged


def _json_checks(field: FeedField, json_type: str) -> list[Check]:
    checks = [Check(reasons.NOT_SCALAR, field.name, f"{json_type} in ('OBJECT', 'ARRAY')")]
    # Whoever writes an account number as a number has lost its leading zeros. A code of a closed
    # list is told by the list, and a sign is asked of a number.
    if field.type == "text" and field.allowed is None and field.by_sign is None:
        is_other = f"{json_type} not in ('VARCHAR', 'NULL')"
        checks.append(Check(reasons.NOT_TEXT, field.name, is_other))
    return checks


def _misread(field: FeedField, text: str, shape: str) -> str:
    matches = f"regexp_full_match({text}, {literal(shape)})"
    return f"{text} is not null and ({identifier(field.name)} is null or not {matches})"


def _text(_field: FeedField, _file: FeedFile, text: str) -> tuple[str, str]:
    return text, ""


def _integer(field: FeedField, _file: FeedFile, text: str) -> tuple[str, str]:
    return f"try_cast({text} as bigint)", _misread(field, text, _INTEGER)


def _decimal(field: FeedField, _file: FeedFile, text: str) -> tuple[str, str]:
    if field.scale is None:
        return f"try_cast({text} as decimal(18,2))", _misread(field, text, _DECIMAL)
    unit = "0.1" if field.scale == 1 else "0.01"
    typed = f"try_cast(try_cast({text} as decimal(18,0)) * {unit} as decimal(18,2))"
    return typed, _misread(field, text, _INTEGER)


def _rate(field: FeedField, _file: FeedFile, text: str) -> tuple[str, str]:
    return f"try_cast({text} as decimal(9,6))", _misread(field, text, _RATE)


def _boolean(field: FeedField, file: FeedFile, text: str) -> tuple[str, str]:
    true = literals(field.true_values or file.true_values or ("true",))
    false = literals(field.false_values or file.false_values or ("false",))
    typed = f"case when {text} in ({true}) then true when {text} in ({false}) then false end"
    return typed, f"{text} is not null and {identifier(field.name)} is null"


def _date(field: FeedField, file: FeedFile, text: str) -> tuple[str, str]:
    date_format = field.date_format or file.date_format
    column = identifier(field.name)
    if date_format is None:
        # Ten characters: the database also knows infinity, and years of other lengths.
        differs = f"({column} is null or {column}::varchar <> {text} or length({text}) <> 10)"
        return f"try_cast({text} as date)", f"{text} is not null and {differs}"
    typed = f"try_strptime({text}, {literal(date_format)})::date"
    return typed, _not_as_written(text, column, date_format)


def _timestamp(field: FeedField, file: FeedFile, text: str) -> tuple[str, str]:
    stamp_format = field.timestamp_format or file.timestamp_format
    if stamp_format is None:
        typed = f"timezone('UTC', try_cast({text} as timestamptz))"
        if file.time_zone != "UTC":
            has_zone = f"regexp_matches({text}, {literal(_ZONE + '$')})"
            local = _in_utc(f"try_cast({text} as timestamp)", file.time_zone)
            typed = f"case when {has_zone} then {typed} else {local} end"
        return typed, _misread(field, text, _TIMESTAMP)
    parsed = f"try_strptime({text}, {literal(stamp_format)})"
    if "%z" in stamp_format:
        is_misread = f"{text} is not null and {identifier(field.name)} is null"
        return f"timezone('UTC', {parsed})", is_misread
    typed = parsed if file.time_zone == "UTC" else _in_utc(parsed, file.time_zone)
    return typed, _not_as_written(text, parsed, stamp_format)


def _in_utc(local: str, zone: str) -> str:
    return f"timezone('UTC', timezone({literal(zone)}, {local}))"


def _not_as_written(text: str, parsed: str, written: str) -> str:
    """Return a condition: writing `parsed` again gives another text, a leading zero aside."""
    again = f"strftime({parsed}, {literal(written)})"
    bare = [
        f"regexp_replace(lower({side}), {literal(_LEADING_ZERO)}, '\\1\\2', 'g')"
        for side in (again, text)
    ]
    differs = f"case when {again} = {text} then false else {bare[0]} <> {bare[1]} end"
    return f"{text} is not null and ({parsed} is null or {differs})"


_READERS = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "rate": _rate,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}
