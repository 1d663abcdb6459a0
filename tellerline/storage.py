"""How tables are written to a file of DuckDB.

DuckDB 2.0 ends some blocks with whatever lay in memory behind their last byte: blocks of plain
text, and of numbers packed as ALP or ALPRD. That memory may have held contact data. So whoever
writes the warehouse packs text as DICT_FSST and never uses ALP. What is left is too short for an
identifier: up to 7 bytes of padding, and bits in the place of NULLs among packed numbers.
"""

from __future__ import annotations

STORAGE_VERSION = "v1.5.0"
"""Files that DuckDB 1.5 and its tools can read too."""

BLOCK_ENDS_ARE_OURS = (
    "set force_compression = 'dict_fsst'",
    "set disabled_compression_methods = 'alp,alprd'",
)
"""Statements for a new connection that writes the warehouse; as configuration the second one has no
effect. dbt runs the same, in macros/storage.sql."""
