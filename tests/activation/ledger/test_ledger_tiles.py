"""Names, widths and bytes of tiles and bundles are the standard's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_site import Site

from activation.ledger.edge import Edge
from activation.ledger.merkle import hash_leaf, root_of
from activation.ledger.tiles import (
    ENTRIES,
    TileFolder,
    decode_bundle,
    decode_tile,
    edge_tiles,
    encode_bundle,
    parse_tile_name,
    tile_name,
)
from tellerline.errors import IntegrityError


def test_the_example_index_of_the_standard() -> None:
    assert tile_name(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_name(ENTRIES, 1_234_067, 8) == "tile/entries/x001/x234/067.p/8"


@pytest.mark.parametrize(
    ("index", "path"), [(0, "000"), (999, "999"), (1000, "x001/000"), (999_999, "x999/999")]
)
def test_indexes_are_written_in_groups_of_three(index: int, path: str) -> None:
    assert tile_name(2, index) == f"tile/2/{path}"


def test_the_example_tree_of_the_standard() -> None:
    assert edge_tiles(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert edge_tiles(256) == [(1, 0, 1)]
    assert edge_tiles(0) == []


@given(st.integers(0, 63) | st.just(ENTRIES), st.integers(0, 10**12), st.integers(1, 256))
def test_a_name_tells_its_tile(level: int | str, index: int, width: int) -> None:
    assert parse_tile_name(tile_name(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "name",
    [
        "tile/00/000", "tile/64/000", "tile/0/0", "tile/0/x000/000", "tile/0/000.p/0",
        "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/001/000", "tile/data/000",
        "tile/0/000.p/999",
    ],
)  # fmt: skip
def test_a_name_that_the_standard_does_not_know_is_none(name: str) -> None:
    assert parse_tile_name(name) is None


@given(st.lists(st.binary(max_size=70), max_size=256))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries), "bundle") == entries


@given(st.binary(max_size=100), st.integers(0, 10))
def test_a_foreign_bundle_is_refused_or_whole(data: bytes, width: int) -> None:
    try:
        entries = decode_bundle(data, width, "bundle")
    except IntegrityError:
        return
    assert len(entries) == width
    assert encode_bundle(entries) == data


def test_an_entry_beyond_the_length_prefix_is_refused() -> None:
    assert len(encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(IntegrityError, match="65536 bytes"):
        encode_bundle([bytes(65_536)])


def test_a_tile_of_another_length_is_refused() -> None:
    with pytest.raises(IntegrityError, match="2 hashes"):
        decode_tile(bytes(63), 2, "tile")


@given(st.lists(st.integers(0, 300), max_size=6))
def test_an_edge_grown_in_steps_makes_the_files_of_one_grown_at_once(steps: list[int]) -> None:
    grown, files = Edge(), {}
    for step in steps:
        start = grown.size
        files.update(grown.extend(str(n).encode() for n in range(start, start + step)))
    at_once = Edge()
    expected = dict(at_once.extend(str(n).encode() for n in range(grown.size)))
    assert grown.root() == at_once.root()
    assert grown.root() == root_of([hash_leaf(str(n).encode()) for n in range(grown.size)])
    assert {name: files[name] for name in expected} == expected


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_an_edge_read_back_grows_on(tmp_path_factory: pytest.TempPathFactory, steps) -> None:
    folder = tmp_path_factory.mktemp("log")
    size = 0
    for step in steps:
        edge = Edge.read(TileFolder(folder, size), size)
        write(folder, edge.extend(str(n).encode() for n in range(size, size + step)))
        size += step
    edge = Edge.read(TileFolder(folder, size), size)
    assert edge.root() == root_of([hash_leaf(str(n).encode()) for n in range(size)])


def write(folder: Path, files) -> None:
    for name, data in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_partial_tile_may_be_read_from_its_full_form(site: Site) -> None:
    site.grow(300)
    hashes = TileFolder(site.ledger, 100).tile(0, 0)
    assert hashes == TileFolder(site.ledger, 300).tile(0, 0)[:100]
    assert len(TileFolder(site.ledger, 100).bundle(0)) == 100
