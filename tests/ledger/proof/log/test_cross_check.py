"""The same questions put to Go's sumdb/note and sumdb/tlog, which are not ours."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from ledger.proof.log import merkle, merkle_tree, tiles
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.note import ED25519, Note, Signature, VerifierKey, open_note
from ledger.proof.log.signer import SignerKey, format_note, sign_note
from ledger.proof.log.tiles import ENTRIES, Tile
from tests.ledger.proof.conftest import Ask
from tests.ledger.proof.log.test_merkle import stored_log
from tests.ledger.proof.log.test_note import LOG, OTHER, TEXT, WITNESS

SIZE = 1100
ENTRY_BYTES = [b'{"i":%d}' % i for i in range(SIZE)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRY_BYTES]
STORED = stored_log(LEAVES)
SMALL = 64
PAIRS = 4000


def read(indexes: Any) -> list[bytes]:
    return [STORED[i] for i in indexes]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(hashes: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in hashes or []]


def log_request() -> dict[str, Any]:
    return {"op": "log", "entries": [b64(entry) for entry in ENTRY_BYTES]}


def pairs(least: int) -> list[tuple[int, int]]:
    """Every pair of small sizes, and thousands of larger ones: (size, index), or (new size, old size)."""
    drawn = random.Random(20100615)
    chosen = [(size, other) for size in range(1, SMALL + 1) for other in range(least, size + least)]
    while len(chosen) < PAIRS:
        size = drawn.randrange(1, SIZE + 1)
        chosen.append((size, drawn.randrange(least, size + least)))
    return chosen


def test_stored_hashes_and_roots_are_those_of_go(go: Ask) -> None:
    sizes = range(1, SIZE + 1)
    log, roots = go([log_request(), {"op": "roots", "pairs": [[size, 0] for size in sizes]}])
    assert unb64(log["hashes"]) == STORED
    assert [unb64(root)[0] for root in roots["proofs"]] == [merkle_tree.root(size, read) for size in sizes]


def test_inclusion_proofs_of_thousands_of_sizes_and_indices_are_byte_equal(go: Ask) -> None:
    chosen = pairs(0)
    answers = go([log_request(), {"op": "inclusion", "pairs": chosen}])
    theirs = answers[1]["proofs"]
    assert len(theirs) == len(chosen) >= PAIRS
    for (size, index), proof in zip(chosen, theirs, strict=True):
        assert unb64(proof) == merkle_tree.inclusion_proof(index, size, read)
        merkle.verify_inclusion(LEAVES[index], index, size, unb64(proof), merkle_tree.root(size, read))


def test_consistency_proofs_of_thousands_of_sizes_are_byte_equal(go: Ask) -> None:
    chosen = pairs(1)
    answers = go([log_request(), {"op": "consistency", "pairs": chosen}])
    theirs = answers[1]["proofs"]
    assert len(theirs) == len(chosen) >= PAIRS
    for (new, old), proof in zip(chosen, theirs, strict=True):
        assert unb64(proof) == merkle_tree.consistency_proof(old, new, read)
        merkle.verify_consistency(old, merkle_tree.root(old, read), new, merkle_tree.root(new, read), unb64(proof))


def test_true_and_forged_proofs_are_judged_alike(go: Ask) -> None:
    drawn = random.Random(4)
    requests, ours = [], []
    for size, other in pairs(1)[::4]:
        index, root, old_root = other - 1, merkle_tree.root(size, read), merkle_tree.root(other, read)
        inclusion = merkle_tree.inclusion_proof(index, size, read)
        consistency = merkle_tree.consistency_proof(other, size, read)
        for proof in (inclusion, consistency):
            match drawn.randrange(5):
                case 1:
                    proof.append(bytes(32))
                case 2:
                    del proof[-1:]
                case 3 if proof:
                    proof[drawn.randrange(len(proof))] = drawn.randbytes(32)
                case 4:
                    proof.reverse()
        requests.append(
            {"op": "check-inclusion", "proof": [*map(b64, inclusion)], "size": size, "index": index,
             "leaf": b64(LEAVES[index]), "root": b64(root)}
        )  # fmt: skip
        ours.append(holds(merkle.verify_inclusion, LEAVES[index], index, size, inclusion, root))
        requests.append(
            {"op": "check-consistency", "proof": [*map(b64, consistency)], "size": size, "old_size": other,
             "root": b64(root), "old_root": b64(old_root)}
        )  # fmt: skip
        ours.append(holds(merkle.verify_consistency, other, old_root, size, root, consistency))
    assert [answer["ok"] for answer in go(requests)] == ours
    assert 400 < sum(ours) < len(ours) - 400


def holds(verify: Any, *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except ProofError:
        return False
    return True


def test_tiles_hold_what_go_puts_into_them(go: Ask) -> None:
    ours = [tile for tile in tiles.tiles_between(0, SIZE) if tile.level != ENTRIES]
    answers = go([log_request(), {"op": "tile-data", "tiles": [list(tile) for tile in ours]}])
    assert unb64(answers[1]["data"]) == [tiles.tile_data(tile, read) for tile in ours]
    assert answers[1]["paths"] == [tile.path for tile in ours]


def test_tile_paths_are_written_and_read_as_go_does(go: Ask) -> None:
    drawn = random.Random(8)
    ours = [Tile(drawn.randrange(-1, 64), drawn.randrange(10 ** drawn.randrange(1, 16)), drawn.randrange(1, 257))
            for _ in range(2000)]  # fmt: skip
    spoilt = [tile.path.replace("0", drawn.choice(["00", "", "x0", "/0"]), 1) for tile in ours]
    written, parsed, refused = go(
        [
            {"op": "tile-paths", "tiles": [list(tile) for tile in ours]},
            {"op": "parse-paths", "paths": [tile.path for tile in ours]},
            {"op": "parse-paths", "paths": spoilt},
        ]
    )
    assert written["paths"] == [tile.path for tile in ours]
    assert parsed["tiles"] == [list(tile) for tile in ours]
    for path, tile in zip(spoilt, refused["tiles"], strict=True):
        if tile[0] == -2:
            with pytest.raises(ProofError):
                tiles.parse_path(path)
        elif tile[0] <= 63:
            assert list(tiles.parse_path(path)) == tile


def test_go_opens_our_signed_checkpoints_and_cosignatures(go: Ask) -> None:
    requests: list[dict[str, Any]] = []
    for size in range(1, 300):
        checkpoint = Checkpoint(LOG.name, size, merkle_tree.root(size, read))
        text = checkpoint.text.encode()
        message = format_note(
            checkpoint.text, [LOG.sign(text), WITNESS.sign(text, 1_700_000_000 + size), OTHER.sign(text)]
        )
        requests.append({"op": "open", "message": b64(message), "vkeys": [str(LOG.verifier), str(WITNESS.verifier)]})
    for request, answer in zip(requests, go(requests), strict=True):
        assert answer["ok"], answer["error"]
        checkpoint = parse_checkpoint(answer["text"])
        assert (answer["size"], base64.b64decode(answer["root"])) == (checkpoint.size, checkpoint.root)
        assert [line.split("+")[0] for line in answer["verified"]] == [LOG.name, WITNESS.name]
        assert [line.split("+")[0] for line in answer["unverified"]] == [OTHER.name]
        note = open_note(base64.b64decode(str(request["message"])), [LOG.verifier, WITNESS.verifier])
        lines = [f"{s.name}+{s.key_id.hex()} {b64(s.key_id + s.signature)}" for _, s in note.verified]
        assert answer["verified"] == lines


def test_go_signs_byte_for_byte_as_we_do(go: Ask) -> None:
    drawn = random.Random(1)
    keys = [SignerKey(f"log{i}.example/é", ED25519, drawn.randbytes(32)) for i in range(50)]
    texts = ["".join(f"line {drawn.random()}\n" for _ in range(drawn.randrange(1, 4))) for _ in keys]
    requests = [
        {"op": "sign", "text": text, "skeys": [key.encoded(), OTHER.encoded()]}
        for key, text in zip(keys, texts, strict=True)
    ]
    for key, text, answer in zip(keys, texts, go(requests), strict=True):
        assert base64.b64decode(answer["message"]) == sign_note(text, key, OTHER)


def open_or_refuse(message: bytes, known: list[VerifierKey]) -> tuple[Note | None, str]:
    try:
        return open_note(message, known), ""
    except ProofError as error:
        return None, str(error)


def test_spoilt_and_repeated_signatures_are_judged_alike(go: Ask) -> None:
    """Wherever Go refuses, so do we; where we refuse more, it is for base64 in a second spelling."""
    drawn = random.Random(2)
    text = TEXT.encode()
    false = Signature(LOG.name, LOG.verifier.key_id, bytes(64))
    cosignature = WITNESS.sign(text, 5)
    lines = [LOG.sign(text), false, OTHER.sign(text), OTHER.sign(text), cosignature, Signature("x", b"abcd", b"1")]
    messages = []
    for _ in range(1500):
        spoilt = bytearray(
            (TEXT + "\n" + "".join(drawn.choice(lines).line for _ in range(drawn.randrange(4)))).encode()
        )
        for _ in range(drawn.randrange(3) if drawn.random() < 0.5 else 0):
            spoilt[drawn.randrange(len(spoilt))] = drawn.choice(b"\n =A+\x1f\xff\xe2" + bytes(range(32, 127)))
        messages.append(bytes(spoilt))
    known = [LOG.verifier, WITNESS.verifier]
    answers = go([{"op": "open", "message": b64(m), "vkeys": [str(key) for key in known]} for m in messages])
    accepted = 0
    for message, answer in zip(messages, answers, strict=True):
        note, refusal = open_or_refuse(message, known)
        if note is None:
            assert not answer["ok"] or "canonical base64" in refusal, message
            continue
        accepted += 1
        assert answer["ok"], (message, answer["error"])
        assert answer["text"] == note.text
        for theirs, ours in (
            (answer.get("verified", []), [signature for _, signature in note.verified]),
            (answer.get("unverified", []), note.unverified),
        ):
            assert theirs == [f"{s.name}+{s.key_id.hex()} {b64(s.key_id + s.signature)}" for s in ours]
    assert accepted > 200
