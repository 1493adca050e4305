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
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ledger.errors import SealError
from ledger.monitor.checkpoints import Checkpoints, text_of
from ledger.monitor.damage import StateDamaged
from ledger.monitor.entries import Beside, LogEntries
from ledger.monitor.memory import Memory
from ledger.monitor.places import Places
from ledger.monitor.proven import AHEAD_MAX_US, Ahead, NotNow, Progress, ProvenEntries
from ledger.monitor.receipts import Receipts
from ledger.monitor.report import MonitorReport
from ledger.monitor.streams import StreamTaker
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.event import format_instant
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.policy import Policy
from ledger.proof.programme import ProofProgrammes
from ledger.seal.findings import Finding, judge_handovers
from ledger.seal.log_reader import LogReader

Answer = TypeVar("Answer")
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
        self._log = log
        self._policy = policy
        self._programmes = programmes
        self._judging: tuple[StreamTaker | None, Beside | None] = judging or (None, None)
        self._clock_us = clock_us
        first = min(policy.logs, key=lambda log: (log.first_size, str(log.key)))  # it stays, whatever keys follow it
        self._memory = Memory(folder, identity_of(policy.origin, str(first.key)), version, once=judging is not None)
        self._under: ProvenEntries | None = None
        self.checkpoints = Checkpoints(log, policy, self._memory, self._saw, timed=bool(receipts))
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
        return self._memory.checkpoints.root_at(size) if size <= self.size else None

    def round(self, on_progress: Progress | None = None) -> MonitorReport:
        """Follows the log to its published checkpoint. Raises LogUnreachable, LogDenied or OSError where it cannot be had.

        Raises MalformedError where a file of receipts is none.
        """
        return self._with_memory(partial(self._round, on_progress))

    def _round(self, on_progress: Progress | None) -> MonitorReport:
        passing: list[Finding] = []
        published = self.checkpoints.look(passing)
        if published is not None:
            passing += self.checkpoints.older(published)
            try:
                while not self._advance(published):
                    if on_progress is not None:
                        on_progress(self.size, published.size)
            except Ahead as refused:
                passing.append(self._clock_behind(refused.recorded_us) or refused.finding)
            except NotNow as refused:
                passing.append(refused.finding)
            passing += self.checkpoints.lacking(min(published.size, self.size))
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
            places = self._entries.take_unsealed(first, events, leaves)
        self._unkept = (self._unkept or 0) + len(events)
        if self._unkept >= KEPT_AFTER:
            self._keep(settle=False)
        return places

    def judged_unsealed(self) -> list[Finding]:
        """What was found so far, with what was not in the log."""
        with self._all_or_nothing():
            self._entries.keep(self.checkpoints.contradictions(self.size), settle=True)
        return self.findings()

    def count_sealed(self, published: Checkpoint) -> int:
        """How many events a checkpoint has: as derived, or else by the checkpoints that were seen."""
        return self._entries.through if self.size >= published.size else self.checkpoints.count_sealed(published)

    def see(self, checkpoint: Checkpoint, signed: bytes) -> None:
        """Keeps what the log has signed; two of one size are proof against it for ever."""
        self._with_memory(partial(self.checkpoints.see, checkpoint, signed))

    def _saw(self, checkpoint: Checkpoint, signed: bytes) -> None:
        if self._receipts is not None:
            self._receipts.saw(checkpoint, signed)

    # Rounds

    def _report(self, passing: list[Finding]) -> MonitorReport:
        entries = self._entries
        return MonitorReport(
            self.size,
            entries.events,
            entries.count_streams,
            entries.announcements,
            entries.decisions,
            self._memory.checkpoints.count_checkpoints(),
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
        now_us, witnessed_us = self._now_us(), self.checkpoints.witnessed_us
        if now_us is None or witnessed_us is None or recorded_us > witnessed_us + AHEAD_MAX_US:
            return None
        expected = f"{format_instant(witnessed_us)} or later, when a quorum of witnesses had cosigned the checkpoint"
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
            last = self._memory.checkpoints.last_up_to(self.size)
            if refused.finding.verdict != "tampered" or last is None:
                raise
            notes = [text_of(seen.note) for seen in self._memory.checkpoints.seen_at(under.checkpoint.size)]
            what = f"checkpoint of size {under.checkpoint.size}, by the log's tiles"
            expected = f"one that extends this: {text_of(last.note)}"
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
            self._entries.keep(
                self.checkpoints.contradictions(self.size), settle=settle and not goes_on, pause=pause and not goes_on
            )
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
