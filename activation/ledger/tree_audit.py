"""Builds the log anew from its entries and compares every file with what should be there.

Where an entry and its leaf hash disagree, the tile above (or the signed root) tells which of the
two was changed, and the other one is used to go on: one changed byte gives one finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from activation.ledger.checkpoints import Checkpoint, archive_name
from activation.ledger.edge import Edge, NamedBytes
from activation.ledger.findings import Audit
from activation.ledger.merkle import HASH_BYTES, hash_leaf, root_of
from activation.ledger.tiles import (
    ENTRIES,
    TILE_LEVELS,
    TILE_WIDTH,
    TileFolder,
    decode_bundle,
    encode_bundle,
    parse_tile_name,
    tile_name,
)
from tellerline.errors import IntegrityError

IndexedEntry = tuple[int, bytes]


class TreeAudit:
    """Checks the tiles, bundles and checkpoints of one log.

    Args:
        ledger: The folder of the log.
        checkpoint: The signed checkpoint to check against.
        archived: The archived checkpoints whose signatures hold, by size.
        audit: Where findings go.
    """

    def __init__(
        self, ledger: Path, checkpoint: Checkpoint, archived: dict[int, Checkpoint], audit: Audit
    ) -> None:
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._archived = archived
        self._audit = audit
        self._tiles = TileFolder(ledger, checkpoint.size)
        self._seen: set[str] = set()

    def walk(self) -> Iterator[IndexedEntry]:
        """Yield every readable entry with its index while checking all files of the tree."""
        edge = Edge()
        stops = {*self._archived, self._checkpoint.size}
        last_stop = 0
        if 0 in stops:
            self._check_root(edge)
        for index in range(-(-self._checkpoint.size // TILE_WIDTH)):
            leaves = self._leaves(index)
            if leaves is None:
                return
            for leaf, entry in leaves:
                if entry is not None:
                    yield edge.size, entry
                self._compare(edge.append(leaf, entry), ())
                if edge.size in stops:
                    self._compare(edge.partial_files(last_stop), edge.levels[0])
                    self._check_root(edge)
                    last_stop = edge.size

    def leftovers(self) -> tuple[str, ...]:
        """Check the files that `walk` did not meet and return those beyond the checkpoint."""
        unsigned = []
        for path in sorted((self._ledger / "tile").rglob("*")):
            name = path.relative_to(self._ledger).as_posix()
            if path.is_dir() or name in self._seen or _is_temporary(path):
                continue
            tile = parse_tile_name(name)
            if tile is None:
                self._audit.report(name, "is no file of the standard layout.")
            elif _end(*tile) > self._checkpoint.size:
                unsigned.append(name)
            else:
                self._check_partial(name, *tile)
        return tuple(unsigned)

    def _leaves(self, index: int) -> list[tuple[bytes, bytes | None]] | None:
        entries = self._entries(index)
        hashes = self._hashes(0, index)
        computed = [hash_leaf(entry) for entry in entries or ()]
        if entries is None:
            if hashes is None:
                self._audit.report(
                    f"entry {index * TILE_WIDTH}",
                    "and what follows cannot be checked: bundle and tile are both unusable.",
                )
                return None
            return [(leaf, None) for leaf in hashes]
        if hashes is None or computed == hashes or not self._is_vouched_for(index, hashes):
            return list(zip(computed, entries, strict=True))
        for offset, (leaf, known) in enumerate(zip(computed, hashes, strict=True)):
            if leaf != known:
                self._audit.report(
                    f"entry {index * TILE_WIDTH + offset}",
                    f"in {tile_name(ENTRIES, index, len(entries))} was changed: it is not what its "
                    "leaf hash stands for.",
                )
        return list(zip(hashes, entries, strict=True))

    def _entries(self, index: int) -> list[bytes] | None:
        try:
            return self._tiles.bundle(index)
        except IntegrityError as error:
            self._audit.report(error.subject, error.problem)
            return None

    def _hashes(self, level: int, index: int) -> list[bytes] | None:
        try:
            return self._tiles.tile(level, index)
        except IntegrityError:
            # Reported when the tile is compared.
            return None

    def _is_vouched_for(self, index: int, hashes: list[bytes]) -> bool:
        """Return whether what stands above the tile `index` of level 0 confirms its hashes."""
        if len(hashes) == TILE_WIDTH:
            above = self._hashes(1, index // TILE_WIDTH)
            return above is not None and above[index % TILE_WIDTH] == root_of(hashes)
        try:
            edge = Edge.read_hashes(self._tiles, self._checkpoint.size)
        except IntegrityError:
            return False
        return edge.root() == self._checkpoint.root

    def _compare(self, files: Iterable[NamedBytes], leaves: Sequence[bytes]) -> None:
        """Compare files with what is on disk; `leaves` are those of the partial bundle."""
        for name, expected in files:
            self._seen.add(name)
            try:
                found = (self._ledger / name).read_bytes()
            except FileNotFoundError:
                if not self._is_superseded(name):
                    self._audit.report(name, "is missing.")
                continue
            # An older bundle may still hold the entry that was changed in the newest one.
            if found != expected and not (leaves and _holds(name, found, leaves)):
                self._audit.report(name, _difference(name, found, expected))

    def _is_superseded(self, name: str) -> bool:
        tile = parse_tile_name(name)
        return tile is not None and (self._ledger / tile_name(tile[0], tile[1])).exists()

    def _check_root(self, edge: Edge) -> None:
        root = edge.root()
        if edge.size == self._checkpoint.size and root != self._checkpoint.root:
            self._audit.report("checkpoint", "signs another root than the entries give.")
        archived = self._archived.get(edge.size)
        if archived and archived.root != root:
            self._audit.report(
                archive_name(edge.size), f"is not consistent with the log at {edge.size} entries."
            )
        elif archived:
            self._audit.checkpoints += 1

    def _check_partial(self, name: str, level: int | str, index: int, width: int) -> None:
        """Check a partial tile that no checkpoint asks for: it must begin its successor."""
        try:
            if isinstance(level, str):
                expected = encode_bundle(self._tiles.bundle(index)[:width])
            else:
                expected = b"".join(self._tiles.tile(level, index)[:width])
        except IntegrityError as error:
            self._audit.report(name, f"cannot be checked: {error.subject} {error.problem}")
            return
        if (self._ledger / name).read_bytes() != expected:
            self._audit.report(name, "is not the beginning of the tile that followed it.")


def _end(level: int | str, index: int, width: int) -> int:
    """Return how many entries a tree has when the last hash or entry of this file is made."""
    span = 1 if isinstance(level, str) else 1 << (TILE_LEVELS * level)
    return (index * TILE_WIDTH + width) * span


def _holds(name: str, bundle: bytes, leaves: Sequence[bytes]) -> bool:
    """Return whether `name` is a bundle of the entries that hash to `leaves`."""
    if not name.startswith(f"tile/{ENTRIES}/"):
        return False
    try:
        entries = decode_bundle(bundle, len(leaves), name)
    except IntegrityError:
        return False
    return [hash_leaf(entry) for entry in entries] == list(leaves)


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _difference(name: str, found: bytes, expected: bytes) -> str:
    if name.startswith(f"tile/{ENTRIES}/"):
        return "holds other entries than the log."
    if len(found) != len(expected):
        return f"has {len(found)} bytes instead of {len(expected)}."
    place = next(
        start // HASH_BYTES
        for start in range(0, len(expected), HASH_BYTES)
        if found[start : start + HASH_BYTES] != expected[start : start + HASH_BYTES]
    )
    return f"was changed: hash {place} is not the one that the entries give."
