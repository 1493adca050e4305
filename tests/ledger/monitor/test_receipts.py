"""Receipts that a monitor holds against a log are kept, late, broken or unproven as the verifier says of each alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from ledger.instants import format_instant
from ledger.proof.receipts.receipt import SECOND_US
from tests.ledger.monitor.forging import HostLog, Said
from tests.ledger.monitor.handing import BELIEVED, cosigned, held, line_for, lying_line
from tests.ledger.monitor.receipt_books import (
    IN_TIME_S,
    ONE,
    PROMISED_S,
    SEALED,
    an_extra,
    counts,
    file,
    go_on,
    handed,
    log,
    one_by_one,
    position_of,
    state,
    told,
)
from tests.ledger.monitor.support import a_monitor
from tests.ledger.seal.support import witnessed

__all__ = ["file", "handed", "log", "state", "told"]


# Honest logs


def test_what_is_sealed_in_time_is_kept_and_the_rest_unproven_until_it_is_sealed(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    report = held(log, state, file, quorum=1)
    assert report.verdict == "confirmed"
    assert set(counts(report)) == {"kept", "unproven"}
    assert counts(report) == one_by_one(log, handed)
    go_on(log, told[SEALED:])
    report = held(log, state, file, quorum=1)
    assert (report.verdict, counts(report)) == ("confirmed", {"kept": len(handed)})
    assert counts(report) == one_by_one(log, handed)


def test_before_the_first_checkpoint_every_receipt_is_unproven(file: Path, handed: list[bytes], state: Path) -> None:
    assert counts(held(HostLog(), state, file, quorum=1)) == {"unproven": len(handed)}


def test_a_policy_without_a_quorum_keeps_without_a_time_and_finds_nothing_late(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    go_on(log, told[SEALED:], PROMISED_S + 1_000)
    assert counts(held(log, state, file)) == {"kept": len(handed)} == one_by_one(log, handed, quorum=0)


def test_a_checkpoint_that_lacks_its_quorum_keeps_nothing(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    kept = counts(held(log, state, file, quorum=1))["kept"]
    log.take(told[SEALED:])
    log.heads()
    log.publish()
    report = held(log, state, file, quorum=1)
    assert counts(report) == {"kept": kept, "unproven": len(handed) - kept} == one_by_one(log, handed)
    cosigned(log, IN_TIME_S)  # and when it has it, it does
    assert counts(held(log, state, file, quorum=1)) == {"kept": len(handed)}


def test_duplicates_and_several_files_are_one_receipt_each(
    log: HostLog, file: Path, handed: list[bytes], state: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"\n".join([*handed[3:7], *handed[3:7]]))
    file.write_bytes(b"".join(handed[:5] * 3))
    report = held(log, state, file, other, file, quorum=1)
    assert report.receipts is not None
    assert sum(asdict(report.receipts).values()) == 7
    assert report.receipts.unreadable == 0


def test_a_receipt_that_promises_otherwise_for_the_same_event_contradicts_nothing(
    log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    line = handed[0]
    stored = json.loads(line)["event"].encode()
    file.write_bytes(line + line_for(stored, position_of(line), 7_200))
    assert counts(held(log, state, file, quorum=1)) == {"kept": 2}


def test_without_files_of_receipts_nothing_is_said_of_them(log: HostLog, file: Path, state: Path) -> None:
    held(log, state, file, quorum=1)
    assert held(log, state, quorum=1).receipts is None


class Counted(HostLog):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: Counter[str] = Counter()

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        self.paths[path.partition("/")[0]] += 1
        return super().read_path(path, max_bytes)


def test_a_round_costs_what_is_new(told: list[Said], file: Path, handed: list[bytes], state: Path) -> None:
    log = Counted()
    go_on(log, told[:SEALED])
    with a_monitor(log, state, files=[file], **BELIEVED, **witnessed()) as monitor:
        monitor.round()
        log.paths.clear()
        before = monitor.round()
        assert log.paths == {"checkpoint": 1, "checkpoints.jsonl": 1}
        with file.open("ab") as more:
            more.write(handed[0])  # known
        assert monitor.round() == before
        assert log.paths["tile"] == 0
    with a_monitor(log, state, files=[file], **BELIEVED, **witnessed()) as monitor:  # nothing kept is looked for again
        log.paths.clear()
        assert monitor.round() == before
        assert log.paths["tile"] == 0


# Late


def test_a_receipt_is_late_where_a_later_checkpoint_lacks_its_event_and_stays_so_when_it_comes(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    go_on(log, [told[SEALED]], PROMISED_S + 1)
    report = held(log, state, file, quorum=1)
    assert report.verdict == "incomplete"
    assert counts(report) == one_by_one(log, handed)
    assert {"kept", "late"} == set(counts(report))
    (finding, *_) = [one for one in report.findings if "position" in one.expected and position_of(handed[-1])]
    assert "promised_by" in finding.what
    assert format_instant((PROMISED_S + 1) * SECOND_US) in finding.found
    late = counts(report)["late"]
    go_on(log, told[SEALED + 1 :], PROMISED_S + 60)
    report = held(log, state, file, quorum=1)
    assert (report.verdict, counts(report)["late"]) == ("incomplete", late)
    assert counts(report) == one_by_one(log, handed)
    assert all("in the log, later" in one.found for one in report.findings)


def test_to_the_very_instant_it_is_in_time(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    go_on(log, told[SEALED:], PROMISED_S)
    assert counts(held(log, state, file, quorum=1)) == {"kept": len(handed)}


def test_a_late_receipt_is_kept_once_a_checkpoint_of_another_witness_clock_was_in_time(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    """The clocks of witnesses differ: a later checkpoint may have an earlier time."""
    go_on(log, [told[SEALED]], PROMISED_S + 2)
    assert "late" in counts(held(log, state, file, quorum=1))
    go_on(log, told[SEALED + 1 :], PROMISED_S - 1)
    report = held(log, state, file, quorum=1)
    assert (report.verdict, counts(report)) == ("confirmed", {"kept": len(handed)})
    assert counts(report) == one_by_one(log, handed)


# Broken


def test_a_dropped_event_breaks_its_receipt_and_those_of_all_after_it(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    dropped = next(place for place in range(SEALED, len(told)) if told[place][1]["type"] == "EvaluationReceived")
    go_on(log, [*told[SEALED:dropped], *told[dropped + 1 :], an_extra(told, "last")])
    report = held(log, state, file, quorum=1)
    assert report.verdict == "tampered"
    assert counts(report) == one_by_one(log, handed)
    line = next(one for one in handed if position_of(one) == dropped + 1)
    (finding,) = [one for one in report.findings if repr(json.loads(line)["fact"]) in one.what]
    assert finding.what.endswith(f"leaf at position {dropped + 1}, log index {dropped + 1}")
    assert json.loads(line)["receipt"] in finding.expected
    assert held(log, state, file, quorum=1).findings == report.findings


@pytest.mark.parametrize("later", [1, 3])
def test_what_took_its_place_in_the_stream_breaks_it_before_its_position_is_reached(
    later: int, told: list[Said], log: HostLog, file: Path, state: Path
) -> None:
    """An event is dropped with many of other streams before it, and its stream goes on."""
    book = log.copy()
    book.take([an_extra(told, "dropped")])
    line = line_for(book.entries[-1], 99)
    file.write_bytes(line)
    assert counts(held(log, state, file, quorum=1)) == {"unproven": 1}
    go_on(log, [an_extra(told, str(number)) for number in range(later)])
    report = held(log, state, file, quorum=1)
    assert counts(report) == {"broken": 1} == one_by_one(log, [line])
    assert report.verdict == "tampered"


def test_an_earlier_event_of_its_fact_breaks_it_before_its_position_is_reached(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    line = handed[-1]
    file.write_bytes(line)
    go_on(log, [an_extra(told, "same", fact=json.loads(line)["fact"])])
    report = held(log, state, file, quorum=1)
    assert counts(report) == {"broken": 1} == one_by_one(log, [line])
    assert report.verdict == "tampered"


def test_an_honest_log_is_never_gone_over_for_a_receipt(
    told: list[Said], file: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.monitor import receipts

    monkeypatch.setattr(receipts, "judge_log", lambda *_: pytest.fail("gone over"))
    log = HostLog()
    for place in range(0, len(told), 3):
        go_on(log, told[place : place + 3])
        assert held(log, state, file, quorum=1).verdict == "confirmed"


def test_two_receipts_that_contradict_each_other_are_both_broken_and_shown(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    first = handed[0]
    other = lying_line(json.loads(handed[1])["event"].encode(), position_of(first))
    file.write_bytes(first)
    assert counts(held(log, state, file, quorum=1)) == {"kept": 1}
    with file.open("ab") as more:
        more.write(other)
    report = held(log, state, file, quorum=1)
    assert (report.verdict, counts(report)) == ("tampered", {"broken": 2})
    mine, theirs = json.loads(first)["receipt"], json.loads(other)["receipt"]
    assert {(mine in one.found, theirs in one.expected) for one in report.findings} == {(True, True), (False, False)}


def test_in_a_log_against_which_something_is_held_no_receipt_is_kept(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    kept = counts(held(log, state, file, quorum=1))["kept"]
    log.take(told[SEALED:])
    log.heads({name: end for name, end in log.ends.items() if name != ONE})
    cosigned(log, IN_TIME_S)
    report = held(log, state, file, quorum=1)
    assert report.verdict == "tampered"
    assert counts(report) == {"kept": kept, "unproven": len(handed) - kept}
