"""Removes what the standard lets go: partial tiles whose full tile exists, and torn writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from activation.ledger.tiles import ENTRIES, TILE_WIDTH, edge_tiles, tile_name
from tellerline.durable import sync_folder


def sweep_partial_tiles(ledger: Path, old_size: int, new_size: int) -> None:
    """Delete the partial tiles at the edge of the old tree that are full in the new one.

    Args:
        ledger: The folder of the log.
        old_size: Entries at the checkpoint before.
        new_size: Entries at the newest checkpoint.
    """
    edge: list[tuple[int | str, int, int]] = list(edge_tiles(old_size))
    if old_size % TILE_WIDTH:
        edge.append((ENTRIES, old_size // TILE_WIDTH, old_size % TILE_WIDTH))
    for level, index, width in edge:
        span = TILE_WIDTH ** (1 if isinstance(level, str) else level + 1)
        if (index + 1) * span <= new_size:
            _remove_folder((ledger / tile_name(level, index, width)).parent)


def sweep_temporary_files(folders: Iterable[Path]) -> None:
    """Delete the temporary files that a killed process left in `folders`."""
    for folder in folders:
        for path in folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def _remove_folder(folder: Path) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        path.unlink()
    # Durably, because nobody looks at this place again.
    sync_folder(folder)
    folder.rmdir()
    sync_folder(folder.parent)
