"""How tables are written to a file of DuckDB."""

STORAGE_VERSION = "v1.5.0"
"""Files that DuckDB 1.5 and its tools can read too."""
