"""How fast the log is: functions that measure and return figures; `bench` prints them.

sealing      events/s into a new log on disk, against reading the same rows and hashing each once
audit        events/s for each core, in one process: rows, chains, tiles, announcements and decisions
monitor      events/s of one core, from nothing to a state on disk
receipts     receipts/s of one core, signed in bulk; facts/s recorded without and with a receipt for each
verify       seconds for a bundle of about a hundred events, as a whole process, against the interpreter's own start
bundle       its bytes
bundle_N     the same of streams of N events that stand between as many of others, and the verifier's peak of memory

The longest stream has a million events, which takes some minutes and gigabytes; `python -m tests.benchmarks.proof 100000 100
10000` names the lengths.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.audit.audit import audit
from ledger.instants import parse_instant
from ledger.monitor.monitor import Monitor
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.note import ED25519
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.signer import SignerKey
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence
from ledger.seal.folder import LogFolder
from ledger.seal.receipts import ReceiptSigner, encoded
from ledger.seal.sealer import open_sealer
from ledger.seal.signing import KeySigner
from ledger.store.base import Store
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.support.signing import Remembered

KEY = SignerKey("bench.example/renewals", ED25519, bytes(32))
POLICY = json.dumps(
    {
        "origin": KEY.name,
        "logs": [{"vkey": str(KEY.verifier), "from": 0, "to": None}],
        "witnesses": [],
        "quorum": 0,
    }
).encode()
NOW_US = parse_instant("2026-01-01T00:00:00Z")
BATCH = 5_000
PAGE = 10_000
RUNS = 5
BUNDLE_EVENTS = 100
LONG_STREAMS = (100, 10_000, 1_000_000)
OTHERS = 500
"""Memberships whose events stand between those of a long stream."""
TRANSACTIONS = 20
"""In so few a very long stream is recorded: each of them reads and keeps its whole state, which outgrows the cache."""
ROOT = Path(__file__).parents[2]


def measure(folder: Path, facts: int, long_streams: tuple[int, ...] = LONG_STREAMS) -> dict[str, Any]:
    """All figures over a book of so many facts, made in `folder`, and of streams of so many events."""
    collect_garbage_seldom()
    store = SQLiteStore(folder / "proof.db")
    try:
        make_book(store, facts)
        figures = {"events": store.max_position()} | sealing(store, folder) | auditing(store, folder / "log-0")
        figures |= monitoring(folder / "log-0", folder / "monitored")
    finally:
        store.close()
    figures |= handing_out(folder, facts) | verifying(folder)
    for events in long_streams:
        figures |= verifying_long(folder, events)
    return figures


def make_book(store: Store, facts: int) -> None:
    """Records a made-up programme."""
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    batch = []
    for content in scale(1, facts):
        batch.append(fact_from_object(content))
        if len(batch) == BATCH:
            writer.record(batch)
            batch = []
    writer.record(batch)
    writer.review()
    writer.close()


def sealing(store: Store, folder: Path) -> dict[str, Any]:
    """Events/s while sealing a whole book into a new log, the best of some; and of the baseline."""
    events = store.max_position()

    def seal(run: int) -> None:
        with open_sealer(store, LogFolder(folder / f"log-{run}"), [KeySigner(KEY, Remembered())]) as sealer:
            sealer.seal()

    def hash_once(_: int) -> None:
        for row in _rows(store):
            sha256(b"\0" + row).digest()

    ours, baseline = best(seal), best(hash_once)
    return {"sealing_per_s": events / ours, "hashing_per_s": events / baseline}


def auditing(store: Store, log: Path) -> dict[str, Any]:
    """Events/s of an audit in one process, by the time of its core."""
    events = store.max_position()
    reports = []

    def run(_: int) -> None:
        reports.append(audit(store, LogFolder(log), parse_policy(POLICY), PROOF_PROGRAMMES, workers=1))

    core_s = best(run, time.process_time)
    if reports[-1].verdict != "confirmed":
        raise AssertionError(f"the audit found {reports[-1].findings[:3]}")
    return {"audit_per_core_s": events / core_s}


def monitoring(log: Path, state: Path) -> dict[str, Any]:
    """Events/s of a monitor that begins, by the time of its core; once, since it does not begin again."""
    monitor = Monitor(LogFolder(log), parse_policy(POLICY), PROOF_PROGRAMMES, state, "bench")
    before_s = time.process_time()
    report = monitor.round()
    core_s = time.process_time() - before_s
    monitor.close()
    if report.verdict != "confirmed":
        raise AssertionError(f"the monitor found {report.findings[:3]}")
    return {"monitor_per_core_s": report.events / core_s}


def handing_out(folder: Path, facts: int) -> dict[str, Any]:
    """Facts/s recorded, and receipts/s signed for them and written, by the time of their core; once."""
    store = SQLiteStore(folder / "receipts.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    signer = ReceiptSigner(SignerKey(f"{KEY.name}/receipt-1", ED25519, bytes(32)))
    made = [fact_from_object(content) for content in scale(1, facts)]
    recording_s = signing_s = 0.0
    receipts = 0
    try:
        with (folder / "receipts.jsonl").open("wb") as file:
            for start in range(0, len(made), BATCH):
                before_s = time.process_time()
                outcomes = writer.record(made[start : start + BATCH])
                recorded_s = time.process_time()
                lines = [encoded(handed) for handed in signer.for_outcomes(store, outcomes) if handed is not None]
                file.write(b"".join(lines))
                receipts += len(lines)
                signing_s += time.process_time() - recorded_s
                recording_s += recorded_s - before_s
    finally:
        writer.close()
        store.close()
    return {
        "receipts": receipts,
        "receipts_per_core_s": receipts / signing_s,
        "recording_per_core_s": receipts / recording_s,
        "recording_with_receipts_per_core_s": receipts / (recording_s + signing_s),
    }


def verifying(folder: Path) -> dict[str, Any]:
    """A bundle of about a hundred events: its bytes, and what its verification takes as a whole process."""
    store = SQLiteStore(folder / "small.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    log = LogFolder(folder / "small-log")
    record = writer.record
    try:
        record([fact_from_object(fact) for fact in _membership(BUNDLE_EVENTS)])
        with open_sealer(store, log, [KeySigner(KEY, Remembered())]) as sealer:
            sealer.seal()
        bundle = collect_evidence(store, log, Survey(), "membership-m-1", "2011-03-01")
    finally:
        store.close()
    (folder / "bundle.json").write_bytes(bundle.encoded())
    (folder / "policy.json").write_bytes(POLICY)
    command = [sys.executable, "-m", "ledger.proof.verify", str(folder / "bundle.json")]
    command += ["--policy", str(folder / "policy.json"), "--json"]
    return {
        "bundle_events": len(bundle.events),
        "bundle_bytes": (folder / "bundle.json").stat().st_size,
        "verify_s": best(lambda _: _process(command)),
        "interpreter_s": best(lambda _: _process([sys.executable, "-c", "pass"])),
    }


def verifying_long(folder: Path, events: int) -> dict[str, Any]:
    """A bundle of a stream of about so many events: bytes, seconds of one verification as a process, its peak of memory."""
    store = SQLiteStore(folder / f"long-{events}.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    log = LogFolder(folder / f"long-log-{events}")
    try:
        others = cycle([f"other-{number}" for number in range(OTHERS)])
        batch = [next(_membership(1, other)) for other in islice(others, OTHERS)]
        for fact in _membership(events):
            batch.append(fact)
            if fact["type"] == "record-response":
                batch.append(fact | {"membership": next(others), "id": f"other-{fact['id']}"})
            if len(batch) >= max(BATCH, events // TRANSACTIONS) or fact["type"] == "decide-renewal":
                writer.record([fact_from_object(one) for one in batch])
                batch = []
        writer.close()
        with open_sealer(store, log, [KeySigner(KEY, Remembered())]) as sealer:
            sealer.seal()
        bundle = collect_evidence(store, log, Survey(), "membership-m-1", "2011-03-01")
    finally:
        store.close()
    evidence, policy = folder / f"long-{events}.json", folder / "policy.json"
    evidence.write_bytes(bundle.encoded())
    policy.write_bytes(POLICY)
    name = f"bundle_{len(bundle.events)}"
    found = {f"{name}_bytes": evidence.stat().st_size, f"{name}_proof_bytes": 47 * len(bundle.proof)}
    del bundle
    start = time.perf_counter()
    verifier = subprocess.Popen(
        [sys.executable, "-m", "ledger.proof.verify", str(evidence), "--policy", str(policy), "--json"],
        cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(verifier.pid, 0)
    verifier.returncode = os.waitstatus_to_exitcode(status)
    if verifier.returncode:
        raise AssertionError(f"the verifier ended with {verifier.returncode}")
    return found | {f"{name}_verify_s": time.perf_counter() - start, f"{name}_peak_mib": used.ru_maxrss / 1024}


def best(work: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the fastest of some runs; each is told its number."""
    seconds = []
    for run in range(RUNS):
        start = clock()
        work(run)
        seconds.append(clock() - start)
    return min(seconds)


