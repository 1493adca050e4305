"""How fast people are erased in one go, against how fast they were taken in, in one run on SQLite.

    python -m tests.benchmarks.erasures [COUNT]       100,000 people where nothing is said, each with a response of its own

upload        contacts/s, sealed and durable, 2,000 a transaction
responses     responses/s with answers, a comment and a link to the subject's invitation, pended and concluded
erasures      subjects/s, with key, contact, response and link, the files written anew and both events in the book
clean         seconds of that in which the files were written anew, once for all
first_fact    milliseconds until a new writer has recorded its first fact: before the erasures, and after them
compared      milliseconds in which a vault is compared with the book afterwards, where nothing is new
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from console.erasures import book_of
from console.throughput import collect_garbage_seldom
from console.wiring import open_ledger
from ledger.answers import Answers
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from ledger.vault.access_log import Access
from ledger.vault.contact import Contact
from ledger.vault.database import SQLiteVault
from ledger.vault.erasing import erase, heed
from ledger.vault.keys import Keyring, VaultKey
from ledger.vault.partner_list import ListLine
from ledger.vault.responses import Responses, Said
from ledger.vault.vault import Vault

NOW_US = parse_instant("2026-01-01T00:00:00Z")
COUNT = 100_000
BATCH = 2_000
GIVEN = Answers((9, None, None, 7), {"delivery": 8})


class _Timed(SQLiteVault):
    """A vault that says how long it was cleaned."""

    clean_s = 0.0

    def scrub(self) -> None:
        start = time.perf_counter()
        super().scrub()
        self.clean_s = time.perf_counter() - start


def people(count: int) -> Iterator[list[ListLine]]:
    """So many people, some at a time."""
    for start in range(0, count, BATCH):
        yield [
            ListLine(number, Contact(f"p-{number}@example.org", f"Person {number}"), "Brontegard", "none", None)
            for number in range(start, min(start + BATCH, count))
        ]  # fmt: skip


def first_fact_ms(path: Path, number: int) -> float:
    """A new process's writer, and its first fact."""
    fact = {"type": "enrol-membership", "id": f"e-{number}", "membership": f"m-{number}", "name": "Alderbrook",
            "level": "gold", "occurred_at": "2010-01-11T09:00:00Z"}  # fmt: skip
    with open_ledger(str(path), lambda: NOW_US, create=True) as ledger:
        start = time.perf_counter()
        (outcome,) = ledger.writer.record([fact_from_object(fact)])
        assert outcome.status == "accepted"
        return (time.perf_counter() - start) * 1_000


def measure(folder: Path, count: int) -> dict[str, float]:
    """All figures."""
    database = _Timed(str(folder / "people.db"), create=True)
    vault = Vault(database, Keyring([VaultKey(bytes(range(32)))], "the benchmark's"), create=True)
    subjects: list[str] = []
    start = time.perf_counter()
    for lines in people(count):
        subjects += [one.subject for one in vault.keep("m-1", lines, NOW_US)]
    uploaded_s = time.perf_counter() - start
    responses = Responses(vault)
    start = time.perf_counter()
    for place in range(0, count, BATCH):
        said = [
            Said(f"f-{one}", "m-1", f"r-{one}", False, vault.index.invitation("m-1", one), GIVEN, "A comment of some words.")
            for one in subjects[place : place + BATCH]
        ]  # fmt: skip
        pended = responses.pend(said, NOW_US, lambda _facts: ())
        responses.conclude(
            {one.fact: (one, found.mac) for one, found in zip(said, pended, strict=True)}, (), (), NOW_US
        )
    answered_s = time.perf_counter() - start
    first_fact_ms(folder / "book.db", 1)  # imports
    before_ms = first_fact_ms(folder / "book.db", 2)
    with open_ledger(str(folder / "book.db"), lambda: NOW_US) as ledger:
        book = book_of(ledger)
        start = time.perf_counter()
        erase(vault, book, subjects, Access(NOW_US, "clerk", "a benchmark"), lambda: NOW_US)
        erased_s = time.perf_counter() - start
        assert vault.memberships() == []
        start = time.perf_counter()
        assert heed(vault, book, NOW_US) == 0
        first_heed_s = time.perf_counter() - start
        start = time.perf_counter()
        assert heed(vault, book, NOW_US) == 0
        compared_s = time.perf_counter() - start
    after_ms = first_fact_ms(folder / "book.db", 3)
    database.close()
    return {
        "people": count, "upload_per_s": count / uploaded_s, "responses_per_s": count / answered_s,
        "erasures_per_s": count / erased_s, "erasures_against_upload": uploaded_s / erased_s, "clean_s": database.clean_s,
        "first_fact_before_ms": before_ms, "first_fact_after_ms": after_ms, "first_comparison_ms": first_heed_s * 1_000,
        "compared_ms": compared_s * 1_000,
    }  # fmt: skip


def main() -> None:
    """Prints the figures."""
    collect_garbage_seldom()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({name: round(figure, 2) for name, figure in measure(Path(folder), count).items()}, indent=1))


if __name__ == "__main__":
    main()
