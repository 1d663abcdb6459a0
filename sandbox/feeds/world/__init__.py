"""The world that members live in: merchants, institutions, billers, employers, names, places."""

from sandbox.feeds.world.catalog import (
    Biller,
    Category,
    Institution,
    Merchant,
    Place,
    Product,
    Source,
    World,
    load_world,
)

__all__ = [
    "Biller",
    "Category",
    "Institution",
    "Merchant",
    "Place",
    "Product",
    "Source",
    "World",
    "load_world",
]
