"""Facts about models, read from dbt's manifest."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]


def layer_of(node: Node) -> str:
    """Return the layer of a model."""
    return str(node["config"]["meta"]["layer"])


def segments_of(models: list[Node]) -> dict[str, dict[str, Any]]:
    """Return what each segment says of itself, by model name."""
    return {
        model["name"]: model["config"]["meta"]["segment"]
        for model in models
        if "segment" in model["config"]["meta"]
    }
