"""Why a row or a file is not loaded: the closed list of reasons, as raw.* and reports spell it."""

from __future__ import annotations

from tellerline import receipt_book

# Rows: the line itself.
BLANK_LINE = "blank_line"
INVALID_UTF8 = "invalid_utf8"
CONTROL_CHARACTER = "control_character"
LINE_TOO_LONG = "line_too_long"
UNTERMINATED_QUOTE = "unterminated_quote"
MISPLACED_QUOTE = "misplaced_quote"
COLUMN_COUNT = "column_count"
NOT_JSON = "not_json"
DUPLICATE_JSON_KEY = "duplicate_json_key"
TOO_MANY_DIGITS = "too_many_digits"
NESTED_TOO_DEEP = "nested_too_deep"

# Rows: a value.
REQUIRED_MISSING = "required_missing"
PADDED = "padded"
WRONG_TYPE = "wrong_type"
NOT_SCALAR = "not_scalar"
NOT_TEXT = "not_text"
TOO_MANY_DECIMALS = "too_many_decimals"
OUT_OF_RANGE = "out_of_range"
NOT_ALLOWED = "not_allowed"
PATTERN_MISMATCH = "pattern_mismatch"
TOO_LONG = "too_long"
BELOW_MINIMUM = "below_minimum"
ABOVE_MAXIMUM = "above_maximum"
IN_THE_FUTURE = "in_the_future"
OTHER_DAY = "other_day"

# Rows: against other rows.
CONFLICTING_DUPLICATE = "conflicting_duplicate"

# Files: the outside.
HOSTILE_NAME = "hostile_name"
NOT_A_REGULAR_FILE = "not_a_regular_file"
UNKNOWN_NAME = "unknown_name"
AMBIGUOUS_NAME = "ambiguous_name"
WRONG_FOLDER = "wrong_folder"
BAD_BUSINESS_DATE = "bad_business_date"
FUTURE_BUSINESS_DATE = "future_business_date"

# Files: the content.
BAD_COMPRESSION = "bad_compression"
COMPRESSION_BOMB = "compression_bomb"
FILE_TOO_LARGE = "file_too_large"
NOT_UTF8 = "not_utf8"
MISSING_COLUMN = "missing_column"
DUPLICATE_COLUMN = "duplicate_column"
COLUMN_ORDER = "column_order"
TRAILER_MISSING = "trailer_missing"
TRAILER_ROW_COUNT = "trailer_row_count"
TRAILER_AMOUNT_TOTAL = "trailer_amount_total"
EMPTY_FILE = "empty_file"
REJECTED_RATIO = "rejected_ratio"

# Files: against other files.
SHRUNK = "shrunk"
NAME_REUSED = "name_reused"
DAY_REPEATED = "day_repeated"
SAME_CONTENT = "same_content"
DISCARDED = receipt_book.DISCARDED
