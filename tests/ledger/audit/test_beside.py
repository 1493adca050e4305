"""The book beside its log: every position has one row, in the log and beyond it, and what a log lacks keeps no book from being
judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.audit import beside
from ledger.store.base import NewRow
from tests.contracts.backends import BACKENDS, Backend
from tests.ledger.monitor.support import watch
from tests.ledger.seal.support import Ledger, a_ledger, sqlite_ledger
from tests.ledger.seal.test_sealer import many


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Sealed, and with three events beyond."""
    backend: Backend = request.param
    with a_ledger(backend, backend.place(request), tmp_path / "log") as opened:
        opened.seal()
        opened.record(many(3))
        assert opened.audit().verdict == "confirmed"
        yield opened


def found(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [finding[:3] for finding in ledger.audit().findings]


def test_a_position_that_is_left_out_beyond_the_log_is_named(ledger: Ledger) -> None:
    last = ledger.store.max_position()
    with ledger.unguarded() as execute:
        execute(f"UPDATE EVENTS SET position = position + 5 WHERE position = {last}")
        assert found(ledger) == [("tampered", f"positions from {last} to {last + 4}", "no event")]


def test_an_event_that_is_gone_beyond_the_log_breaks_its_stream_too(ledger: Ledger) -> None:
    last = ledger.store.max_position()
    with ledger.unguarded() as execute:
        execute(f"DELETE FROM EVENTS WHERE position = {last - 1}")
    whats = [what for _, what, _ in found(ledger)]
    assert f"positions from {last - 1} to {last - 1}" in whats
    assert any(what.startswith(f"position {last}: ") and what.endswith(": prev") for what in whats)


def test_columns_beyond_the_log_that_say_something_else(ledger: Ledger) -> None:
    last = ledger.store.max_position()
    with ledger.unguarded() as execute:
        execute(f"UPDATE EVENTS SET topic = 'ReminderSent' WHERE position = {last}")
        ((verdict, what, _),) = found(ledger)
        assert (verdict, what.startswith(f"position {last}: "), what.endswith("of the event")) == (
            "tampered",
            True,
            True,
        )


@pytest.mark.parametrize("beyond", [False, True], ids=["sealed", "beyond the log"])
@pytest.mark.parametrize("known", ["NULL", "'another-fact'"])
def test_a_fact_that_is_known_by_another_id_is_named(ledger: Ledger, beyond: bool, known: str) -> None:
    """It would come in a second time, and another one would be kept out."""
    rows = [row for row in ledger.store.read_feed_full(0, 10_000) if row.fact is not None]
    row = rows[-1 if beyond else 5]
    with ledger.unguarded() as execute:
        execute(f"UPDATE EVENTS SET fact = {known} WHERE position = {row.position}")
    what = f"position {row.position}: the fact that it is known by"
    assert found(ledger) == [("tampered", what, "none" if known == "NULL" else repr("another-fact"))]


def test_an_announcement_that_is_known_as_a_fact_is_named(ledger: Ledger) -> None:
    """A fact of that id would be taken for a duplicate, and never be recorded."""
    position = ledger.store.read_type("EligibilityChanged", 0, 1)[0].position
    with ledger.unguarded() as execute:
        execute(f"UPDATE EVENTS SET fact = 'to-be-kept-out' WHERE position = {position}")
    what = f"position {position}: the fact that it is known by"
    assert found(ledger) == [("tampered", what, repr("to-be-kept-out"))]


@pytest.mark.parametrize("value", ["X'66'", "CAST(X'FF' AS TEXT)"], ids=["no text", "no UTF-8"])
def test_a_fact_that_is_known_by_what_is_no_text_is_named(tmp_path: Path, value: str) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        row = next(row for row in ledger.store.read_feed_full(3, 100) if row.fact is not None)
        with ledger.unguarded() as execute:
            execute(f"UPDATE EVENTS SET fact = {value} WHERE position = {row.position}")
        ((verdict, what, _),) = found(ledger)
        assert (verdict, what) == ("tampered", f"position {row.position}: the fact that it is known by")


@pytest.mark.parametrize("more", [bytes(2), None], ids=["empty entries", "the same entries again"])
def test_a_bundle_with_entries_beyond_those_of_its_name_is_found(tmp_path: Path, more: bytes | None) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        (path,) = (ledger.folder.root / "tile/entries/000.p").iterdir()
        path.write_bytes(path.read_bytes() + (path.read_bytes() if more is None else more))
        assert ("incomplete", f"tile/entries/000.p/{path.name}") in [one[:2] for one in found(ledger)]
        assert watch(ledger.folder, tmp_path / "monitored").verdict == "incomplete"


def test_what_is_no_event_beyond_the_log(ledger: Ledger) -> None:
    last = ledger.store.max_position()
    with ledger.store.writing() as transaction:
        transaction.append([NewRow(last + 1, "membership-m-1", 900, "ConsentGiven", b"\xff", None, None)])
    assert [(verdict, what) for verdict, what, _ in found(ledger)] == [("tampered", f"position {last + 1}")]


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/000"])
def test_where_the_log_lacks_a_file_the_book_is_judged_all_the_same(tmp_path: Path, path: str) -> None:
    """One verdict for audit and monitor; events that the checkpoint has are not said to be unsealed."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.record(many(600))
        ledger.seal()
        ledger.record(many(3, start=600))
        events = ledger.store.max_position()
        (ledger.folder.root / path).unlink()
        report = ledger.audit()
        assert (report.verdict, report.events, report.unsealed) == ("incomplete", events, 3)
        assert next(one.what for one in report.findings if one.verdict == "incomplete").startswith(path)
        assert watch(ledger.folder, tmp_path / "monitored").verdict == "incomplete"
        last = [row for row in ledger.store.read_feed(0, 10_000) if row.type == "RenewalDecided"][-1]
        forged = last.stored.replace(b'"outcome":"met"', b'"outcome":"not-met"')
        assert forged != last.stored
        with ledger.unguarded() as execute:
            execute(f"UPDATE EVENTS SET state = X'{forged.hex()}' WHERE position = {last.position}")
        worse = ledger.audit()
        assert any(finding.verdict == "refuted" and "outcome" in finding.what for finding in worse.findings)


def test_so_many_positions_are_listed_and_the_others_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "LISTED_MAX", 5)
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        events = ledger.store.max_position()
        with ledger.unguarded() as execute:
            execute("DELETE FROM EVENTS")
        listed = [finding for finding in ledger.audit().findings if finding.what.startswith("position")]
        assert [finding.what for finding in listed[:5]] == [f"position {number}" for number in range(1, 6)]
        assert listed[5].found == f"{events - 5} more where book and log differ"
