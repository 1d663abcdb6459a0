"""Feed contracts: how an institution's files look, and what each field becomes.

One YAML file a feed. The loader knows no format of its own, so that other files load by writing
other contracts. The contracts that ship with the project name the tables, columns and types that
dbt reads; `ingestion.conformance` holds an institution's own contracts to them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from ingestion.file_format import FeedFile, Formats, try_sql
from tellerline.documents import Document

FieldType = Literal["text", "integer", "decimal", "rate", "date", "timestamp", "boolean"]
TokenKind = Literal["member", "account", "device"]

SQL_TYPES: dict[FieldType, str] = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18,2)",
    "rate": "decimal(9,6)",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
LOAD_COLUMNS: dict[str, str] = {
    "business_date": "date",
    "load_id": "varchar",
    "file_sha256": "varchar",
    "line_number": "bigint",
    "loaded_at": "timestamp",
}

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_JSON_PATH = re.compile(r"[A-Za-z0-9_@$-]+(\.[A-Za-z0-9_@$-]+)*")


class ScrubRule(Document):
    r"""What is taken out of a text before it is stored.

    Args:
        pattern: An RE2 expression.
        replacement: What takes the place of each match; `\1` is the first group.
    """

    pattern: str
    replacement: str

    @model_validator(mode="after")
    def _valid(self) -> Self:
        try_sql("select regexp_replace('', ?, ?, 'g')", self.pattern, self.replacement)
        return self


class SignValues(Document):
    """The text that stands for an amount's sign, such as debit and credit."""

    negative: str
    positive: str


