"""How tables are written to a file of DuckDB.

DuckDB 2.0 ends some blocks with whatever lay in memory behind their last byte: blocks of plain
text, and of numbers packed as ALP or ALPRD. That memory may have held contact data. So whoever
writes the warehouse packs text as DICT_FSST and never uses ALP.

That narrows the leak and does not close it. Up to 7 bytes between the parts of a block are still
not ours, room for a piece of a number or a name, and so are bits in the place of NULLs among packed
numbers. The search for canaries has found six digits of a member number there.
"""

from __future__ import annotations

STORAGE_VERSION = "v1.5.0"
"""Files that DuckDB 1.5 and its tools can read too."""

PACKING = (
    "set force_compression = 'dict_fsst'",
    "set disabled_compression_methods = 'alp,alprd'",
)
"""Statements for a new connection that writes the warehouse; as configuration the second one has no
effect. dbt runs the same, in macros/storage.sql."""
