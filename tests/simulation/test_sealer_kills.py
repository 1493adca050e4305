"""A seeded run in which sealers are killed at random moments, while the book grows and a witness looks on.

The book grows by both programmes; its end is audited with the rules of both.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.note import parse_note
from ledger.proof.log.policy import open_checkpoint
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.sealer import open_sealer
from ledger.seal.signing import FileMemory, KeySigner
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import fact
from tests.ledger.seal.support import LOG_KEY, Beside, Clocked, Ledger, a_witness, policy, sample_facts, witnessed
from tests.ledger.seal.test_sealer import require_sound
from tests.simulation.lives import Life, a_moment, live_until_killed
from tests.support.designations import AREAS, NOW_US, designation_facts, scorebooks
from tests.support.soak import SOAK

KILLS = 1_000 if SOAK else 60
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20110301"))


def growth(first: int) -> Iterator[Fact]:
    """Consents of a survey without end, each followed by a fact about designations for as long as there are some."""
    designations = designation_facts(random.Random(first), [f"p-{first}"], editions=False)
    editions = [fact for area in AREAS for fact in scorebooks(area)]  # the same for every life: duplicates but for one
    others = iter([*editions, *designations])
    at = "2010-09-01T00:00:00Z"
    for number in count(first):
        yield fact_from_object(
            fact("record-consent", f"c-{number}", at, subject=f"s-{number}", customer_org="Brontegard")
        )
        if (other := next(others, None)) is not None:
            yield fact_from_object(other)


def sealing(folder: Path, first: int, facts: int, limit: int) -> Life:
    """Records some facts and seals in small rounds, again and again."""

    def life(acknowledge: int) -> None:
        store = SQLiteStore(folder / "book.db")
        writer = Writer(store, lambda: NOW_US, PROGRAMMES, rehearsal=True)
        witness = a_witness(folder / "witness")
        new = growth(first)
        while True:
            writer.record(list(islice(new, facts)))
            signer = KeySigner(LOG_KEY, FileMemory(folder / "log.signed"))
            with open_sealer(store, LogFolder(folder / "log"), [signer], Beside(witness)) as sealer:
                for _ in range(3):
                    sealed = sealer.seal(limit)
                    os.write(acknowledge, f"{sealed.size} {sealed.root.hex()};\n".encode())

    return life


def test_whatever_is_killed_a_published_checkpoint_has_its_tiles_and_the_log_never_forks(tmp_path: Path) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={SEED}")
    seeded = random.Random(SEED)
    ledger = Ledger(SQLiteStore(tmp_path / "book.db"), tmp_path / "log")
    ledger.record(sample_facts())
    clocked = Clocked(ledger.store)
    clocked.now_us = NOW_US
    clocked.record(list(islice(growth(0), 250)))  # whatever the lives get to, the book holds both
    ledger.store.close()
    (tmp_path / "log.signed").touch()
    roots: dict[int, str] = {}
    kills = lives = published = 0
    while kills < KILLS:
        lives += 1
        life = sealing(tmp_path, lives * 1_000_000, seeded.choice((1, 40, 300)), seeded.choice((3, 100, 1_000)))
        killed, acknowledged = live_until_killed(life, 0.04 + 3 * a_moment(seeded))
        kills += killed
        for line in acknowledged:
            size, root = line.split()
            assert roots.setdefault(int(size), root) == root, f"two roots at size {size}"
        signed = ledger.folder.checkpoint()
        if signed is None:
            continue
        published += 1
        checkpoint = open_checkpoint(signed, policy(**witnessed())).checkpoint
        assert checkpoint.size >= max(roots, default=0), "an acknowledged checkpoint was lost"
        assert Growth.restore(checkpoint.size, ledger.folder.read_tile).root() == checkpoint.root
    assert published > KILLS // 2
    ledger.store = SQLiteStore(tmp_path / "book.db")
    witness = a_witness(tmp_path / "witness")
    ledger.seal(cosigner=Beside(witness))
    final = require_sound(ledger)
    last = witness.last()
    assert last is not None
    assert (last.size, last.root) == (final.size, final.root)
    report = ledger.audit(**witnessed())
    assert report.verdict == "confirmed", report.findings[:5]
    types = Counter(row.type for row in ledger.store.read_feed(0, 10_000_000))
    assert types["ConsentGiven"] > 10
    assert types["DesignationChanged"] > 10
    assert report.announcements == types["DesignationChanged"] + types["EligibilityChanged"]
    assert report.decisions == types["DesignationDecided"] + types["RenewalDecided"]
    assert [parse_checkpoint(parse_note(one)[0]).size for one in ledger.folder.history()][-1] == final.size
    ledger.store.close()
    print(
        f"{kills} kills of {lives} sealers; {len(roots)} checkpoints acknowledged; {final.size} entries, {dict(types)}"
    )
