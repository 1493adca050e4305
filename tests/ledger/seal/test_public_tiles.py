"""What is public tells nothing: hash tiles, checkpoints and the siblings of a map proof, read by who knows all but the salts.

The attacker knows every event of the book to the byte, but for its salt: of the decision on `m-1` it has the evidence, with
the salts of that stream and of the editions. Whatever it hashes, it finds nothing of `m-2`, nor how long that stream is.
With the salts it would find all: so the candidates are the right ones.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest

from ledger.proof.log.event import salt_of
from ledger.proof.log.heads import HeadsEntry
from ledger.proof.log.map import EMPTY, Head, blinded, map_leaf, map_node, stream_key
from ledger.proof.log.merkle import HASH_SIZE, leaf_hash
from ledger.proof.log.tiles import WIDTH, Tile, parse_path, tiles_between
from ledger.store.base import Row
from tests.console.support import response
from tests.ledger.seal.logs import TOKEN, ask, served
from tests.ledger.seal.support import Ledger, sqlite_ledger

OWN = "membership-m-1"
OTHER = "membership-m-2"
SEQS = range(1, 41)
SALT = re.compile(rb'"salt":"[^"]*"')


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A book of two memberships and the editions, sealed three times; nobody may change it."""
    with sqlite_ledger(tmp_path_factory.mktemp("public")) as made:
        made.seal()
        for n in (1, 2):
            made.record([response(80 + n, "Lindomar", f"2010-05-0{n}T10:00:00Z", "m-2")])
            made.seal()
        yield made


def rows(ledger: Ledger) -> list[Row]:
    return ledger.store.read_feed(0, 1000)


def salts_of_evidence(ledger: Ledger) -> list[bytes]:
    """The salts that the evidence for `m-1` holds."""
    return [salt_of(one.entry) for stream in ledger.evidence().streams.values() for one in stream.events]


def guesses(ledger: Ledger) -> list[bytes]:
    """Salts that the attacker can think of: none, simple ones, those that it has, and what can be made of them."""
    known = salts_of_evidence(ledger)
    made = [sha256(one).digest()[:16] for one in known]
    counted = [n.to_bytes(16, order) for n, order in product(range(200), ("big", "little"))]
    near = [bytes([*one[:-1], one[-1] ^ bit]) for one, bit in product(known, (1, 2, 128))]
    return [b"", *counted, b"\xff" * 16, *known, *made, *near]


def public_hashes(ledger: Ledger) -> set[bytes]:
    """Every hash in a tile that the server gives to anybody."""
    size = ledger_size(ledger)
    tiles = [tile for tile in tiles_between(0, size) if tile.level >= 0]
    data = [ledger.folder.read_tile(tile) for tile in tiles]
    return {one[i : i + HASH_SIZE] for one in data for i in range(0, len(one), HASH_SIZE)}


def ledger_size(ledger: Ledger) -> int:
    signed = ledger.folder.checkpoint() or b""
    return int(signed.splitlines()[1])


def salted(stored: bytes, salt: bytes) -> bytes:
    return SALT.sub(b'"salt":"' + b64encode(salt) + b'"', stored, count=1)


def test_no_event_is_guessed_from_the_hash_tiles(ledger: Ledger) -> None:
    public, guessed = public_hashes(ledger), guesses(ledger)
    others = [row.stored for row in rows(ledger) if row.stream == OTHER]
    assert len(others) > 20
    bare = {leaf_hash(SALT.sub(b"", stored, count=1)) for stored in others}
    candidates = {leaf_hash(salted(stored, salt)) for stored, salt in product(others, guessed)}
    assert len(candidates) > 10_000
    assert public.isdisjoint(candidates | bare)
    assert public > {leaf_hash(stored) for stored in others}  # with the salts the same candidates are found


def test_equal_facts_have_hashes_that_have_nothing_in_common(ledger: Ledger) -> None:
    """Nor is it seen that two memberships reported the same."""
    leaves = [leaf_hash(row.stored) for row in rows(ledger)]
    assert len({salt_of(row.stored) for row in rows(ledger)}) == len(set(leaves)) == len(leaves)


