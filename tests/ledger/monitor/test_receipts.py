"""Receipts that a monitor holds against a log are kept, late, broken or unproven as the verifier says of each alone."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.instants import format_instant, parse_instant
from ledger.monitor import receipt_files
from ledger.monitor.report import MonitorReport
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.note import ED25519
from ledger.proof.log.signer import SignerKey
from ledger.proof.receipts.holding import parse_handed
from ledger.proof.receipts.receipt import SECOND_US
from ledger.seal.receipt_proofs import judge_log
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.handing import BELIEVED, DAY_S, cosigned, held, line_for, lines_of, lying_line
from tests.ledger.monitor.support import a_monitor
from tests.ledger.proof.receipts.support import RECEIPT_KEY, receipts_member
from tests.ledger.seal.support import NOW_US, policy, sqlite_ledger, witnessed

ANNOUNCED = ("EligibilityChanged", "DesignationChanged")
IN_TIME_S = NOW_US // SECOND_US + 3_600
PROMISED_S = NOW_US // SECOND_US + DAY_S
SEALED = 20
ONE = "membership-m-1"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """An honest book, all of it recorded at one instant."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        return history_of(ledger.store)


@pytest.fixture
def handed(told: list[Said]) -> list[bytes]:
    """A receipt for each fact of the book."""
    whole = HostLog()
    whole.take(told)
    return lines_of(whole, ANNOUNCED)


@pytest.fixture
def log(told: list[Said]) -> HostLog:
    """The beginning of the book, sealed in time."""
    log = HostLog()
    log.take(told[:SEALED])
    log.heads()
    cosigned(log, IN_TIME_S)
    return log


@pytest.fixture
def file(tmp_path: Path, handed: list[bytes]) -> Path:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(handed))
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def counts(report: MonitorReport) -> dict[str, int]:
    assert report.receipts is not None
    return {verdict: count for verdict, count in asdict(report.receipts).items() if count}


def one_by_one(log: HostLog, lines: list[bytes], quorum: int = 1) -> dict[str, int]:
    """What the verifier says of each receipt alone, by all entries."""
    asks: dict[str, Any] = witnessed(quorum) if quorum else {}
    found: Counter[str] = Counter()
    for note in {parse_handed(line).receipt for line in lines}:
        judged = judge_log(log, note, policy(**BELIEVED, **asks))
        found[judged.judgement.verdict if judged else "unproven"] += 1
    return dict(found)


def position_of(line: bytes) -> int:
    return int(json.loads(line)["receipt"].split("\n")[6])


def go_on(log: HostLog, told: list[Said], at_s: int = IN_TIME_S) -> None:
    log.take(told)
    log.heads()
    cosigned(log, at_s)


def an_extra(told: list[Said], name: str, **changed: Any) -> Said:
    """One more evaluation of m-2."""
    stream, event = next(one for one in told if one[1]["type"] == "EvaluationReceived")
    salt = "MDEyMzQ1Njc4OWFiY2RlZg=="
    return stream, event | {"fact": f"extra-{name}", "data": {"evaluation": f"e-{name}"}, "salt": salt} | changed


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


# What is no receipt


STRANGER = SignerKey(RECEIPT_KEY.name, ED25519, b"s" * 32)


