"""The log's own events: the verifier's form of them, and the ledger's, which know nothing of one another."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ledger.log_events import LOG_EVENTS, erasure_completed_id, erasure_requested_id, results_published_id
from ledger.programmes.log_forms import LOG_SAMPLES
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import Event, parse_event
from ledger.proof.log.strictjson import canonical
from ledger.proof.log_form import FORMS, check_log_event
from ledger.seal.findings import Finding, judge_log_events
from ledger.seal.rotation import record_rotations
from ledger.writing.writer import Note
from tests.ledger.monitor.support import watch
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, sqlite_ledger

SALT = "MDEyMzQ1Njc4OWFiY2RlZg=="


def sample(name: str, **changed: Any) -> Event:
    """The event of the published sample, with other members."""
    seq, occurred_at, recorded_at, fact, actor, data = LOG_SAMPLES[name]
    event = {
        "stream": "log", "seq": seq, "type": name, "v": 1, "prev": "0" * 64, "salt": SALT, "fact": fact, "actor": actor,
        "occurred_at": occurred_at, "recorded_at": recorded_at, "data": deepcopy(data),
    }  # fmt: skip
    return parse_event(canonical(event | changed))


def test_the_verifier_and_the_ledger_know_the_same_events_of_the_log() -> None:
    assert {(name, 1) for name in FORMS} == set(LOG_EVENTS.data)
    for (name, _), form in LOG_EVENTS.data.items():
        assert set(form.__annotations__) == set(LOG_SAMPLES[name].data)
        assert (check_log_event(sample(name)) is None) is (name != "KeyRotated")


def test_what_the_ledger_writes_is_in_its_form(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        recorded_us = max(parse_event(bytes(row.stored)).recorded_us for row in ledger.store.read_feed(0, 10_000))
        ledger.writer.accept_clock(recorded_us)
        record_rotations(ledger.store, ledger.writer, [LOG_KEY, NEW_KEY])
        ledger.writer.note_all(
            [
                Note("ErasureRequested", {"subject": "s-1"}, erasure_requested_id("s-1")),
                Note("ErasureCompleted", {"subject": "s-1"}, erasure_completed_id("s-1")),
                Note("ResultsPublished", {"month": "2010-06"}, results_published_id("2010-06")),
            ]
        )
        ledger.seal()
        events = [parse_event(bytes(row.stored)) for row in ledger.store.read_stream("log")]
        assert [event.type for event in events] == [
            "ClockAccepted", "KeyRotated", "ErasureRequested", "ErasureCompleted", "ResultsPublished"
        ]  # fmt: skip
        findings: list[Finding] = []
        assert judge_log_events(events, findings) == [(str(LOG_KEY.verifier), str(NEW_KEY.verifier))]
        assert findings == []
        assert ledger.audit().verdict == watch(ledger.folder, tmp_path / "s").verdict == "confirmed"


def data_of(name: str) -> dict[str, Any]:
    return deepcopy(dict(LOG_SAMPLES[name].data))


BAD: dict[str, Callable[[], Event]] = {
    "unknown type": lambda: sample("ClockAccepted", type="ClockTurned"),
    "a programme's type": lambda: sample("ClockAccepted", type="EvaluationReceived"),
    "another version": lambda: sample("ClockAccepted", v=2),
    "another version of a rotation": lambda: sample("KeyRotated", v=2),
    "no fact": lambda: sample("ClockAccepted", fact=None),
    "an actor that is no label": lambda: sample("ClockAccepted", actor=" "),
    "no data": lambda: sample("ClockAccepted", data={}),
    "more data": lambda: sample("ClockAccepted", data=data_of("ClockAccepted") | {"why": "x"}),
    "a number": lambda: sample("ClockAccepted", data={"last_recorded_at": 1}),
    "no instant": lambda: sample("ClockAccepted", data={"last_recorded_at": "2099-01-01T00:00:00Z"}),
    "a day that is none": lambda: sample("ClockAccepted", data={"last_recorded_at": "2099-02-30T00:00:00.000000Z"}),
    "its own instant": lambda: sample("ClockAccepted", data={"last_recorded_at": "2099-01-01T00:00:00.000001Z"}),
    "an erasure of nobody": lambda: sample("ErasureRequested", data={}),
    "an erasure with its reason": lambda: sample("ErasureCompleted", data=data_of("ErasureCompleted") | {"reason": "x"}),
    "an erasure that names an address": lambda: sample("ErasureRequested", data={"subject": "anna@example.org"}),
    "an erasure by the fact of another": lambda: sample("ErasureRequested", data={"subject": "s-1"}),
    "an end by the fact of a request": lambda: sample("ErasureCompleted", fact=LOG_SAMPLES["ErasureRequested"].fact),
    "a rotation without a statement": lambda: sample("KeyRotated", data=data_of("KeyRotated") | {"statement": ""}),
    "a rotation with more": lambda: sample("KeyRotated", data=data_of("KeyRotated") | {"why": "x"}),
    "keys that nobody signed for": lambda: sample("KeyRotated", data=data_of("KeyRotated") | {"new": str(LOG_KEY.verifier)}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_no_ledger_writes_is_found(name: str) -> None:
    event = BAD[name]()
    with pytest.raises(ProofError):
        check_log_event(event)
    findings: list[Finding] = []
    assert judge_log_events([event, None], findings) == []
    (finding,) = findings
    assert finding.verdict == ("tampered" if event.type == "KeyRotated" else "refuted")
    assert event.where in finding.what


@pytest.mark.parametrize(
    ("type_name", "data"),
    [
        ("ClockAccepted", {"last_recorded_at": "2010-01-01T00:00:00.000000Z", "since": "x"}),
        ("KeyRotated", {}),
        ("ErasureRequested", {"subject": "s-1"}),
        ("ErasureCompleted", {"subject": "s-1", "reason": "x"}),
    ],
)
def test_the_audit_and_the_monitor_both_find_it(type_name: str, data: dict[str, Any], tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.writer.note(type_name, data, "forged")
        ledger.seal()
        reports = ledger.audit(), watch(ledger.folder, tmp_path / "s")
        assert {report.verdict for report in reports} == {"tampered" if type_name == "KeyRotated" else "refuted"}
        assert set(reports[0].findings) == set(reports[1].findings)
