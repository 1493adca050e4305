"""What the sealer wrote, read and judged by Go's sumdb packages: files, checkpoints, inclusion, consistency."""

from __future__ import annotations

import base64
from pathlib import Path

from ledger.proof.log.bundle import parse_bundle
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.merkle_tree import inclusion_proof
from ledger.proof.log.note import parse_note
from ledger.proof.log.tiles import ENTRIES, hash_reader, parse_path, tiles_between
from ledger.seal.evidence import prove_consistency
from ledger.seal.sealer import open_sealer
from tests.ledger.proof.conftest import Ask
from tests.ledger.proof.log.test_cross_check import b64, unb64
from tests.ledger.seal.support import (
    LOG_KEY,
    WITNESS_KEY,
    Beside,
    Ledger,
    a_witness,
    policy,
    sqlite_ledger,
    witnessed,
)
from tests.ledger.seal.test_sealer import many
from tests.support.signing import Unbound


def sealed_often(ledger: Ledger, folder: Path) -> list[Checkpoint]:
    """A log of some thousand entries, with a checkpoint after every 97 events, each cosigned."""
    ledger.record(many(1500))
    with open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)], Beside(a_witness(folder / "witness"))) as sealer:
        while sealer.seal(97).sealed:
            pass
    return [parse_checkpoint(parse_note(signed)[0]) for signed in ledger.folder.history()]


def test_go_reads_the_sealed_log(go: Ask, tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        checkpoints = sealed_often(ledger, tmp_path)
        size = checkpoints[-1].size
        entries = list(ledger.folder.read_entries(0, size))
        log = {"op": "log", "entries": [b64(entry) for entry in entries]}
        hash_tiles = [tile for tile in tiles_between(0, size) if tile.level != ENTRIES]
        keys = [str(LOG_KEY.verifier), str(WITNESS_KEY.verifier)]
        _, tiles, roots, *opened = go(
            [
                log,
                {"op": "tile-data", "tiles": [list(tile) for tile in hash_tiles]},
                {"op": "roots", "pairs": [[checkpoint.size, 0] for checkpoint in checkpoints]},
                *({"op": "open", "message": b64(signed), "vkeys": keys} for signed in ledger.folder.history()),
            ]
        )
        for path, data in zip(tiles["paths"], unb64(tiles["data"]), strict=True):
            assert (ledger.folder.root / path).read_bytes() == data, path
        assert [unb64(root)[0] for root in roots["proofs"]] == [checkpoint.root for checkpoint in checkpoints]
        assert len(checkpoints) > 10
        for answer, checkpoint in zip(opened, checkpoints, strict=True):
            assert (answer["size"], base64.b64decode(answer["root"])) == (checkpoint.size, checkpoint.root)
            assert len(answer["verified"]) == 2
        written = [path.relative_to(ledger.folder.root).as_posix() for path in (ledger.folder.root / "tile").rglob("*")]
        assert {parse_path(path) for path in written if (ledger.folder.root / path).is_file()} >= {
            *tiles_between(0, size)
        }


def test_go_judges_evidence_and_consistency(go: Ask, tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        checkpoints = sealed_often(ledger, tmp_path)
        bundle = parse_bundle(ledger.evidence().encoded())
        last = checkpoints[-1]
        history = ledger.folder.history()
        read = hash_reader(last.size, ledger.folder.read_tile)
        requests = [
            {"op": "check-inclusion", "proof": [*map(b64, inclusion_proof(event.index, last.size, read))], "size": last.size,
             "index": event.index,
             "leaf": b64(leaf_hash(event.entry)), "root": b64(last.root)}
            for event in (*bundle.events, *bundle.editions, bundle.heads)
        ]  # fmt: skip
        for old, checkpoint in zip(history, checkpoints, strict=True):
            proved = prove_consistency(old, history[-1], ledger.folder, policy(**witnessed()))
            requests.append(
                {"op": "check-consistency", "proof": [*map(b64, proved.proof)], "size": last.size,
                 "old_size": checkpoint.size, "root": b64(last.root), "old_root": b64(checkpoint.root)}
            )  # fmt: skip
        answers = go(requests)
        assert [answer["ok"] for answer in answers] == [True] * len(requests)
