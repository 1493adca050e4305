"""The monitor: follows a log by its files alone, and derives again everything that it says.

A round reads the published checkpoint and the history of checkpoints, and then goes from the size where the last round
ended up to the published one, some entries at a time. Entries are taken only once they are proven: the tree over them, and
over all entries before them, has to be a prefix of the checkpoint's, and the tiles have to be those of this tree. Then they
are judged (`entries`, `streams`), and what was derived is on disk before the round goes on.

What is found is of two kinds. What follows from entries, or from two checkpoints of one size, is signed by the log: it stays
true, and is kept for ever. What lies in the files that are served (a tile that is missing or of another tree, a checkpoint
that is older than the last, a history that was cut) is said in each round in which it is so, and the monitor takes no entry
that it could not prove. A log that cannot be reached is not guilty of anything.

With files of receipts, each round ends with what they promised (`receipts`).

With a clock, an event recorded more than `AHEAD_MAX_US` past it is not taken yet; that is of the second kind. Where a quorum of
witnesses had cosigned the checkpoint at a time by which it is not ahead, the clock here is at fault, and the log is not.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ledger.errors import SealError
from ledger.monitor.entries import Beside, LogEntries
from ledger.monitor.memory import FINDINGS_MAX, Memory, Seen, StateDamaged
from ledger.monitor.places import Places
from ledger.monitor.proven import AHEAD_MAX_US, Ahead, NotNow, Progress, ProvenEntries
from ledger.monitor.receipts import Receipts
from ledger.monitor.report import MonitorReport
from ledger.monitor.streams import StreamTaker
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import IncompleteError, ProofError
from ledger.proof.log.event import format_instant
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.note import parse_note
from ledger.proof.log.policy import Policy, log_checkpoint, require_quorum
from ledger.proof.programme import ProofProgrammes
from ledger.seal.findings import Finding, finding_of, judge_handovers
from ledger.seal.log_reader import HistoryLine, LogReader
from ledger.seal.signed_history import SignedHistory, beyond_published, out_of_order

Answer = TypeVar("Answer")
SECOND_US: Final = 1_000_000
KEPT_AFTER: Final = 1 << 18
"""After so many entries what was derived is brought to disk, if the round does not end before."""


class Judging(NamedTuple):
    """Who else takes part where a monitor is not to go on later: an audit."""

    streams: StreamTaker
    """Judges what the log records of its streams."""
    beside: Beside
    """Is shown each event."""


class Monitor:
    """Follows one log, and keeps in a folder what it derived."""

    def __init__(
        self,
        log: LogReader,
        policy: Policy,
        programmes: ProofProgrammes,
        folder: Path,
        version: str,
        clock_us: Callable[[], int] | None = None,
        receipts: Sequence[Path] = (),
        judging: Judging | None = None,
    ) -> None:
        """`version` is the program's: what another one kept is derived anew. Raises SealerBusy where one is at work.

        `receipts` are files of them, which are read on in each round. With `judging` the folder has to be empty.
        """
        self.published: Checkpoint | None = None
        """The published checkpoint, as the last round saw it."""
        self._signed: bytes | None = None
        self._witnessed_us: int | None = None
        """When a quorum of witnesses had cosigned that; None where none is asked for, or it lacks."""
        self._log = log
        self._policy = policy
        self._log_alone = replace(policy, witnesses=())
        self._programmes = programmes
        self._judging: tuple[StreamTaker | None, Beside | None] = judging or (None, None)
        self._clock_us = clock_us
        first = min(policy.logs, key=lambda log: (log.first_size, str(log.key)))  # it stays, whatever keys follow it
        self._memory = Memory(folder, identity_of(policy.origin, str(first.key)), version, once=judging is not None)
        self._under: ProvenEntries | None = None
        self._history = SignedHistory(log)
        self._looking = sha256(repr((policy, bool(receipts))).encode("utf-8")).digest()
        """By what the history is looked at: with receipts each checkpoint's time is wanted."""
        self._unkept: int | None = 0
        """Entries that were taken and are not on disk; None where all is on disk and settled."""
        self._receipts: Receipts | None = None
        self._load()
        self._receipts = Receipts(receipts, policy, self._memory, log) if receipts else None

    def close(self) -> None:
        """Lets another monitor use the folder."""
        self._memory.close()

    @property
    def size(self) -> int:
        """So many entries were taken."""
        return self._entries.edge.size

    def notices(self) -> list[str]:
        """What is to be told of the state that was found; each once."""
        notices, self._memory.notices = self._memory.notices, []
        return notices

    def findings(self) -> list[Finding]:
        """What the log has signed and cannot be. Raises OSError where that is damaged: it has to be derived anew first."""
        try:
            with self._memory.reading():
                return self._memory.findings()
        except StateDamaged as error:
            self._begin_anew(error)
            raise OSError(
                errno.EIO, "found what was derived damaged, expected to read it: it is derived anew"
            ) from error

    def root_at(self, size: int) -> bytes | None:
        """The root over so many entries, of those that were taken, where the last of them is a heads entry; or of none."""
        if size == 0:
            return EMPTY_ROOT
        return self._memory.root_at(size) if size <= self.size else None

    def round(self, on_progress: Progress | None = None) -> MonitorReport:
        """Follows the log to its published checkpoint. Raises LogUnreachable, LogDenied or OSError where it cannot be had.

        Raises MalformedError where a file of receipts is none.
        """
        return self._with_memory(partial(self._round, on_progress))

    def _round(self, on_progress: Progress | None) -> MonitorReport:
        passing: list[Finding] = []
        with self._memory.transaction():
            signed = self._signed = self._look_back(passing)
            published = self.published = self._see(signed, passing, is_published=True) if signed else None
        if published is not None:
            self._require_newest(published, passing)
            passing += beyond_published(published.size, self._memory.seen_unpublished_beyond(published.size))
            try:
                while not self._advance(published):
                    if on_progress is not None:
                        on_progress(self.size, published.size)
            except Ahead as refused:
                passing.append(self._clock_behind(refused.recorded_us) or refused.finding)
            except NotNow as refused:
                passing.append(refused.finding)
            if self._history.is_kept:
                self._require_history(published, passing)
        if self._receipts is not None:
            with self._memory.reading():
                self._receipts.round(self._entries, self._now_us(), is_sound=not self._memory.findings())
                passing += self._receipts.findings()
        return self._report(passing)

    def advance(self, checkpoint: Checkpoint) -> bool:
        """Takes the next entries under a checkpoint that the log signed; True once all are taken, and on disk.

        Raises NotNow where the files do not prove them; LogUnreachable, LogDenied or OSError where they cannot be had.
        """
        return self._with_memory(partial(self._advance, checkpoint))

    # Behind the log

    @property
    def count_streams(self) -> int:
        """How many streams there are, with those of events that are not in the log."""
        return self._entries.count_streams

    def take_unsealed(self, first: int, events: Sequence[bytes], leaves: Sequence[bytes]) -> Places:
        """Judges events that the log is not proven to have, as a book has them from a position on; what they say."""
        with self._all_or_nothing():
            return self._entries.take_unsealed(first, events, leaves)

    def judged_unsealed(self) -> list[Finding]:
        """What was found so far, with what was not in the log."""
        with self._all_or_nothing():
            self._entries.keep(self._contradictions(), settle=True)
        return self.findings()

    def history_ends_in(self) -> str | None:
        """None where the history of checkpoints ends in the published one, or none is published; else what is there."""
        return None if self._signed is None else self._history.ends_in(self._signed)

    def count_sealed(self, published: Checkpoint) -> int:
        """How many events a checkpoint has: as derived, or else by the checkpoints that were seen."""
        if self.size >= published.size:
            return self._entries.through
        return published.size - self._memory.count_sizes(published.size)

    # Checkpoints

    def _look_back(self, passing: list[Finding]) -> bytes | None:
        """The published checkpoint, once the new ones of the history were seen."""
        sound, is_sound = self._memory.sound_history(self._looking), True
        self._history.go_back_to(sound)

        largest = 0 if sound is None else parse_checkpoint(parse_note(sound.note)[0]).size

        def take(line: HistoryLine) -> None:
            nonlocal sound, is_sound, largest
            before = len(passing)
            largest = largest if line.start else 0  # it may be another history by now, from its beginning
            if before < FINDINGS_MAX and (seen := self._see(line.note, passing, is_published=False)) is not None:
                passing.extend(out_of_order(largest, seen.size))
                largest = max(largest, seen.size)
            is_sound = is_sound and len(passing) == before < FINDINGS_MAX
            sound = line if is_sound else sound

        signed = self._history.read(take, passing)
        self._memory.keep_sound_history(self._looking, sound)
        return signed

    def _see(self, signed: bytes, passing: list[Finding], *, is_published: bool) -> Checkpoint | None:
        """The checkpoint in a note, if the log signed it; kept, as what the log has said."""
        try:
            trusted = log_checkpoint(signed, self._policy if is_published else self._log_alone)
        except ProofError as error:
            passing.append(finding_of(error))
            return None
        if is_published:
            self._witnessed_us = None
            try:
                require_quorum(trusted, self._policy)
                if self._policy.quorum:
                    self._witnessed_us = (
                        sorted(time_s for _, time_s in trusted.cosigned)[self._policy.quorum - 1] * SECOND_US
                    )
            except IncompleteError as error:
                passing.append(finding_of(error))
        checkpoint = trusted.checkpoint
        self._see_signed(checkpoint, signed, published=is_published)
        return checkpoint

    def see(self, checkpoint: Checkpoint, signed: bytes) -> None:
        """Keeps what the log has signed; two of one size are proof against it for ever."""
        self._with_memory(partial(self._see_signed, checkpoint, signed, published=False))

    def _see_signed(self, checkpoint: Checkpoint, signed: bytes, *, published: bool) -> None:
        with self._memory.transaction():
            others = [seen for seen in self._memory.seen_at(checkpoint.size) if seen.root != checkpoint.root]
            if others:
                what = f"second checkpoint of size {checkpoint.size}"
                self._memory.keep_findings([Finding("tampered", what, _text(signed), _text(others[0].note))])
            self._memory.see(Seen(checkpoint.size, checkpoint.root, signed), published=published)
            if self._receipts is not None:
                self._receipts.saw(checkpoint, signed)

    def _require_newest(self, published: Checkpoint, passing: list[Finding]) -> None:
        largest = self._memory.largest_published()
        if largest is not None and largest.size > published.size:
            (now, *_) = (seen for seen in self._memory.seen_at(published.size) if seen.root == published.root)
            what = f"published checkpoint of size {published.size}"
            expected = f"{_text(largest.note)}, which was published before"
            passing.append(Finding("tampered", what, _text(now.note), expected))

    def _require_history(self, published: Checkpoint, passing: list[Finding]) -> None:
        """Every heads entry stands under a checkpoint that the log shows, or once showed."""
        if lacking := self._memory.unseen(min(published.size, self.size)):
            found = f"none of size {lacking[0]}, and {lacking[1]} lack in all"
            passing.append(Finding("incomplete", "history of checkpoints", found, "every one"))

    def _contradictions(self) -> Iterator[Finding]:
        """Every checkpoint that was ever seen is what the entries lead to, the last of them a heads entry."""
        for seen, root in self._memory.contradicted(self.size):
            expected = "a heads entry as the last entry under it" if root is None else self._against(seen.size, root)
            yield Finding("tampered", f"checkpoint of size {seen.size}", _text(seen.note), expected)

    def _against(self, size: int, root: bytes) -> str:
        """The root as derived, and a checkpoint over it, to be shown beside another."""
        later = self._memory.first_from(size)
        return f"root {root.hex()}, as derived" + ("" if later is None else f" under {_text(later.note)}")

    def _report(self, passing: list[Finding]) -> MonitorReport:
        entries = self._entries
        return MonitorReport(
            self.size,
            entries.events,
            entries.count_streams,
            entries.announcements,
            entries.decisions,
            self._memory.count_checkpoints(),
            None if self._receipts is None else self._receipts.counts(),
            tuple(dict.fromkeys([*self._memory.findings(), *passing, *self.check_keys()])),
        )

    def check_keys(self) -> Iterator[Finding]:
        """Every key that signs is the policy's first, or was introduced by a rotation whose older key is known."""
        yield from judge_handovers(self._entries.streams.handovers, self._policy, self.size)

    # Entries

    def _advance(self, checkpoint: Checkpoint) -> bool:
        edge = self._entries.edge
        if checkpoint.size <= edge.size:
            self._require_part(checkpoint)
            if self._unkept is not None:
                self._keep(settle=True)
            return True
        try:
            if self._under is None or self._under.checkpoint != checkpoint:
                under = ProvenEntries(self._log, checkpoint)
                self._require_extension(under)
                self._under = under
            taken, after = self._under.next(edge, self._now_us())
        except (NotNow, SealError, OSError):
            self._under = None
            if self._unkept or self._memory.facts.are_waiting:
                self._keep(settle=False, pause=True)
            raise
        with self._all_or_nothing():
            self._entries.take(taken)
        self._entries.edge = after
        self._unkept = (self._unkept or 0) + len(taken.entries)
        if after.size == checkpoint.size or self._unkept >= KEPT_AFTER:
            self._keep(settle=after.size == checkpoint.size)
        return after.size == checkpoint.size

    def _now_us(self) -> int | None:
        return None if self._clock_us is None else self._clock_us()

    def _clock_behind(self, recorded_us: int) -> Finding | None:
        """That the clock here is wrong, where by those of a quorum of witnesses an instant does not lie in the future."""
        now_us = self._now_us()
        if now_us is None or self._witnessed_us is None or recorded_us > self._witnessed_us + AHEAD_MAX_US:
            return None
        expected = (
            f"{format_instant(self._witnessed_us)} or later, when a quorum of witnesses had cosigned the checkpoint"
        )
        return Finding("unverifiable", "the clock here", format_instant(now_us), expected)

    def _require_part(self, checkpoint: Checkpoint) -> None:
        """A checkpoint of a size up to ours is one of our log."""
        if (root := self.root_at(checkpoint.size)) != checkpoint.root:
            expected = "a heads entry as the last entry under it" if root is None else f"{root.hex()}, as derived"
            what = f"root of the checkpoint of size {checkpoint.size}"
            raise NotNow(Finding("tampered", what, checkpoint.root.hex(), expected))

    def _require_extension(self, under: ProvenEntries) -> None:
        """A larger checkpoint extends what we have; where it does not, both are shown: they are the proof."""
        try:
            under.require_extends(self._entries.edge)
        except NotNow as refused:
            last = self._memory.last_up_to(self.size)
            if refused.finding.verdict != "tampered" or last is None:
                raise
            notes = [_text(seen.note) for seen in self._memory.seen_at(under.checkpoint.size)]
            what = f"checkpoint of size {under.checkpoint.size}, by the log's tiles"
            expected = f"one that extends this: {_text(last.note)}"
            raise NotNow(Finding("tampered", what, notes[0] if notes else refused.finding.found, expected)) from refused

    def _load(self) -> None:
        self._under, self._unkept = None, 0
        try:
            with self._memory.reading():
                self._entries = LogEntries(self._programmes, self._memory, *self._judging)
        except StateDamaged as error:
            self._begin_anew(error)

    def _begin_anew(self, damage: StateDamaged) -> None:
        """After damage nothing that was derived is believed, and the history of checkpoints is looked at again.

        Raises OSError where others take part, who cannot begin again.
        """
        if self._judging != (None, None):
            what = f"found what was just written damaged ({damage}), expected a sound disk"
            raise OSError(errno.EIO, what) from damage
        self._memory.begin_anew(f"is damaged ({damage})")
        self._under, self._unkept = None, 0
        self._entries = LogEntries(self._programmes, self._memory, *self._judging)
        if self._receipts is not None:
            self._receipts.begin()

    def _with_memory(self, work: Callable[[], Answer]) -> Answer:
        """What some work gives; where what is kept turns out to be damaged, once more after it was begun anew."""
        try:
            with self._memory.reading():
                return work()
        except StateDamaged as error:
            self._begin_anew(error)
        try:
            with self._memory.reading():
                return work()
        except StateDamaged as error:
            raise OSError(errno.EIO, f"found what was just written damaged ({error}), expected a sound disk") from error

    def _keep(self, *, settle: bool, pause: bool = False) -> None:
        goes_on = self._judging != (None, None)  # with what is not in the log
        with self._all_or_nothing():
            self._entries.keep(self._contradictions(), settle=settle and not goes_on, pause=pause and not goes_on)
        self._unkept = None if settle else 0

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """What fails in the middle is as if it had not begun."""
        try:
            with self._memory.reading():
                yield
        except StateDamaged:
            raise
        except BaseException:
            self._memory.rollback()
            self._load()
            raise


def identity_of(origin: str, key: str = "") -> str:
    """What a state says it is of; without the key, how that begins."""
    return f"{origin}, key {key}"


def _text(signed: bytes) -> str:
    return signed.decode("utf-8", "backslashreplace")
