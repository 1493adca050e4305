"""How fast answers go into the vault and come out of it again; each figure against a baseline of the same run.

    python -m tests.benchmarks.answers [--facts 100000] [--vault postgresql://…]

The facts are those of `bench`; each response among them carries four core answers, one of the partner's own and a comment of
some 130 characters. Recorded are the same facts without and with them, into two books. Read are the core answers of all.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from console.vault_place import VaultPlace
from console.wiring import open_ledger
from ledger.programmes.registry import parse_fact
from ledger.vault.columns import columns
from ledger.vault.keys import make_key_file
from ledger.vault.vault import Vault
from tests.benchmarks.bench import NOW_US

BATCH = 2_000
COMMENT = "They were on time, and whoever answered the phone knew what it was about. One thing: the invoice came twice, again. "


def said(number: int, fact: dict[str, Any]) -> dict[str, Any]:
    """A fact, with answers where it is a response."""
    if fact["type"] != "record-response":
        return fact
    core = {"overall": number % 11, "continue": number % 7, "re_engage": number % 5, "recommend": number % 9}
    return {**fact, "answers": {**core, "own": {"delivery": number % 11}}, "comment": f"{COMMENT}{number}"}


def batches(facts: int, answered: bool) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for number, fact in enumerate(scale(1, facts)):
        batch.append(orjson.dumps(said(number, fact) if answered else fact))
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def recorded(book: Path, place: VaultPlace | None, facts: int, *, answered: bool) -> tuple[float, float]:
    """Seconds, and seconds of the processor, for parsing and recording all."""
    with open_ledger(str(book), lambda: NOW_US, create=True, vault=place) as ledger:
        spent_s = processor_s = 0.0
        for batch in batches(facts, answered):
            started, started_processor = time.perf_counter(), time.process_time()
            outcomes = ledger.recorder.record([parse_fact(line) for line in batch])
            spent_s += time.perf_counter() - started
            processor_s += time.process_time() - started_processor
            assert all(outcome.status == "accepted" for outcome in outcomes)
    return spent_s, processor_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=int, default=100_000, help="facts, about a third of them responses")
    parser.add_argument("--vault", help="an empty database of PostgreSQL; default: a file")
    arguments = parser.parse_args()
    collect_garbage_seldom()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_key_file(folder / "key")
        place = VaultPlace(arguments.vault or str(folder / "people.db"), folder / "key")
        with place.database(create=True) as database:
            Vault(database, place.keyring(), create=True)
        facts: int = arguments.facts
        plain_s, plain_processor_s = recorded(folder / "plain.db", None, facts, answered=False)
        with_s, with_processor_s = recorded(folder / "with.db", place, facts, answered=True)
        with place.vault() as vault:
            started, started_processor = time.perf_counter(), time.process_time()
            read, after = 0, ""
            while rows := columns(vault, after):
                read, after = read + len(rows), rows[-1].fact
            read_s, read_processor_s = time.perf_counter() - started, time.process_time() - started_processor
    print(f"{facts:,} facts, {read:,} of them responses; facts/s by the clock, and by the processor's time")
    print(f"without answers {facts / plain_s:>10,.0f} {facts / plain_processor_s:>10,.0f}")
    print(f"with answers    {facts / with_s:>10,.0f} {facts / with_processor_s:>10,.0f}")
    print(f"ratio           {plain_s / with_s:>10.2f} {plain_processor_s / with_processor_s:>10.2f}")
    each_us = (with_processor_s - plain_processor_s) / read * 1e6
    print(f"for each response with answers {each_us:.0f} us of a processor more")
    print(f"core answers read, responses/s {read / read_s:,.0f} {read / read_processor_s:,.0f}")


if __name__ == "__main__":
    main()
