"""What the capability programme does with a fixed history, to the byte: frozen in digests, as `tests.test_golden`.

Stored events by stream, announcements, decisions, refusals with their sentences, and what became of each fact. A
difference here is a difference for everybody who relies on this ledger: it is named in CHANGELOG, and then written down
with

    python -m tests.test_golden_capability --write
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ledger.store.base import Row
from tests.ledger.seal.support import Ledger
from tests.oracle.capability_from_text.announcements import announcements
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.survey.time import instant
from tests.support.capability_story import PARTNER, SMALL, Story, tell_all
from tests.support.real_book import RealBook, real_book
from tests.test_golden import Items, canonical, digests, first_difference, neutral

GOLDEN = Path(__file__).with_name("golden") / "capability"
CODES = {
    *("malformed", "reserved-id", "id-reused", "in-the-future", "unknown-area", "unknown-designation", "already-open"),
    *("month-not-over", "unknown-workload", "month-already-closed", "month-not-closed", "certificate-exists"),
    *("unknown-certificate", "scorebook-exists", "anniversary-not-set", "anniversary-not-due"),
    "designation-already-decided",
}


def of_type(rows: Sequence[Row], event_type: str) -> Items:
    """The data of the events of a type by their place, with the fact behind each."""
    found = [(row, json.loads(row.stored)) for row in rows if row.type == event_type]
    return {
        f"{row.stream}/{row.seq}": canonical([event["fact"], event["occurred_at"], event["data"]])
        for row, event in found
    }


def work_out(story: Story) -> dict[str, Items]:
    """Everything, by group and item."""
    rows = story.book.feed()
    streams = sorted({row.stream for row in rows} - {"programme"})
    stored = {name: [row.stored for row in rows if row.stream == name] for name in streams}
    return {
        "events": {name: b"\n".join(lines) for name, lines in stored.items()},
        "events.neutral": {
            name: b"\n".join(canonical(neutral(json.loads(line))) for line in lines) for name, lines in stored.items()
        },
        "announcements": of_type(rows, "DesignationChanged"),
        "decisions": of_type(rows, "DesignationDecided"),
        "outcomes": {name: said.encode() for name, said in story.outcomes.items()},
        "refusals": {name: said.encode() for name, said in story.refusals.items()},
        "refusals.neutral": {name: said.partition(":")[0].encode() for name, said in story.refusals.items()},
    }


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with real_book() as book:
        yield tell_all(book)


def data_of(book: RealBook, event_type: str) -> list[dict[str, Any]]:
    return [json.loads(row.stored)["data"] for row in book.feed() if row.type == event_type]


def test_the_capability_programme_does_with_a_fixed_history_what_it_did(story: Story) -> None:
    found = work_out(story)
    assert {f"{group}.json" for group in found} == {path.name for path in GOLDEN.iterdir()}
    different = {
        group: first
        for group, items in found.items()
        if (first := first_difference(json.loads((GOLDEN / f"{group}.json").read_text()), digests(items)))
    }
    assert different == {}, "if it is meant: name it in CHANGELOG, then python -m tests.test_golden_capability --write"


def test_the_history_has_every_type_refusal_cause_outcome_and_track(story: Story) -> None:
    types = Counter(row.type for row in story.book.feed())
    assert set(types) == {
        *("RulebookPublished", "ScorebookPublished", "DesignationOpened", "AnniversarySet", "UsageReported"),
        *("RevenueReported", "MonthClosed", "MonthCloseCorrected", "CertificateRecorded", "CertificateEnded"),
        *("DesignationChanged", "DesignationDecided"),
    }
    assert {said.partition(":")[0] for said in story.refusals.values()} == CODES
    announced = data_of(story.book, "DesignationChanged")
    assert {(one["cause"], one["revises"]) for one in announced} == {
        *(("report", True), ("close", True), ("certificate", True), ("scorebook", True)),
        *(("close", False), ("certificate", False), ("expiry", False), ("scorebook", False)),
    }
    assert {one["track"] for one in announced} == {"smb", "enterprise"}
    assert any(one["qualified"] == one["previous"] for one in announced)
    decided = data_of(story.book, "DesignationDecided")
    assert {one["outcome"] for one in decided} == {"qualified", "not-qualified", "no-edition"}
    assert max(one["revision"] for one in decided) > 2


def test_what_is_frozen_is_what_the_text_says(story: Story) -> None:
    oracle, refused, decided = Oracle(), [], []
    for fact, now in story.told:
        if fact is None:
            oracle.review(instant(now))
            continue
        said, what = oracle.record(fact, instant(now))
        if said == "refused":
            refused.append(what)
        elif said == "accepted" and what[0][0] == "DesignationDecided":
            decided.append(what[0][1])
    assert refused == [said.partition(":")[0] for _, said in sorted(story.refusals.items())]
    found = data_of(story.book, "DesignationDecided")
    assert [
        {**one, **{key: told[key] for key in ("membership", "area")}} for one, told in zip(found, decided, strict=True)
    ] == decided
    for where in (PARTNER, SMALL):
        rows = story.book.store.read_stream(f"designation-{where['membership']}/{where['area']}")
        announced = [json.loads(row.stored)["data"] for row in rows if row.type == "DesignationChanged"]
        expected = announcements(oracle, where["membership"], where["area"])
        assert announced == [{key: value for key, value in one.items() if key != "by"} for one in expected]


def test_what_is_frozen_is_confirmed(story: Story, tmp_path: Path) -> None:
    ledger = Ledger(story.book.store, tmp_path / "log")
    ledger.seal()
    report = ledger.audit()
    assert (report.verdict, report.findings) == ("confirmed", [])


def test_the_worked_example_has_its_points(story: Story) -> None:
    partner = f"designation-{PARTNER['membership']}/{PARTNER['area']}"
    points = [
        (json.loads(row.stored)["data"]["centipoints"], json.loads(row.stored)["data"]["qualified"])
        for row in story.book.store.read_stream(partner)
        if row.type == "DesignationChanged"
    ]
    assert points == [(7400, True), (4400, False), (7400, True)]


def write(arguments: Sequence[str]) -> int:
    """Writes all digests anew."""
    if list(arguments) != ["--write"]:
        sys.stderr.write(f"found {' '.join(arguments) or 'no argument'}, expected --write\n")
        return 2
    with TemporaryDirectory() as made:
        book = RealBook(Path(made) / "book.db")
        found = work_out(tell_all(book))
        book.close()
    GOLDEN.mkdir(exist_ok=True, parents=True)
    for path in GOLDEN.glob("*.json"):
        path.unlink()
    for group, items in found.items():
        (GOLDEN / f"{group}.json").write_text(json.dumps(digests(items), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(write(sys.argv[1:]))