class FeedField(Formats):
    """One column of the raw table, and where it comes from.

    Args:
        name: The column.
        source: The header name or dotted NDJSON path (`from` in YAML); the name when absent.
        type: What it becomes. A text that NDJSON brings must be a JSON string, because a number
            has lost its leading zeros; only codes that `allowed` lists may come as numbers.
        required: Whether a row without it is rejected.
        required_with: Fields with any of which a row without it is rejected.
        absent: True when the institution has no such field: the column is NULL.
        token: The kind of number that is replaced by its keyed hash.
        allowed: The only values, after `mapping`.
        mapping: The institution's codes and what they mean here.
        pattern: RE2 expression that the whole value matches, after `mapping`.
        maximum_length: In characters.
        minimum: The smallest number, after `scale` and `sign`.
        maximum: The largest number, likewise.
        scrub: What is taken out of the text, in order; neighbouring rules with the same plain
            replacement are tried together, as alternatives of one expression.
        scale: How many of a number's last digits are decimals: 2 for amounts in cents.
        sign: `absolute` drops an amount's sign, `negated` turns it.
        by_sign: Derives a text from the sign of the amount found in `source`.
        future: Whether a time later than a day after receipt is accepted.
        is_business_date: Whether it must be the business day that the file's name tells.
    """

    name: Name
    source: str = Field(default="", alias="from")
    type: FieldType
    description: str = ""
    required: bool = False
    required_with: tuple[Name, ...] = ()
    absent: bool = False
    token: TokenKind | None = None
    allowed: tuple[str, ...] | None = None
    mapping: dict[str, str] | None = None
    pattern: str | None = None
    maximum_length: int | None = Field(default=None, ge=1)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    scrub: tuple[ScrubRule, ...] = ()
    scale: int | None = Field(default=None, ge=1, le=2)
    sign: Literal["absolute", "negated"] | None = None
    by_sign: SignValues | None = None
    future: Literal["refuse", "accept"] = "refuse"
    is_business_date: bool = False

    @field_validator("pattern")
    @classmethod
    def _known_pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try_sql("select regexp_full_match('', ?)", value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        texts = ("token", "allowed", "mapping", "pattern", "maximum_length", "scrub", "by_sign")
        faults = [
            *self._misplaced(texts, "text"),
            *self._misplaced(("scale", "sign"), "decimal"),
            *self._misplaced(("minimum", "maximum"), "integer", "decimal", "rate"),
            *self._misplaced(("is_business_date",), "date"),
        ]
        if self.name in LOAD_COLUMNS:
            faults.append(f"{self.name} is a column that the loader fills")
        if (self.required or self.required_with) and self.absent:
            faults.append("a required field cannot be absent")
        if self.token and self.scrub:
            faults.append("a token is not scrubbed")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _misplaced(self, settings: tuple[str, ...], *types: str) -> list[str]:
        if self.type in types:
            return []
        wrong = [name for name in settings if getattr(self, name) not in (None, (), False)]
        return [f"{name} goes with type {' or '.join(types)}" for name in wrong]

    @property
    def origin(self) -> str:
        """The header name or path that this field is read from."""
        return self.source or self.name

    @property
    def is_identifier(self) -> bool:
        """Whether it names a member, an account or a record: blanks around it name another."""
        return self.type == "text" and (self.token is not None or self.name.endswith("_id"))

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB."""
        return SQL_TYPES[self.type]


class Feed(Document):
    """One feed's contract.

    Args:
        key: The fields that identify a row; a second row with the same key is a duplicate.
        ordered_by: The field that orders the rows of one object.
        cadence: `daily`, or `on_change`.
        late_after_hours: When a daily file counts as late, after the end of its business day.
        maximum_shrink_ratio: A file with fewer rows than this allows, against the median of the
            last seven, stops the feed; 1.0 never does.
        corrections: What a second file of a business day does. `refuse`: files of a day add up,
            and a row with the key of a loaded one and other content is rejected. `replace_day`:
            each file is the whole state of its day, so that a later one, which a person lets in,
            takes the place of the earlier one.
        maximum_rejected_ratio: A file with a larger share of rejected rows is quarantined.
        empty_file: What becomes of a file without rows.
        destination: The database that holds the rows.
    """

    feed: Name
    title: str
    description: str
    file: FeedFile
    key: tuple[str, ...] = Field(min_length=1)
    ordered_by: str | None = None
    cadence: Literal["daily", "on_change"]
    late_after_hours: int = Field(ge=0)
    maximum_shrink_ratio: float = Field(ge=0, le=1)
    maximum_rejected_ratio: float = Field(ge=0, le=1)
    corrections: Literal["refuse", "replace_day"] = "refuse"
    empty_file: Literal["quarantine", "accept"]
    destination: Literal["warehouse", "vault"] = "warehouse"
    fields: tuple[FeedField, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [field.name for field in self.fields]
        faults = [f"the field {name} stands twice" for name in names if names.count(name) > 1]
        faults += [f"key: {name} is no field" for name in self.key if name not in names]
        delivered = [field.name for field in self.delivered]
        faults += [
            f"{field.name}: required_with {name} is no field that is delivered"
            for field in self.fields
            for name in field.required_with
            if name not in delivered
        ]
        if self.ordered_by and self.ordered_by not in names:
            faults.append(f"ordered_by: {self.ordered_by} is no field")
        trailer = self.file.trailer
        if trailer and trailer.amount_total:
            summed = [f for f in self.fields if f.name == trailer.amount_total.field]
            if not summed or summed[0].type != "decimal" or summed[0].absent:
                faults.append(f"amount_total: {trailer.amount_total.field} is no decimal field")
        if self.file.format == "ndjson":
            faults += [
                f"{field.name}: from is a dotted path of letters, digits, _, @, $ and -"
                for field in self.fields
                if not _JSON_PATH.fullmatch(field.origin)
            ]
        if self.file.columns:
            faults += [
                f"{field.name}: {field.origin} is not among the columns"
                for field in self.delivered
                if field.origin not in self.file.columns
            ]
        if faults:
            raise ValueError("; ".join(dict.fromkeys(faults)))
        return self

    @property
    def replaces_day(self) -> bool:
        """Whether each file is the whole state of its business day."""
        return self.corrections == "replace_day"

    @property
    def delivered(self) -> tuple[FeedField, ...]:
        """The fields that the institution's files hold."""
        return tuple(field for field in self.fields if not field.absent)