def test_lines_that_hold_no_receipt_are_counted_and_named_and_accuse_nobody(
    log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    stored, place = json.loads(handed[0])["event"].encode(), position_of(handed[0])
    at_us = parse_instant(json.loads(stored)["recorded_at"])
    swapped = json.loads(handed[1]) | {"event": json.loads(handed[0])["event"]}
    no_receipts = [
        b"nonsense\n",
        lying_line(stored, place, STRANGER),
        lying_line(stored, place, promised_us=at_us + (DAY_S + 1) * SECOND_US),
        lying_line(stored, place, promised_us=at_us - 1),
        lying_line(stored, place, recorded_us=at_us - SECOND_US, promised_us=at_us),
        lying_line(stored, place, seq=77),
        json.dumps(swapped).encode() + b"\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ]
    file.write_bytes(b"".join([handed[0], b"\n", *no_receipts, handed[1]]))
    report = held(log, state, file, quorum=1)
    assert counts(report) == {"kept": 2, "unreadable": len(no_receipts)}
    assert report.verdict == "unverifiable"
    named = [one.what for one in report.findings]
    assert [f"line {number} of " in what for number, what in enumerate(named, 3)] == [True] * len(no_receipts)
    assert held(log, state, file, quorum=1) == report
    file.write_bytes(b"".join(handed))  # mended
    assert held(log, state, file, quorum=1).verdict == "confirmed"


def test_a_policy_that_believes_no_receipts_reads_none(
    log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    assert counts(held(log, state, file, quorum=1, receipts={"keys": [], "within_s": 0})) == {"unreadable": len(handed)}
    assert "kept" in counts(held(log, state, file, quorum=1))  # under another policy all is judged anew
    early = receipts_member(end=5)
    assert counts(held(log, state, file, quorum=1, receipts=early))["unreadable"] == sum(
        position_of(one) >= 5 for one in handed
    )


def test_an_event_recorded_in_the_future_makes_a_promise_empty(
    log: HostLog, file: Path, state: Path, told: list[Said]
) -> None:
    ahead = HostLog()
    ahead.take([an_extra(told, "ahead", recorded_at="2019-01-01T00:00:00.000000Z", seq=900)])
    file.write_bytes(line_for(ahead.entries[0], 99))
    for now, verdict in (("2018-12-31T23:54:59Z", "refuted"), ("2018-12-31T23:55:00Z", "confirmed")):
        with a_monitor(log, state, partial(parse_instant, now), files=[file], **BELIEVED) as monitor:
            report = monitor.round()
            assert (report.verdict, counts(report)) == (verdict, {"unproven": 1})


# Files


def test_a_file_is_read_on_as_it_grows_and_a_cut_last_line_waits(
    log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    whole = b"".join(handed[:3])
    file.write_bytes(b"")
    with a_monitor(log, state, files=[file], **BELIEVED, **witnessed()) as monitor:
        for end in range(0, len(whole) + 1, 97):
            file.write_bytes(whole[:end])
            assert sum(counts(monitor.round()).values()) == whole[:end].count(b"\n")
        assert monitor.notices()
        file.write_bytes(whole)
        assert counts(monitor.round()) == {"kept": 3}


@pytest.mark.parametrize("how", ["shorter", "another", "empty"])
def test_a_file_that_has_become_another_is_read_anew(
    how: str, log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    file.write_bytes(b"".join([b"nonsense\n", *handed[:4]]))
    assert counts(held(log, state, file, quorum=1)) == {"kept": 4, "unreadable": 1}
    file.write_bytes({"shorter": handed[5], "another": b"".join(handed[4:9]), "empty": b""}[how])
    new = {"shorter": 1, "another": 5, "empty": 0}[how]
    assert counts(held(log, state, file, quorum=1)) == {"kept": 4 + new}


def test_a_line_that_is_too_long_is_passed_over_wherever_it_is_cut(
    log: HostLog, file: Path, handed: list[bytes], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = max(map(len, handed))
    monkeypatch.setattr(receipt_files, "LINE_MAX_BYTES", longest)
    monkeypatch.setattr(receipt_files, "CHUNK_BYTES", 700)
    before, after = b"".join(handed[:2]), b"".join(handed[2:4])
    whole = before + b"x" * (longest * 3) + b"\n" + after + b"nonsense\n"
    with a_monitor(log, state, files=[file], **BELIEVED, **witnessed()) as monitor:
        for end in (len(before) + 10, len(before) + longest + 10, len(before) + 2 * longest, len(whole)):
            file.write_bytes(whole[:end])
            report = monitor.round()
            assert counts(report).get("unreadable", 0) == (end > len(before) + longest) + (end == len(whole))
    assert counts(report) == {"kept": 4, "unreadable": 2}
    assert [one.what.partition(" of ")[0] for one in report.findings] == ["line 3", "line 6"]


def test_a_file_that_is_too_large_is_read_up_to_there(
    log: HostLog, file: Path, handed: list[bytes], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_files, "FILE_MAX_BYTES", len(b"".join(handed[:3])))
    report = held(log, state, file, quorum=1)
    assert (report.verdict, counts(report)) == ("unverifiable", {"kept": 3})


def test_what_is_no_file_is_refused_and_one_that_is_not_there_is_an_error(
    log: HostLog, state: Path, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError, match="folder, pipe or device"):
        held(log, state, tmp_path, quorum=1)
    with pytest.raises(FileNotFoundError):
        held(log, state, tmp_path / "none", quorum=1)


def test_tiles_that_do_not_prove_a_place_judge_nothing(
    log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    held(log, state, quorum=1)
    tile = f"tile/0/000.p/{len(log.entries)}"
    hashes = log.read_path(tile, 10_000)
    assert hashes is not None
    log.spoilt[tile] = bytes(32) + hashes[32:]
    spoilt = held(log, state, file, quorum=1)
    assert (spoilt.verdict, counts(spoilt)) == ("tampered", {"unproven": len(handed)})
    log.spoilt.clear()
    log.lost.add(tile)
    lost = held(log, state, file, quorum=1)
    assert (lost.verdict, counts(lost)) == ("incomplete", {"unproven": len(handed)})
    log.lost.clear()
    assert held(log, state, file, quorum=1).verdict == "confirmed"


# The state


def spoil(state: Path) -> None:
    for path in state.glob("monitor.db*"):
        path.write_bytes(b"nonsense" * 600)


def cut_table(state: Path) -> None:
    with closing(sqlite3.connect(state / "monitor.db")) as db, db:
        db.execute("DELETE FROM sealed")
        db.execute("UPDATE receipts SET open = 1, included = NULL")


@pytest.mark.parametrize("damage", [spoil, cut_table])
def test_what_is_damaged_is_derived_anew(
    damage: Any, told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path
) -> None:
    report = held(log, state, file, quorum=1)
    damage(state)
    assert held(log, state, file, quorum=1) == report


def test_another_version_of_the_program_judges_anew(log: HostLog, file: Path, state: Path) -> None:
    report = held(log, state, file, quorum=1)
    with a_monitor(log, state, version="another", files=[file], **BELIEVED, **witnessed()) as monitor:
        assert monitor.round() == report


def test_a_round_that_dies_anywhere_goes_on(
    told: list[Said], log: HostLog, file: Path, handed: list[bytes], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of small chunks, each of which is on disk when the next begins."""
    from ledger.monitor.receipts import Receipts

    monkeypatch.setattr(receipt_files, "CHUNK_BYTES", 3_000)
    go_on(log, told[SEALED:])
    left = 0

    def dies(take: Any) -> Any:
        def die(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return take(*arguments, **named)

        return die

    for name in ("_take", "_judge"):
        monkeypatch.setattr(Receipts, name, dies(getattr(Receipts, name)))
    report = None
    for calls in range(7, 400, 7):
        left = calls
        try:
            report = held(log, state, file, quorum=1)
            break
        except KeyboardInterrupt:
            continue
    assert report is not None
    assert counts(report) == {"kept": len(handed)}
