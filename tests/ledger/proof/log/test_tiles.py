"""Tile paths, tile bytes and entry bundles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import merkle, merkle_tree, tiles
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.tiles import ENTRIES, Tile
from tests.ledger.proof.log.test_merkle import stored_log

SIZE = 70_000


def level_hashes(leaves: list[bytes]) -> dict[int, list[bytes]]:
    """The hashes in the tiles of each level, by halving eight times."""
    levels, level = {}, 0
    while leaves:
        levels[level] = leaves
        for _ in range(8):
            leaves = [merkle.node_hash(leaves[i], leaves[i + 1]) for i in range(0, len(leaves) - 1, 2)]
        level += 1
    return levels


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(ENTRIES, 999, 7), "tile/entries/999.p/7"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
    ],
)
def test_paths_are_written_and_read_as_specified(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_every_tile_has_one_path(level: int, n: int, width: int) -> None:
    tile = Tile(level, n, width)
    assert tiles.parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/x01/001",
        "tile/0/001/001", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/data/000", "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/800", "tile/0/000.p/01", "tile/0/000.p", "tile/0/000/",
        "/tile/0/000", "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660", "tile/8/0/000", "tile/0/x000", "../tile/0/000",
    ],
)  # fmt: skip
def test_other_spellings_of_paths_are_refused(path: str) -> None:
    with pytest.raises(MalformedError, match="tile path"):
        tiles.parse_path(path)


@given(st.text(alphabet="tileentries/0123456789x.p", max_size=40))
def test_reading_a_path_never_crashes(path: str) -> None:
    try:
        tile = tiles.parse_path(path)
    except MalformedError:
        return
    assert tile.path == path


def test_a_log_of_70000_entries_has_the_files_of_the_specification() -> None:
    paths = [tile.path for tile in tiles.tiles_between(0, SIZE)]
    hashes = [path for path in paths if "entries" not in path]
    assert len(paths) == 274 + 274 + 2 + 1
    assert hashes[-5:] == ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert list(tiles.tiles_between(0, 256)) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.tiles_between(0, 0)) == []


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_growing_in_two_steps_leaves_every_file_of_the_whole(first: int, more: int) -> None:
    whole = set(tiles.tiles_between(0, first + more))
    stepwise = set(tiles.tiles_between(0, first)) | set(tiles.tiles_between(first, first + more))
    assert whole <= stepwise
    assert all(tile.width < 256 for tile in stepwise - whole)


def test_tiles_hold_the_hashes_of_complete_subtrees_and_give_back_every_stored_hash() -> None:
    size = 256 * 256 + 777
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(size)]
    stored = stored_log(leaves)
    files = {}
    for tile in tiles.tiles_between(0, size):
        if tile.level != ENTRIES:
            files[tile] = tiles.tile_data(tile, lambda indexes: [stored[i] for i in indexes])
    levels = level_hashes(leaves)
    for tile, data in files.items():
        assert tiles.tile_hashes(data) == levels[tile.level][tile.n * 256 : tile.n * 256 + tile.width], tile.path
    read = tiles.hash_reader(size, files.__getitem__)
    assert read(range(len(stored))) == stored
    assert merkle_tree.root(size, read) == merkle_tree.root_of_leaves(leaves)


def test_a_full_tile_may_stand_in_for_a_partial_one() -> None:
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(256)]
    read = tiles.hash_reader(100, lambda _: b"".join(leaves))
    assert merkle_tree.root(100, read) == merkle_tree.root_of_leaves(leaves[:100])


def test_a_tile_of_another_length_is_refused() -> None:
    read = tiles.hash_reader(100, lambda _: bytes(32 * 99))
    with pytest.raises(MalformedError, match=r"tile tile/0/000.p/100: found 3168 bytes, expected 3200"):
        merkle_tree.root(100, read)


def test_a_hash_outside_of_the_log_is_refused() -> None:
    read = tiles.hash_reader(100, lambda tile: bytes(32 * tile.width))
    for index in (merkle_tree.stored_index(0, 100), merkle_tree.stored_index(3, 12), merkle_tree.stored_index(8, 0)):
        with pytest.raises(MalformedError, match="stored hash"):
            read([index])


def test_entries_are_stored_after_their_length() -> None:
    assert tiles.encode_entries([b"", b"abc"]) == b"\x00\x00\x00\x03abc"
    with pytest.raises(MalformedError, match="65536 bytes"):
        tiles.encode_entries([bytes(65_536)])
    with pytest.raises(MalformedError, match="257 entries"):
        tiles.encode_entries([b""] * 257)
    with pytest.raises(MalformedError, match="more entries"):
        tiles.decode_entries(bytes(2 * 257))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entry_bundles_are_read_as_written_and_no_shorter(entries: list[bytes]) -> None:
    data = tiles.encode_entries(entries)
    assert tiles.decode_entries(data) == entries
    if data:
        try:
            assert tiles.decode_entries(data[:-1]) == entries[:-1]
            assert entries[-1] == b""  # pragma: no cover
        except MalformedError:
            pass


@given(st.binary(max_size=2000))
def test_reading_an_entry_bundle_never_crashes(data: bytes) -> None:
    try:
        entries = tiles.decode_entries(data)
    except MalformedError:
        return
    assert tiles.encode_entries(entries) == data
