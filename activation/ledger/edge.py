"""The right edge of the log: the partial tiles, from which its root follows and it grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from activation.ledger.merkle import EMPTY_ROOT, fold, hash_leaf, root_of
from activation.ledger.tiles import (
    ENTRIES,
    TILE_LEVELS,
    TILE_WIDTH,
    TileFolder,
    edge_tiles,
    encode_bundle,
    tile_name,
)
from tellerline.errors import IntegrityError

# The name of a file below the ledger and its bytes.
NamedBytes = tuple[str, bytes]


@dataclass(slots=True)
class Edge:
    """The hashes and entries in the partial tiles of a tree of `size` entries.

    Args:
        size: Entries in the tree.
        levels: For each level, the hashes in its partial tile.
        entries: The entries in the partial bundle.
    """

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=list)
    entries: list[bytes | None] = field(default_factory=list)

    @classmethod
    def read(cls, tiles: TileFolder, size: int) -> Edge:
        """Return the edge of the tree of `size` entries as the tiles on disk hold it.

        Raises:
            IntegrityError: A tile or bundle is missing or malformed, or an entry is not the one
                that its leaf hash stands for.
        """
        edge = cls.read_hashes(tiles, size)
        if size % TILE_WIDTH:
            entries = tiles.bundle(size // TILE_WIDTH)
            _check_entries(entries, edge.levels[0], size)
            edge.entries = [*entries]
        return edge

    @classmethod
    def read_hashes(cls, tiles: TileFolder, size: int) -> Edge:
        """Return the edge without its entries: enough for the root, not for growing.

        Raises:
            IntegrityError: A tile is missing or has the wrong length.
        """
        edge = cls(size)
        for level, index, _ in edge_tiles(size):
            edge._grow(level)
            edge.levels[level] = list(tiles.tile(level, index))
        return edge

    def root(self) -> bytes:
        """Return the root of the tree, recomputed from the edge alone."""
        if not self.size:
            return EMPTY_ROOT
        peaks: list[bytes] = []
        for hashes in reversed(self.levels):
            start = 0
            while start < len(hashes):
                width = 1 << ((len(hashes) - start).bit_length() - 1)
                peaks.append(root_of(hashes[start : start + width]))
                start += width
        return fold(peaks)

    def extend(self, entries: Iterable[bytes]) -> Iterator[NamedBytes]:
        """Add entries and yield every file that this makes: full tiles first, partial ones last."""
        before = self.size
        for entry in entries:
            yield from self.append(hash_leaf(entry), entry)
        yield from self.partial_files(before)

    def append(self, leaf: bytes, entry: bytes | None) -> Iterator[NamedBytes]:
        """Add one leaf and yield the tiles and the bundle that it completes.

        Args:
            leaf: The hash of the leaf.
            entry: Its entry, or None when it is lost; then its bundle is not made.
        """
        index = self.size // TILE_WIDTH
        self.size += 1
        self.entries.append(entry)
        if len(self.entries) == TILE_WIDTH:
            yield from self._bundle(index)
            self.entries = []
        carried, level = leaf, 0
        while True:
            self._grow(level)
            hashes = self.levels[level]
            hashes.append(carried)
            if len(hashes) < TILE_WIDTH:
                return
            yield tile_name(level, index), b"".join(hashes)
            self.levels[level] = []
            carried, level, index = root_of(hashes), level + 1, index // TILE_WIDTH

    def partial_files(self, before: int) -> Iterator[NamedBytes]:
        """Yield the partial tiles that differ from those of the tree of size `before`."""
        if self.entries and self.size > before:
            yield from self._bundle(self.size // TILE_WIDTH)
        for level, index, width in edge_tiles(self.size):
            if self.size >> TILE_LEVELS * level > before >> TILE_LEVELS * level:
                yield tile_name(level, index, width), b"".join(self.levels[level])

    def _bundle(self, index: int) -> Iterator[NamedBytes]:
        entries = [entry for entry in self.entries if entry is not None]
        if len(entries) == len(self.entries):
            yield tile_name(ENTRIES, index, len(entries)), encode_bundle(entries)

    def _grow(self, level: int) -> None:
        while len(self.levels) <= level:
            self.levels.append([])


def _check_entries(entries: list[bytes], leaves: list[bytes], size: int) -> None:
    """Check the last entries of a tree of `size` against their leaf hashes."""
    start = size - len(entries)
    for offset, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
        if hash_leaf(entry) != leaf:
            index = start + offset
            bundle = tile_name(ENTRIES, index // TILE_WIDTH, len(entries))
            raise IntegrityError(
                f"entry {index} in {bundle}", "is not the entry that its leaf hash stands for."
            )
