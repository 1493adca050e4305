"""A seeded run in which a sealer and its checking witness are killed together at random moments, while the book grows.

Afterwards the witness remembers the log's last checkpoint, and what its monitor has gathered over all these lives is what one
pass over the log says.
"""

from __future__ import annotations

import os
import random
from itertools import islice
from pathlib import Path

from ledger.programmes.registry import PROGRAMMES
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.seal.signing import FileMemory, KeySigner
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.ledger.monitor.support import a_checking_witness, watch
from tests.ledger.seal.support import LOG_KEY, Beside, Clocked, Ledger, sample_facts, witnessed
from tests.simulation.lives import Life, a_moment, live_until_killed
from tests.simulation.test_sealer_kills import growth
from tests.support.designations import NOW_US
from tests.support.soak import SOAK

KILLS = 500 if SOAK else 30
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20110301"))


def witnessing(folder: Path, first: int, facts: int, limit: int) -> Life:
    """Records some facts, seals in small rounds, and has each checkpoint cosigned, again and again."""

    def life(acknowledge: int) -> None:
        store = SQLiteStore(folder / "book.db")
        writer = Writer(store, lambda: NOW_US, PROGRAMMES, rehearsal=True)
        log = LogFolder(folder / "log")
        new = growth(first)
        with a_checking_witness(log, folder / "witness") as witness:
            while True:
                writer.record(list(islice(new, facts)))
                signer = KeySigner(LOG_KEY, FileMemory(folder / "log.signed"))
                with open_sealer(store, log, [signer], Beside(witness)) as sealer:
                    for _ in range(3):
                        sealed = sealer.seal(limit)
                        os.write(acknowledge, f"{sealed.size};\n".encode())

    return life


def test_a_checking_witness_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={SEED}")
    seeded = random.Random(SEED)
    ledger = Ledger(SQLiteStore(tmp_path / "book.db"), tmp_path / "log")
    ledger.record(sample_facts())
    clocked = Clocked(ledger.store)
    clocked.now_us = NOW_US
    clocked.record(list(islice(growth(0), 250)))
    ledger.store.close()
    (tmp_path / "log.signed").touch()
    kills = lives = cosigned = 0
    while kills < KILLS:
        lives += 1
        life = witnessing(tmp_path, lives * 1_000_000, seeded.choice((1, 40, 300)), seeded.choice((3, 100, 1_000)))
        killed, acknowledged = live_until_killed(life, 0.2 + 5 * a_moment(seeded))
        kills += killed
        cosigned = max([cosigned, *(int(line) for line in acknowledged)])
    ledger.store = SQLiteStore(tmp_path / "book.db")
    with a_checking_witness(ledger.folder, tmp_path / "witness") as witness:
        final = ledger.seal(cosigner=Beside(witness))
        last = witness.last()
        assert last is not None
        assert (last.size, last.root) == (final.size, final.root)
        assert final.size >= cosigned > 0
        assert final.size > 300
    ledger.store.close()
    gathered = watch(ledger.folder, tmp_path / "witness" / "monitored", **witnessed())
    at_once = watch(ledger.folder, tmp_path / "at-once", **witnessed())
    assert (gathered.verdict, gathered.findings) == ("confirmed", ())
    assert gathered == at_once
