"""Files of receipts that a monitor reads on, what is no receipt, and the state in which it remembers them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.instants import parse_instant
from ledger.monitor import receipt_files
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.note import ED25519
from ledger.proof.log.signer import SignerKey
from ledger.proof.receipts.receipt import SECOND_US
from tests.ledger.monitor.forging import HostLog, Said
from tests.ledger.monitor.handing import BELIEVED, DAY_S, held, line_for, lying_line
from tests.ledger.monitor.receipt_books import (
    SEALED,
    an_extra,
    counts,
    file,
    go_on,
    handed,
    log,
    position_of,
    state,
    told,
)
from tests.ledger.monitor.support import a_monitor
from tests.ledger.proof.receipts.support import RECEIPT_KEY, receipts_member
from tests.ledger.seal.support import witnessed

__all__ = ["file", "handed", "log", "state", "told"]


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
