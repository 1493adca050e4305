"""Random bytes of the log's files are flipped: no other evidence comes of it, and the audit finds each."""

from __future__ import annotations

import random
from pathlib import Path

from ledger.errors import LedgerError
from ledger.proof.log.errors import ProofError
from tests.ledger.proof.book import verify
from tests.ledger.seal.support import policy_bytes, sqlite_ledger
from tests.ledger.seal.test_sealer import many
from tests.support.soak import scaled

FLIPS = scaled(300)


def test_a_flipped_byte_in_the_log_makes_no_evidence_that_is_confirmed_and_different(tmp_path: Path) -> None:
    drawn = random.Random(20110301)
    with sqlite_ledger(tmp_path) as ledger:
        ledger.record([one | {"membership": "m-2"} for one in many(400)])
        ledger.seal()
        honest = ledger.evidence().encoded()
        folder = ledger.folder.root
        files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != ".sealer"]
        assert len(files) >= 6
        refused = 0
        for _ in range(FLIPS):
            path = drawn.choice(files)
            good = path.read_bytes()
            # The last newline of the history is as if a crash had cut it off: the next sealer writes the line anew.
            place = drawn.randrange(len(good) - (path.name == "checkpoints.jsonl"))
            path.write_bytes(good[:place] + bytes([good[place] ^ 1 << drawn.randrange(8)]) + good[place + 1 :])
            assert ledger.audit().verdict != "confirmed", (path, place)
            try:
                evidence = ledger.evidence().encoded()
            except (LedgerError, ProofError):
                refused += 1
            else:
                if verify(evidence, policy_bytes()).verdict == "confirmed":
                    assert evidence == honest, (path, place)
            path.write_bytes(good)
        assert refused > FLIPS // 20
        assert ledger.audit().verdict == "confirmed"
