"""Trees, proofs and their set-based form agree with the recursive definition of RFC 6962."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import duckdb
import pytest
import stranger
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_ranges,
    hash_leaf,
    inclusion_ranges,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from activation.ledger.record_tree import tree_path, tree_root

# The tree of Certificate Transparency's own tests: roots after each of eight inputs.
CT_INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [hash_leaf(str(number).encode()) for number in range(count)]


def subtree_reader(hashes: list[bytes]):
    return lambda level, index: root_of(hashes[index << level : (index + 1) << level])


def test_the_published_roots_are_reproduced() -> None:
    hashes = [hash_leaf(bytes.fromhex(text)) for text in CT_INPUTS]
    assert EMPTY_ROOT.hex() == hashlib.sha256(b"").hexdigest()
    assert [root_of(hashes[:size]).hex() for size in range(1, 9)] == CT_ROOTS


@given(st.integers(0, 600))
def test_the_root_equals_the_recursive_definition(count: int) -> None:
    assert root_of(leaves(count)) == stranger.merkle_tree_hash(leaves(count))


def test_the_frontier_knows_the_root_after_every_leaf() -> None:
    frontier, hashes = Frontier(), leaves(130)
    for size, leaf in enumerate(hashes):
        assert frontier.root() == root_of(hashes[:size])
        frontier.append(leaf)


def test_every_inclusion_proof_of_small_trees_holds_and_equals_the_definition() -> None:
    for size in range(1, 40):
        hashes = leaves(size)
        root = root_of(hashes)
        for index in range(size):
            path = prove_inclusion(index, size, subtree_reader(hashes))
            assert path == stranger.audit_path(index, hashes)
            assert verify_inclusion(hashes[index], index, size, path, root)
            assert stranger.root_from_path(hashes[index], index, size, path) == root


def test_every_consistency_proof_of_small_trees_holds() -> None:
    for new in range(1, 40):
        hashes = leaves(new)
        for old in range(1, new + 1):
            path = prove_consistency(old, new, subtree_reader(hashes))
            old_root, new_root = root_of(hashes[:old]), root_of(hashes)
            assert verify_consistency(old, new, old_root, new_root, path)


@given(st.data())
def test_a_wrong_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    path, root = prove_inclusion(index, size, subtree_reader(hashes)), root_of(hashes)
    place = data.draw(st.integers(0, len(path) - 1))
    changed = [*path]
    changed[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    assert not verify_inclusion(hashes[index], index, size, changed, root)
    assert not verify_inclusion(hashes[index], index, size, path[:-1], root)
    assert not verify_inclusion(hashes[index], index, size, [*path, bytes(32)], root)
    assert not verify_inclusion(hashes[index - 1], index, size, path, root)
    assert not verify_inclusion(hashes[index], index + 1, size, path, root)
    assert not verify_inclusion(hashes[index], -1, size, path, root)


@given(st.data())
def test_a_wrong_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, new - 1))
    hashes = leaves(new)
    path = prove_consistency(old, new, subtree_reader(hashes))
    old_root, new_root = root_of(hashes[:old]), root_of(hashes)
    place = data.draw(st.integers(0, len(path) - 1))
    changed = [*path]
    changed[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    assert not verify_consistency(old, new, old_root, new_root, changed)
    assert not verify_consistency(old, new, old_root, new_root, path[:-1])
    assert not verify_consistency(old, new, old_root, new_root, [*path, bytes(32)])
    assert not verify_consistency(old, new, new_root, new_root, path)
    assert not verify_consistency(old, new, old_root, old_root, path)
    assert not verify_consistency(0, new, old_root, new_root, path)


def test_a_tree_is_consistent_with_itself_only_by_the_same_root() -> None:
    assert verify_consistency(3, 3, bytes(32), bytes(32), [])
    assert not verify_consistency(3, 3, bytes(32), EMPTY_ROOT, [])
    assert not verify_consistency(3, 3, bytes(32), bytes(32), [bytes(32)])


def test_proofs_of_what_is_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="no leaf 5"):
        inclusion_ranges(5, 5)
    with pytest.raises(ValueError, match="no proof"):
        consistency_ranges(0, 5)
    with pytest.raises(ValueError, match="no proof"):
        consistency_ranges(6, 5)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_database_computes_the_same_tree(
    connection: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, 700))
    top = data.draw(st.sampled_from([1, 2, 3, 64, 2048]))
    connection.execute(
        f"""
        create or replace table leaves as
        select number as position, unhex(sha256('\\x00'::blob || encode(number::varchar))) as hash
        from range({count}) as numbers (number)
        order by hash
        """
    )
    hashes = leaves(count)
    assert tree_root(connection, "leaves", top) == stranger.merkle_tree_hash(hashes)
    if count:
        index = data.draw(st.integers(0, count - 1))
        assert tree_path(connection, "leaves", index, top) == stranger.audit_path(index, hashes)
