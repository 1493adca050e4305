"""What takes minutes: a log of a million streams, and witness and monitor that follow a ledger as fast as it records.

    python -m tests.benchmarks.at_scale heads [STREAMS]       seconds of a seal of 1, 100 and 100,000 events among these
    python -m tests.benchmarks.at_scale keeping-up [FACTS]    one process records and seals once a second; another is a checking
                                                              witness, without which nothing is published; then a monitor

`keeping-up` prints how long the follower needed after the last fact was sealed, and the most entries that it was behind.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.errors import QuorumMissing
from ledger.monitor.monitor import Monitor
from ledger.monitor.witness import CheckingWitness
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.note import COSIGNATURE_V1
from ledger.proof.log.policy import Policy, parse_policy
from ledger.proof.log.signer import SignerKey
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import Sealer, open_sealer
from ledger.seal.signing import KeySigner
from ledger.seal.witness_http import Witnesses, WitnessServer
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.benchmarks.proof import BATCH, KEY, NOW_US, POLICY
from tests.support.signing import Remembered

WITNESS = SignerKey("bench.example/w1/checking", COSIGNATURE_V1, b"w" * 32)
SEALS = (1, 100, 100_000)
TIMES = 5
EVERY_S = 1.0
PATIENCE_S = 3_600.0


def heads(folder: Path, streams: int) -> Iterator[tuple[str, float]]:
    """Seconds of one seal of so many events among so many streams, the median of some, and what the map takes of it."""
    store = SQLiteStore(folder / "book.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    at = "2010-01-01T00:00:00Z"
    enrolled = (
        {
            "type": "enrol-membership",
            "id": f"e-{n}",
            "membership": f"m-{n}",
            "occurred_at": at,
            "name": "P",
            "level": "gold",
        }
        for n in range(streams)
    )
    record(writer, enrolled)
    seeded, number = random.Random(1), 0
    with open_sealer(store, LogFolder(folder / "log"), [KeySigner(KEY, Remembered())]) as sealer:
        before_s = time.perf_counter()
        sealed = sealer.seal()
        yield "first seal, events/s", sealed.sealed / (time.perf_counter() - before_s)
        for size in SEALS:
            seconds = []
            for _ in range(TIMES if size < SEALS[-1] else 1):
                chosen = seeded.sample(range(streams), min(size, streams))
                record(writer, (consent(n, number + place) for place, n in enumerate(chosen)))
                number += size
                before_s = time.perf_counter()
                sealer.seal()
                seconds.append(time.perf_counter() - before_s)
            yield f"seal of {size:,} events, s", sorted(seconds)[len(seconds) // 2]
    writer.close()
    store.close()


def consent(membership: int, number: int) -> dict[str, Any]:
    """A fact of one event."""
    return {"type": "record-consent", "id": f"c-{number}", "membership": f"m-{membership}", "subject": f"s-{number}",
            "occurred_at": "2010-02-01T00:00:00Z", "customer_org": "Contoso"}  # fmt: skip


def record(writer: Writer, facts: Iterator[dict[str, Any]]) -> None:
    """Records facts, all of which have to be accepted."""
    while some := list(islice(facts, BATCH)):
        outcomes = writer.record([fact_from_object(one) for one in some])
        assert {outcome.status for outcome in outcomes} == {"accepted"}


def keeping_up(folder: Path, facts: int, follow: Callable[[Path, Connection], None]) -> Iterator[tuple[str, float]]:
    """The rate at which this process records and seals, and how far another is behind that follows the log."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    (folder / "log").mkdir()
    follower = context.Process(target=follow, args=(folder, theirs))
    follower.start()
    url = ours.recv()
    store = SQLiteStore(folder / "book.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    cosigner = Witnesses([url], trust(quorum=1)) if url else None
    with open_sealer(store, LogFolder(folder / "log"), [KeySigner(KEY, Remembered())], cosigner) as sealer:
        begun_s = next_s = time.perf_counter()
        behind = confirmed = 0
        made = scale(1, facts)
        while some := list(islice(made, BATCH)):
            writer.record([fact_from_object(one) for one in some])
            if time.perf_counter() >= next_s:
                confirmed = seal(sealer, ours, confirmed, is_witness=bool(url))
                behind = max(behind, sealer.events - confirmed)
                next_s = time.perf_counter() + EVERY_S
        confirmed = seal(sealer, ours, confirmed, is_witness=bool(url))
        recorded_s = time.perf_counter()
        yield "events/s recorded and sealed", sealer.events / (recorded_s - begun_s)
        while confirmed < sealer.events and time.perf_counter() < recorded_s + PATIENCE_S:
            time.sleep(0.02)
            confirmed = seal(sealer, ours, confirmed, is_witness=bool(url))
        yield "behind at most, events", behind
        yield "behind at the end, s", time.perf_counter() - recorded_s
    ours.send("end")
    follower.join(PATIENCE_S)
    writer.close()
    store.close()


def seal(sealer: Sealer, follower: Connection, confirmed: int, *, is_witness: bool) -> int:
    """One round; how many events the follower has confirmed by now: a witness those that are published."""
    if is_witness:
        with suppress(QuorumMissing):  # what was signed is published with a later round
            sealer.seal()
        return sealer.events if sealer.published else confirmed
    sealer.seal()
    while follower.poll():
        confirmed = follower.recv()
    return confirmed


def trust(quorum: int = 0) -> Policy:
    """The bench's policy, with the witness."""
    return replace(parse_policy(POLICY), witnesses=(WITNESS.verifier,), quorum=quorum)


def a_monitor(folder: Path) -> Monitor:
    """The follower's monitor."""
    return Monitor(LogFolder(folder / "log"), trust(), PROOF_PROGRAMMES, folder / "monitored", "bench")


def witness(folder: Path, sealer: Connection) -> None:
    """A checking witness in a process of its own, until it is told to end."""
    collect_garbage_seldom()
    checking = CheckingWitness(WITNESS, trust(), folder / "witnessed", lambda: int(time.time()), a_monitor(folder))
    checking.start_mirror()
    with WitnessServer(("127.0.0.1", 0), [checking]) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        host, port = server.server_address[:2]
        sealer.send(f"http://{host!s}:{port}")
        sealer.recv()
        server.shutdown()
        serving.join()
    checking.close()


def monitor(folder: Path, sealer: Connection) -> None:
    """A monitor in a process of its own, until it is told to end; it says how many events it has confirmed."""
    collect_garbage_seldom()
    following = a_monitor(folder)
    sealer.send("")
    while not sealer.poll(0.1):
        report = following.round()
        if report.verdict == "confirmed":
            sealer.send(report.events)
        elif report.size:
            raise AssertionError(report.findings[:3])
    following.close()


def main() -> None:
    """See the module."""
    what, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    collect_garbage_seldom()
    for follow in (None,) if what == "heads" else (witness, monitor):
        with tempfile.TemporaryDirectory(prefix="csat-ledger-bench-") as place:
            rows = heads(Path(place), number) if follow is None else keeping_up(Path(place), number, follow)
            for label, figure in rows:
                print(f"{(follow or heads).__name__ + ': ' + label:44} {figure:>14,.4f}", flush=True)


if __name__ == "__main__":
    main()