def _rows(store: Store) -> Iterator[bytes]:
    after = 0
    while rows := store.read_feed(after, PAGE):
        for row in rows:
            yield row.stored
        after = rows[-1].position


def _process(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _membership(events: int, membership: str = "m-1") -> Iterator[dict[str, Any]]:
    """A membership that is met, with about so many events, and decided."""
    at = "2010-01-05T00:00:00Z"
    common = {"membership": membership, "occurred_at": at}
    yield {"type": "enrol-membership", "id": f"enrol-{membership}", "name": "Contoso", "level": "gold", **common}
    yield {"type": "set-renewal-date", "id": "date", "renewal_date": "2011-03-01", **common}
    for number in range(events - 5):
        yield {
            "type": "record-response", "id": f"r-{number}", "membership": membership,
            "occurred_at": f"2010-04-{1 + number % 28:02d}T00:00:00Z", "response": f"r-{number}",
            "customer_org": f"org-{number % 7}",
        }  # fmt: skip
    yield {"type": "decide-renewal", "id": "decide", "membership": membership, "occurred_at": "2011-03-02T00:00:00Z",
           "renewal_date": "2011-03-01"}  # fmt: skip


def main() -> None:
    """Prints the figures over a book of as many facts as the first argument says; the others are the lengths of streams."""
    facts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    long_streams = tuple(map(int, sys.argv[2:])) or LONG_STREAMS
    # The same version is a tenth slower and more where it was built without optimisation.
    print(f"{'interpreter':44} {platform.python_version()} of {platform.python_build()[1]}")
    with tempfile.TemporaryDirectory(prefix="csat-ledger-bench-") as name:
        for what, figure in measure(Path(name), facts, long_streams).items():
            print(f"{what:44} {figure:>14,.3f}" if isinstance(figure, float) else f"{what:44} {figure!s:>14}")


if __name__ == "__main__":
    main()
