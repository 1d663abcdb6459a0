"""Merkle trees as RFC 6962 defines them: hashes, roots, and both kinds of proof.

A proof is first a list of ranges of leaves, then the hashes of these ranges from any source of
complete subtrees: tiles on disk or tables in a database. Source: RFC 9162, section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

# Returns the hash of the complete subtree over the leaves [index * 2**level, (index+1) * 2**level).
SubtreeReader = Callable[[int, int], bytes]
Range = tuple[int, int]


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf with the content `data`."""
    return hashlib.sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above `left` and `right`."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over `hashes`: pairs level by level, an odd last one is promoted."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        above = [hash_node(*level[index : index + 2]) for index in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


class Frontier:
    """The complete subtrees of a growing tree: enough to know its root after every leaf."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        carried, size = leaf, self.size
        while size & 1:
            carried = hash_node(self._peaks.pop(), carried)
            size >>= 1
        self._peaks.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return fold(self._peaks)


def fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees of falling size, given from left to right."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = hash_node(peak, root)
    return root


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return `(level, index)` of the largest complete subtrees over the leaves [start, end).

    `start` must be a multiple of the smallest power of two that is not below `end - start`, as in
    every range of a proof.
    """
    subtrees = []
    while start < end:
        level = (end - start).bit_length() - 1
        subtrees.append((level, start >> level))
        start += 1 << level
    return subtrees


def range_hash(bounds: Range, subtree: SubtreeReader) -> bytes:
    """Return the hash of the tree over the leaves [start, end)."""
    return fold([subtree(level, index) for level, index in complete_subtrees(*bounds)])


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove leaf `index` in a tree of `size`, leaf's sibling first.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        msg = f"a tree of {size} has no leaf {index}"
        raise ValueError(msg)
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    """Return the ranges whose hashes prove that the tree of `old_size` grew into `new_size`.

    Raises:
        ValueError: Not `0 < old_size <= new_size`.
    """
    if not 0 < old_size <= new_size:
        msg = f"no proof from size {old_size} to {new_size}"
        raise ValueError(msg)
    path: list[Range] = []
    start, end, is_old_tree = 0, new_size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, is_old_tree = middle, False
    if not is_old_tree:
        path.append((start, end))
    return path[::-1]


def prove_inclusion(index: int, size: int, subtree: SubtreeReader) -> list[bytes]:
    """Return the hashes that prove leaf `index` in the tree of `size`."""
    return [range_hash(bounds, subtree) for bounds in inclusion_ranges(index, size)]


def prove_consistency(old_size: int, new_size: int, subtree: SubtreeReader) -> list[bytes]:
    """Return the hashes that prove that the tree of `old_size` is the beginning of `new_size`."""
    return [range_hash(bounds, subtree) for bounds in consistency_ranges(old_size, new_size)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Return whether `path` proves the leaf hash at `index` under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = hash_node(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = hash_node(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Return whether `path` proves that the old tree is the beginning of the new (2.1.4.2)."""
    if old_size == new_size:
        return not path and old_root == new_root
    if not 0 < old_size < new_size or not path:
        return False
    hashes = list(path)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
