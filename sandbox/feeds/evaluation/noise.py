"""Noise of the evaluation, from how statements of several banks and processors show purchases.

Held out (see the package): no rule is written from these patterns.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from sandbox.feeds.streams import T, pick

# Marks: {name}, {together}, {city}, {state}, {zip}, {street}, {phone}, {date}, {long_date}, {time}
# and digits {n2} to {n9}. What is cut is the name: a card network has so many characters for it.
FRAMES = (
    ("{name} {city} {state}", 14),
    ("{name} {n4} {city} {state}", 12),
    ("{name} #{n3} {city} {state}", 8),
    ("{name} {street} {city} {zip} {state} USA", 6),
    ("{name}{n5} {city} {state}", 4),
    ("{name} - {n3} {city}, {state}", 3),
    ("{name} STORE {n4} {city} {state} US", 4),
    ("{name}  {phone} {state}", 5),
    ("{name} {phone}", 3),
    ("{name} S{n4}", 2),
    ("{name} T-{n4} {city} {state}", 2),
    ("POS DEBIT VISA DDA {name} {city} {state}", 3),
    ("DEBIT CARD PURCHASE {name} {city} {state} ON {date}", 3),
    ("DEBIT PURCHASE -VISA CARD {n4} {name} {city} {state}", 3),
    ("VISA CHECK CARD {date} {name} {city} {state} {n9}", 3),
    ("PIN PURCHASE {date} {time} {name} {city} {state}", 3),
    ("POINT OF SALE WITHDRAWAL {n6} {name} {city} {state}", 3),
    ("EXTERNAL WITHDRAWAL {name} {n6}", 2),
    ("CARD PURCHASE {date} {name} {city} {state} CARD {n4}", 3),
    ("POS PURCHASE TERMINAL {n8} {name} {city} {state} XXXXXXXXXXXX{n4}", 2),
    ("{long_date} {name} {city} {state} CARD#{n4}", 2),
    ("DBT PURCH {n4} {name} {city}", 2),
    ("{name} {city} {state} {date} {time} AM", 2),
    ("{name} {city} {state} ****{n4}", 2),
    ("PWP {name} {city}", 1),
    ("SQ *{name} {city} {state}", 3),
    ("TST* {name} - {city}", 3),
    ("PAYPAL *{name} {phone}", 3),
    ("PY *{name} {city} {state}", 1),
    ("FD* {name}", 1),
    ("GOOGLE PAY {name}", 1),
    ("APPLE PAY ENDING IN {n4} {name}", 1),
    ("WWW.{together}.COM {phone}", 1),
    ("{together} {city} {state}", 2),
)
CUTS = ((99, 50), (25, 20), (22, 20), (18, 6), (14, 4))
STREETS = ("MAIN ST", "N 1ST AVE", "OLD MILL RD", "STATE HWY 9", "E BROADWAY", "COMMERCE PKWY")
PLACES = (
    ("BOISE", "ID", "83702"),
    ("KNOXVILLE", "TN", "37902"),
    ("SIOUX FALLS", "SD", "57104"),
    ("ST LOUIS", "MO", "63101"),
    ("SAN LUIS OBISPO", "CA", "93401"),
    ("MT PLEASANT", "SC", "29464"),
    ("WINSTON SALEM", "NC", "27101"),
    ("COEUR D ALENE", "ID", "83814"),
    ("LAKE CHARLES", "LA", "70601"),
    ("O FALLON", "IL", "62269"),
    ("N LAS VEGAS", "NV", "89030"),
    ("GREEN BAY", "WI", "54301"),
)
# Codes under which shops of a kind trade beside the usual one. Every twentieth has one of these.
SLIPS = {
    "5411": ("5499", "5300"),
    "5814": ("5812", "5499"),
    "5812": ("5814", "5813"),
    "5541": ("5542", "5499"),
    "5651": ("5699", "5311"),
    "5661": ("5651", "5941"),
    "7011": ("5812", "7999"),
    "7230": ("7298", "5977"),
    "5712": ("5719", "5999"),
    "5331": ("5310", "5999"),
    "5941": ("5655", "5999"),
    "5533": ("5531", "7538"),
    "7538": ("5532", "5511"),
    "5732": ("5734", "5999"),
    "5942": ("5999", "5943"),
    "5947": ("5999", "5943"),
    "5995": ("5999", "7299"),
    "7997": ("7999", "7911"),
    "5211": ("5251", "5039"),
    "5944": ("5999", "5094"),
}


class Noisy(NamedTuple):
    """A name as a statement shows it."""

    text: str
    frame: str


def disturb(stream: random.Random, name: str) -> Noisy:
    """Return `name`, in upper case, inside a frame and as long as networks leave it.

    Args:
        stream: Read for every choice.
        name: The merchant's name in upper case.
    """
    frame = _weighted(stream, FRAMES)
    cut = name[: _weighted(stream, CUTS)].rstrip()
    city, state, postcode = pick(stream, PLACES)
    digits = f"{stream.getrandbits(64) | 1 << 63}"
    month, day = 1 + stream.getrandbits(8) % 12, 1 + stream.getrandbits(8) % 28
    marks = {
        "name": cut,
        "together": name.replace(" ", "").replace("'", "")[:22],
        "city": city,
        "state": state,
        "zip": postcode,
        "street": f"{digits[3:6]} {pick(stream, STREETS)}",
        "phone": f"8{digits[4]}{digits[4]}-{digits[5:8]}-{digits[8:12]}",
        "date": f"{month:02}/{day:02}",
        "long_date": f"{month:02}/{day:02}/2026",
        "time": f"{stream.getrandbits(8) % 12:02}:{stream.getrandbits(8) % 60:02}",
    }
    marks |= {f"n{count}": digits[-count:] for count in range(2, 10)}
    return Noisy(frame.format(**marks)[:80], frame)


def code_of(stream: random.Random, mcc: str) -> str:
    """Return the code under which a merchant trades: mostly `mcc`, sometimes a neighbour."""
    return pick(stream, SLIPS[mcc]) if mcc in SLIPS and stream.random() < 0.05 else mcc


def _weighted(stream: random.Random, choices: tuple[tuple[T, int], ...]) -> T:
    return stream.choices([value for value, _ in choices], [weight for _, weight in choices])[0]