def test_no_heads_entry_is_guessed_so_who_has_no_evidence_does_not_learn_how_many_streams_there_are(
    ledger: Ledger,
) -> None:
    public, size = public_hashes(ledger), ledger_size(ledger)
    own = [Head(blinded(salt), seq, leaf) for salt, seq, leaf in product(guesses(ledger)[:5], SEQS, list(public)[:20])]
    maps = [EMPTY, *public, *(map_leaf(stream_key(OWN), head.inner) for head in own)]
    candidates = {
        leaf_hash(HeadsEntry(one, streams, through).encoded)
        for one, streams, through in product(maps[:300], range(1, 6), range(size - 6, size))
    }
    assert public.isdisjoint(candidates)
    assert leaf_hash(ledger.evidence().heads.entry) in public


def neighbours(ledger: Ledger, blinds: Iterable[bytes], seqs: Iterable[int], leaves: Iterable[bytes]) -> set[bytes]:
    """What stands in the map for other streams, by every name that can be guessed; and the nodes over two of them."""
    names = {row.stream for row in rows(ledger)} - {OWN} | {f"membership-m-{n}" for n in range(10)}
    inners = [Head(blind, seq, leaf).inner for blind, seq, leaf in product(blinds, seqs, leaves)]
    made = {name: [map_leaf(stream_key(name), inner) for inner in inners] for name in sorted(names)}
    nodes = {
        map_node(left, right)
        for one, other in product(made, repeat=2)
        if one != other
        for left, right in zip(made[one], made[other], strict=True)
    }
    return {leaf for leaves_of in made.values() for leaf in leaves_of} | nodes


def test_no_stream_and_no_length_is_guessed_from_the_siblings_in_a_map_proof(ledger: Ledger) -> None:
    siblings = {one for stream in ledger.evidence().streams.values() for one in stream.siblings} - {EMPTY}
    assert siblings
    leaves = [leaf_hash(row.stored) for row in rows(ledger) if row.stream == OTHER][-3:]  # public, in tiles of level 0
    known = salts_of_evidence(ledger)
    blinds = [b"", EMPTY, blinded(b""), blinded(bytes(16)), *map(blinded, known)]
    assert siblings.isdisjoint(neighbours(ledger, blinds, SEQS, leaves))
    # with the salts of the last events the same candidates are found
    last = {row.stream: row for row in rows(ledger)}
    truth = {
        name: map_leaf(stream_key(name), Head(blinded(salt_of(row.stored)), row.seq, leaf_hash(row.stored)).inner)
        for name, row in last.items()
    }
    pairs = {map_node(truth[one], truth[other]) for one, other in product(truth, repeat=2)}
    assert siblings & ({*truth.values()} | pairs)


def test_a_server_without_a_token_hands_out_no_entry_and_no_word_of_one(ledger: Ledger) -> None:
    """Everything that it serves, and everything that the folder holds asked for by its own path."""
    words = {OTHER.encode(), OWN.encode(), b"Lindomar", b"salt", b"recorded_at", b'"streams"', b'"through"'}
    words |= {b64encode(salt_of(row.stored)) for row in rows(ledger)}
    root = ledger.folder.root
    paths = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    paths += [tile.path for tile in tiles_between(0, ledger_size(ledger))]
    paths += [Tile(-1, 0, width).path for width in range(1, WIDTH)]
    with served(root, TOKEN) as with_tokens, served(root) as without:
        for url, path, headers in product(
            (with_tokens, without), paths, ({}, {"Authorization": "Bearer x"}, {"Range": "bytes=0-"})
        ):
            answer = ask(url, f"/{path}", **headers)
            assert not [word for word in words if word in answer.body], path
            assert (answer.status in (200, 206)) == is_public(path), path


def is_public(path: str) -> bool:
    return path in ("checkpoint", "checkpoints.jsonl") or (path.startswith("tile/") and parse_path(path).level >= 0)


def test_the_folder_of_the_log_holds_what_the_server_keeps_to_itself(ledger: Ledger) -> None:
    """Else the test before would prove little."""
    root: Path = ledger.folder.root
    assert (root / ".sealer/state").is_file()
    assert any(b"Lindomar" in path.read_bytes() for path in (root / "tile/entries").rglob("*") if path.is_file())
