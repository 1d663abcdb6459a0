"""Dagster definitions: the graph from landing to destinations. Thin on purpose."""
