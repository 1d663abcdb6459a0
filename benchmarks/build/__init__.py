"""A full and a nightly dbt build, against one DuckDB script that makes the same final tables."""
