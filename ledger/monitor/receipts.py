"""Receipts under watch: whether the log keeps what they promised, by what a monitor has derived of it.

    receipts = Receipts(files, policy, memory, log)
    receipts.saw(checkpoint, note)                  each checkpoint, for its time
    receipts.round(taken, now_us)                   after the log was followed: what comes, and what is open
    receipts.counts(), receipts.findings()

The judgements are the verifier's (`ledger.proof.receipts.judging`); here is found what they are on. A leaf is read from the
log's tiles and proven under the root that was derived; where its event stands follows from the heads entries; and whether
its stream reaches it, from the monitor, which derived the map of each heads entry: in a log in which something is wrong no
more receipts are kept. Open receipts whose fact, or place in the stream, is taken by an event before their position are
judged by all entries (`judge_log`), a few a round: in an honest log there are none.

What is kept or broken stays so. A late one is looked at again where a checkpoint with an earlier time turns up, since the
clocks of witnesses differ. The clock here says one thing alone: that an event is recorded in the future, which would make
its promise empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.errors import LogDamaged
from ledger.monitor.damage import StateDamaged
from ledger.monitor.entries import LogEntries
from ledger.monitor.memory import Memory
from ledger.monitor.proven import AHEAD_MAX_US, NotNow, not_now
from ledger.monitor.receipt_files import ReceiptFile, opened
from ledger.monitor.receipt_memory import Difference, Known, ReceiptMemory, Timed
from ledger.monitor.receipt_times import Times, first_time
from ledger.monitor.report import ReceiptCounts
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import MalformedError, ProofError, TamperedError, Words, shown
from ledger.proof.log.event import format_instant
from ledger.proof.log.merkle import verify_inclusion
from ledger.proof.log.merkle_tree import HashReader, inclusion_proof, stored_index
from ledger.proof.log.policy import Policy, checkpoint_time, log_checkpoint
from ledger.proof.log.tiles import hash_reader
from ledger.proof.receipts.holding import LINE_MAX_BYTES, hold, parse_handed
from ledger.proof.receipts.judging import Judgement, contradiction, foremost, judge_place, other_leaf
from ledger.proof.receipts.receipt import SECOND_US, Receipt, open_receipt
from ledger.seal.findings import Finding
from ledger.seal.log_reader import LogReader
from ledger.seal.receipt_proofs import judge_log

SHOWN_MAX: Final = 100
"""So many receipts of a verdict are named; the counts are of all."""
SEARCHED_MAX: Final = 3
"""For so many receipts a round all entries are gone over."""


class Receipts:
    """The receipts of some files, as one monitor judges them."""

    def __init__(self, files: Sequence[Path], policy: Policy, memory: Memory, log: LogReader) -> None:
        self._files = [*dict.fromkeys(path.absolute() for path in files)]
        self._policy = policy
        self._log = log
        self._memory = memory
        self._kept = ReceiptMemory(memory)
        self._passing: list[Finding] = []
        self._judged_at: tuple[int, bool] | None = None
        """The size up to which all was judged, and whether the log was sound."""
        self._waits: dict[Path, int] = {}
        self.begin()

    def begin(self) -> None:
        """What was judged by another policy, or of other files, is forgotten; before any checkpoint is seen."""
        with self._memory.transaction():
            self._kept.go_by(sha256(repr(self._policy).encode("utf-8")).digest(), [*map(str, self._files)])

    def saw(self, checkpoint: Checkpoint, note: bytes) -> None:
        """Keeps the time of a checkpoint; part of the transaction that is begun."""
        if self._kept.has_time(note):
            return
        with suppress(ProofError):
            time_s = checkpoint_time(log_checkpoint(note, self._policy), self._policy)
            self._kept.keep_time(note, Timed(checkpoint.size, checkpoint.root, time_s))

    def round(self, taken: LogEntries, now_us: int | None, *, is_sound: bool) -> None:
        """Reads what came, and judges what is open by the entries that were taken, all of which are on disk.

        Raises OSError, or MalformedError for a file that is none; LogUnreachable or LogDenied.
        """
        self._passing = []
        is_new = [self._read(path) for path in self._files]
        if now_us is not None:
            self._require_past(now_us + AHEAD_MAX_US)
        size = taken.edge.size
        fresh = self._kept.times(size, new=True)
        if not fresh and not any(is_new) and self._judged_at == (size, is_sound):
            return
        self._judged_at = None
        times = Times(self._kept.times(size), self._policy)
        try:
            self._find(taken, times, is_sound=is_sound)
            self._time(times, first_time(fresh), taken.through, is_sound=is_sound)
            if self._search(taken.events):
                self._judged_at = size, is_sound
        except NotNow as refused:
            self._passing.append(refused.finding)
            return
        with self._memory.transaction():
            self._kept.judged_by_all(size)

    def counts(self) -> ReceiptCounts:
        """How many there are of each verdict."""
        counts = self._kept.counts()
        of_each = {verdict: counts.get(verdict, 0) for verdict in ("kept", "late", "broken", "unproven")}
        return ReceiptCounts(**of_each, unreadable=self._kept.count_unreadable())

    def findings(self) -> list[Finding]:
        """What speaks against the log, and what could not be read."""
        return [
            *(Finding("tampered", *one) for one in self._kept.words("broken", SHOWN_MAX)),
            *(Finding("incomplete", *one) for one in self._kept.words("late", SHOWN_MAX)),
            *self._passing,
            *(Finding("unverifiable", *one) for one in self._kept.lines(SHOWN_MAX)),
        ]

    # Reading

    def _read(self, path: Path) -> bool:
        """Takes the lines that came; whether there were any."""
        name, is_new = str(path), False
        with opened(path, self._kept.file(name)) as file:
            if file.is_another:
                with self._memory.transaction():
                    self._kept.keep_file(name, None)
            for lines in file.chunks():
                is_new = is_new or bool(lines)
                with self._memory.transaction():
                    for number, line in lines:
                        self._take(file, number, line)
                    self._kept.keep_file(name, file.state)
            if (over := file.over()) is not None:
                self._passing.append(Finding("unverifiable", *over))
            if file.waiting and self._waits.get(path) != file.state.offset:
                found = f"a last line of {file.waiting} bytes without its end"
                self._memory.notices.append(f"{path}: found {found}, expected a line break; it waits")
                self._waits[path] = file.state.offset
        return is_new

    def _take(self, file: ReceiptFile, number: int, line: bytes | None) -> None:
        try:
            if line is None:
                raise MalformedError("receipt", found=Words("more"), expected=Words(f"at most {LINE_MAX_BYTES} bytes"))
            handed = parse_handed(line)
            if self._kept.has(handed.receipt):
                return
            receipt = open_receipt(handed.receipt, self._policy)
            hold(handed, receipt)
        except ProofError as error:
            if file.state.unreadable < SHOWN_MAX:
                what = f"line {number} of {str(file.path)!a}: {error.what}"
                self._kept.keep_line(
                    str(file.path), number, Difference(what, shown(error.found), shown(error.expected))
                )
            file.state = file.state._replace(unreadable=file.state.unreadable + 1)
            return
        others = self._kept.of_another_leaf(receipt)
        added = self._kept.add(receipt, handed.receipt)
        for other in others:
            for row, one, note, against, theirs in (
                (added, receipt, handed.receipt, other.receipt, other.note),
                (other.number, other.receipt, other.note, receipt, handed.receipt),
            ):
                if (contradicting := contradiction(one, against)) is not None:
                    self._break(row, one, note, contradicting, f"by another receipt: {_text(theirs)}")

    def _require_past(self, until_us: int) -> None:
        for one in self._kept.ahead(until_us, SHOWN_MAX):
            found = format_instant(one.receipt.recorded_us)
            expected = f"{format_instant(until_us)} or earlier, by the clock here"
            self._passing.append(Finding("refuted", f"{_name(one.receipt)}: recorded_at", found, expected))

    # Judging

    def _find(self, taken: LogEntries, times: Times, *, is_sound: bool) -> None:
        """Those whose events the log has to have by now: what stands at their places."""
        size, root = taken.edge.size, taken.edge.root()
        read = hash_reader(size, self._log.read_tile)
        for some in self._kept.to_find(taken.through):
            with self._memory.transaction():
                for one in some:
                    if (sealed := self._memory.checkpoints.sealed_from(one.position)) is None:
                        raise StateDamaged(f"no heads entry speaks for position {one.position}")
                    receipt, index = one.receipt, sealed[0] - 2 - (sealed[1] - one.position)
                    error = other_leaf(receipt, index, _leaf(index, size, root, read))
                    if error is not None:
                        self._break(one.number, receipt, one.note, error, f"under the root {root.hex()} of size {size}")
                        continue
                    self._kept.include(one.number, sealed[0])
                    self._judge(one, receipt, times.deciding(sealed[0]), is_sound=is_sound)

    def _time(self, times: Times, earliest_s: int | None, through: int, *, is_sound: bool) -> None:
        """Those that new times can settle, of which the earliest is given; and those that are late by now."""
        some_of = self._kept.to_time(earliest_s * SECOND_US) if is_sound and earliest_s is not None else ()
        for some in some_of:
            with self._memory.transaction():
                for one in some:
                    self._judge(one, one.receipt, times.deciding(one.included or 0), is_sound=is_sound)
        latest = times.latest()
        if latest is None or latest.time_s is None:
            return
        for some in self._kept.overdue(through, latest.time_s * SECOND_US):
            with self._memory.transaction():
                for one in some:
                    self._judge(one, one.receipt, [(latest, False)], is_sound=is_sound)

    def _judge(self, one: Known, receipt: Receipt, deciding: Sequence[tuple[Timed, bool]], *, is_sound: bool) -> None:
        judgements = []
        for at, has_it in deciding:
            in_log = None if has_it and not is_sound else has_it
            checkpoint = Checkpoint(self._policy.origin, at.size, at.root)
            judgements.append(judge_place(receipt, self._policy, in_log, checkpoint, at.time_s))
        judgement = foremost(judgements)
        if judgement.verdict != one.verdict or judgement.verdict == "late":
            self._kept.settle(one.number, judgement.verdict, _late(receipt, judgement))

    def _search(self, events: int) -> bool:
        """Open ones that an earlier event may contradict, by all entries; whether all of them are judged."""
        suspect = self._kept.suspect(events, SEARCHED_MAX)
        for one in suspect:
            try:
                judged = judge_log(self._log, one.note, self._policy)
            except (LogDamaged, ProofError):
                return False
            with self._memory.transaction():
                if judged is not None and judged.judgement.verdict == "broken":
                    error, under = judged.judgement.difference, _text(judged.proof.checkpoint)
                    assert isinstance(error, TamperedError)
                    self._break(one.number, one.receipt, one.note, error, f"under {under}")
                else:
                    self._kept.searched(one.number)
        return len(suspect) < SEARCHED_MAX

    def _break(self, number: int, receipt: Receipt, note: bytes, error: ProofError, by: str) -> None:
        found, expected = f"{shown(error.found)}, {by}", f"{shown(error.expected)}, by the receipt {_text(note)}"
        self._kept.settle(number, "broken", Difference(f"{_name(receipt)}: {error.what}", found, expected))


def _leaf(index: int, size: int, root: bytes, read: HashReader) -> bytes:
    """The leaf hash at an index, proven. Raises NotNow."""
    with not_now(f"tiles under the entry {index}"):
        (leaf,) = read([stored_index(0, index)])
        verify_inclusion(leaf, index, size, inclusion_proof(index, size, read), root)
    return leaf


def _late(receipt: Receipt, judgement: Judgement) -> Difference | None:
    if judgement.verdict != "late":
        return None
    at, time_s = judgement.checkpoint, judgement.time_s
    assert at is not None
    assert time_s is not None
    where = "in the log, later than that" if judgement.in_log else "not in the log"
    found = f"{where}, by the checkpoint of size {at.size}, cosigned at {format_instant(time_s * SECOND_US)}"
    expected = f"in the log by {format_instant(receipt.promised_us)}, at position {receipt.position}"
    return Difference(f"{_name(receipt)}: promised_by", found, expected)


def _name(receipt: Receipt) -> str:
    return f"receipt for fact {receipt.fact!a}"


def _text(signed: bytes) -> str:
    return signed.decode("utf-8", "backslashreplace")
