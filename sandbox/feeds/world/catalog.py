"""The world's YAML files as frozen records, read once a process."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import accumulate
from statistics import NormalDist
from typing import Any, NamedTuple

import yaml

# How many amounts and clock times a table holds; both are drawn by a few random bits.
AMOUNTS = 256
CLOCKS = 1024
NINETIETH_PERCENTILE = 1.2816


class Style(NamedTuple):
    """Noise patterns of descriptors."""

    templates: tuple[str, ...]
    with_place: bool
    cuts: tuple[int, ...]


class Merchant(NamedTuple):
    """A merchant, known to the country or invented and local."""

    name: str
    category: str
    mcc: str
    stems: tuple[str, ...]
    style: str
    is_known: bool


class Category(NamedTuple):
    """A spending category: `amounts` in cents and `clocks` as HH:MM:SS, equally likely each."""

    name: str
    channel: str
    amounts: tuple[int, ...]
    clocks: tuple[str, ...]
    merchants: tuple[Merchant, ...]
    local_merchants: tuple[Merchant, ...]


class Institution(NamedTuple):
    """A competitor's product, as payments show it."""

    name: str
    product: str
    company: str
    entries: tuple[str, ...]
    texts: tuple[str, ...]


class Biller(NamedTuple):
    """Who sends bills; `dollars` is the range of one bill; `mcc` is empty unless on a card."""

    name: str
    company: str
    entries: tuple[str, ...]
    texts: tuple[str, ...]
    dollars: tuple[float, float]
    mcc: str = ""


class Source(NamedTuple):
    """Who pays members: an employer, an agency, a platform."""

    name: str
    company: str
    entry: str


class Place(NamedTuple):
    """A city with its ZIP codes."""

    city: str
    state: str
    zips: tuple[str, ...]


class Product(NamedTuple):
    """What the institution offers: yearly rate, and the range of credit limits in dollars."""

    code: str
    kind: str
    rate: float
    limits: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class World:
    """All of it."""

    styles: dict[str, Style]
    categories: dict[str, Category]
    usual_weights: dict[str, float]
    tastes: dict[str, dict[str, float]]
    institutions: dict[str, tuple[Institution, ...]]
    billers: dict[str, tuple[Biller, ...]]
    employers: tuple[tuple[str, str], ...]
    own_employer: tuple[str, str]
    current_entry: str
    late_entries: dict[str, str]
    benefits: dict[str, tuple[Source, ...]]
    settlements: tuple[Source, ...]
    suppliers: tuple[Biller, ...]
    online_shops: tuple[Institution, ...]
    products: dict[str, Product]
    places: tuple[Place, ...]
    place_weights: tuple[float, ...]
    away: tuple[Place, ...]
    branches: tuple[str, ...]
    area_codes: tuple[str, ...]
    people: dict[str, tuple[str, ...]]


@cache
def load_world() -> World:
    """Return the world of the package's YAML files."""
    merchants, styles = _read("merchants"), _read("styles")
    employers, places, bills = _read("employers"), _read("places"), _read("billers")
    clocks = {name: _clocks(name, *span) for name, span in styles["hours"].items()}
    tastes = styles["lifestyles"] | styles["seasons"] | styles["events"]
    cities = [Place(city, state, tuple(zips)) for city, state, zips, _ in places["cities"]]
    billers = {kind: _billers(rows) for kind, rows in bills["ach"].items()}
    billers |= {kind: _card_billers(rows) for kind, rows in bills["card"].items()}
    benefits = employers["benefits"]
    return World(
        styles={
            name: Style(tuple(row["templates"]), row["place"], tuple(row["truncate"]))
            for name, row in styles["styles"].items()
        },
        categories=_categories(merchants, _read("local_merchants"), clocks),
        usual_weights={name: float(row["weight"]) for name, row in merchants.items()},
        tastes=tastes | {name: styles[name] for name in ("business", "teenager", "studying")},
        institutions={
            product: tuple(
                Institution(name, product, company, tuple(map(str, entries)), tuple(texts))
                for name, company, entries, texts in rows
            )
            for product, rows in _read("institutions").items()
        },
        billers=billers,
        employers=tuple((name, company.strip()) for name, company in employers["employers"]),
        own_employer=tuple(employers["own"]),
        current_entry=employers["current"],
        late_entries=employers["late"],
        benefits={
            kind: tuple(Source(*row) for row in (rows if isinstance(rows[0], list) else [rows]))
            for kind, rows in benefits.items()
        },
        settlements=tuple(Source(*row) for row in employers["settlements"]),
        suppliers=_billers(employers["suppliers"]),
        online_shops=tuple(
            Institution(name, "goods", company, (bills["purchase_entry"],), tuple(texts))
            for name, company, texts in bills["purchases"]
        ),
        products={code: _product(code, row) for code, row in _read("products").items()},
        places=tuple(cities),
        place_weights=tuple(accumulate(float(row[3]) for row in places["cities"])),
        away=tuple(Place(city, state, tuple(zips)) for city, state, zips, _ in places["away"]),
        branches=tuple(f"BR-{number:03d}" for number in range(1, places["branches"] + 1)),
        area_codes=tuple(dict.fromkeys(places["area_codes"])),
        people={kind: tuple(names) for kind, names in _read("people").items()},
    )


