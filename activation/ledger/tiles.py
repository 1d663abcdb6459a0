"""Tiles and entry bundles: the log as files that any web server can serve.

Source: c2sp.org/tlog-tiles. A tile holds up to 256 hashes of one level, a bundle up to 256 entries
with a big-endian length before each. Names below the ledger folder are the standard's exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from activation.ledger.merkle import HASH_BYTES, root_of
from tellerline.errors import IntegrityError

TILE_WIDTH = 256
TILE_LEVELS = 8
MAX_ENTRY_LENGTH = 0xFFFF
ENTRIES = "entries"
_LENGTH_BYTES = 2
_NAME = re.compile(
    r"tile/(?P<level>entries|0|[1-9]|[1-5][0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def tile_name(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """Return the name of a tile, such as `tile/0/x001/067` or `tile/entries/000.p/38`.

    Args:
        level: The level of the tile, or `entries` for a bundle.
        index: The position of the tile within its level.
        width: How many hashes or entries it holds, 1 to 256.
    """
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    elements = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join([*(f"x{element}" for element in elements[:-1]), elements[-1]])
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{path}{partial}"


def parse_tile_name(name: str) -> tuple[int | str, int, int] | None:
    """Return `(level, index, width)` of the one tile with this name, or None."""
    match = _NAME.fullmatch(name)
    if not match:
        return None
    level = match["level"] if match["level"] == ENTRIES else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    is_named_so = width <= TILE_WIDTH and tile_name(level, index, width) == name
    return (level, index, width) if is_named_so else None


def tile_widths(size: int) -> Iterator[tuple[int, int]]:
    """Yield `(level, width)` of the rightmost tile of each level of a tree of `size` entries.

    A width of 0 means that the level ends with a full tile.
    """
    level = 0
    while size:
        yield level, size % TILE_WIDTH
        size //= TILE_WIDTH
        level += 1


def edge_tiles(size: int) -> list[tuple[int, int, int]]:
    """Return `(level, index, width)` of the partial tiles of a tree of `size` entries."""
    return [
        (level, (size >> TILE_LEVELS * level) // TILE_WIDTH, width)
        for level, width in tile_widths(size)
        if width
    ]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bytes of the bundle with these entries.

    Raises:
        IntegrityError: An entry is longer than 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_LENGTH:
            raise IntegrityError(
                "ledger entry", f"has {len(entry)} bytes; a bundle takes {MAX_ENTRY_LENGTH}."
            )
        parts += [len(entry).to_bytes(_LENGTH_BYTES, "big"), entry]
    return b"".join(parts)


def decode_bundle(data: bytes, width: int, subject: str) -> list[bytes]:
    """Return the `width` entries of the bundle `data`.

    Raises:
        IntegrityError: The bundle holds fewer or more, or ends inside an entry.
    """
    entries = []
    position = 0
    while position < len(data):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        entries.append(data[start:position])
    if position != len(data) or len(entries) != width:
        raise IntegrityError(subject, f"does not hold {width} whole entries.")
    return entries


def decode_tile(data: bytes, width: int, subject: str) -> list[bytes]:
    """Return the `width` hashes of the tile `data`.

    Raises:
        IntegrityError: It holds fewer or more.
    """
    if len(data) != width * HASH_BYTES:
        raise IntegrityError(subject, f"does not hold {width} hashes.")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


class TileFolder:
    """Reads the tiles of a log of one size.

    Args:
        ledger: The folder of the log.
        size: Entries in the tree; nothing beyond is read.
    """

    def __init__(self, ledger: Path, size: int) -> None:
        self._ledger = ledger
        self._size = size
        # Level 0 is 255 times as large as all others together, and read once.
        self._upper_tiles: dict[tuple[int, int], list[bytes]] = {}

    def width(self, level: int, index: int) -> int:
        """Return how many hashes tile `index` of `level` has in a tree of this size."""
        return max(0, min(TILE_WIDTH, (self._size >> TILE_LEVELS * level) - index * TILE_WIDTH))

    def tile(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of a tile, its partial form or the beginning of its full one.

        Raises:
            IntegrityError: It is missing or has the wrong length.
        """
        if known := self._upper_tiles.get((level, index)):
            return known
        data, width, name = self._read(level, index)
        hashes = decode_tile(data, width, name)[: self.width(level, index)]
        if level:
            self._upper_tiles[level, index] = hashes
        return hashes

    def bundle(self, index: int) -> list[bytes]:
        """Return the entries of a bundle, as `tile` does.

        Raises:
            IntegrityError: It is missing or malformed.
        """
        data, width, name = self._read(ENTRIES, index)
        return decode_bundle(data, width, name)[: self.width(0, index)]

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of the complete subtree over leaves [index * 2**level, …)."""
        tile_level, height = divmod(level, TILE_LEVELS)
        start = index << height
        hashes = self.tile(tile_level, start // TILE_WIDTH)
        first = start % TILE_WIDTH
        return root_of(hashes[first : first + (1 << height)])

    def _read(self, level: int | str, index: int) -> tuple[bytes, int, str]:
        width = self.width(0 if isinstance(level, str) else level, index)
        for candidate in {width: None, TILE_WIDTH: None}:
            name = tile_name(level, index, candidate)
            try:
                return (self._ledger / name).read_bytes(), candidate, name
            except FileNotFoundError:
                continue
        raise IntegrityError(tile_name(level, index, width), "is missing.")