def _read(name: str) -> Any:  # noqa: ANN401 - YAML is any value
    text = resources.files(__package__).joinpath(f"{name}.yml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are safe ones


def _categories(
    rows: dict[str, Any], held_out: dict[str, Any], clocks: dict[str, tuple[str, ...]]
) -> dict[str, Category]:
    return {
        name: Category(
            name=name,
            channel=row["channel"],
            amounts=_amounts(*row["amount"]),
            clocks=clocks[row["hours"]],
            merchants=tuple(_merchant(name, row, *item) for item in row["merchants"].items()),
            local_merchants=tuple(
                Merchant(local.title(), name, held_out[name]["mcc"], (local,), "local", False)
                for local in held_out.get(name, {"names": []})["names"]
            ),
        )
        for name, row in rows.items()
    }


def _merchant(category: str, row: dict[str, Any], name: str, facts: Any) -> Merchant:  # noqa: ANN401 - YAML is any value
    own = facts if isinstance(facts, dict) else {"stems": facts}
    mcc, style = own.get("mcc", row["mcc"]), own.get("style", row["style"])
    return Merchant(str(name), category, mcc, tuple(map(str, own["stems"])), style, True)


def _billers(rows: list[Any]) -> tuple[Biller, ...]:
    return tuple(
        Biller(name, company, tuple(map(str, entries)), tuple(texts), (dollars[0], dollars[1]))
        for name, company, entries, texts, dollars in rows
    )


def _card_billers(rows: list[Any]) -> tuple[Biller, ...]:
    return tuple(
        Biller(name, "", (), tuple(texts), (dollars[0], dollars[1]), mcc)
        for name, mcc, texts, dollars in rows
    )


def _product(code: str, row: dict[str, Any]) -> Product:
    limits = row.get("limit")
    return Product(code, row["type"], float(row["rate"]), tuple(limits) if limits else None)


def _amounts(low: float, high: float) -> tuple[int, ...]:
    """Return the cents of a log-normal amount whose 10th and 90th percentiles are given."""
    middle = (math.log(low) + math.log(high)) / 2
    spread = (math.log(high) - math.log(low)) / (2 * NINETIETH_PERCENTILE)
    normal = NormalDist(middle, spread)
    return tuple(
        round(100 * math.exp(normal.inv_cdf((rank + 0.5) / AMOUNTS))) for rank in range(AMOUNTS)
    )


def _clocks(name: str, mean: float, spread: float) -> tuple[str, ...]:
    """Return times of the day around `mean` hours UTC, none before 06:00 or after 23:59."""
    stream = random.Random(f"clocks {name}")
    seconds = [
        min(86_399, max(21_600, round(3600 * stream.gauss(mean, spread)))) for _ in range(CLOCKS)
    ]
    return tuple(clock(moment) for moment in seconds)


@cache
def clock(seconds: int) -> str:
    """Return the second of a day as HH:MM:SS."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
