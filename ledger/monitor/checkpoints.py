"""The checkpoints of one log, as a monitor has seen them: the published one, and the history of all.

What follows from two of one size, or from one and the entries, is signed by the log, and stays true. What lies in the files
that are served now is said in each round in which it is so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Final

from ledger.monitor.checkpoint_memory import Seen
from ledger.monitor.memory import FINDINGS_MAX, Memory
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import IncompleteError, ProofError
from ledger.proof.log.note import parse_note
from ledger.proof.log.policy import Policy, log_checkpoint, require_quorum
from ledger.seal.findings import Finding, finding_of
from ledger.seal.log_reader import HistoryLine, LogReader
from ledger.seal.signed_history import SignedHistory, beyond_published, out_of_order

SECOND_US: Final = 1_000_000


class Checkpoints:
    """Looks at a log's checkpoints; they are kept in a memory, with what is wrong with them for ever."""

    def __init__(
        self, log: LogReader, policy: Policy, memory: Memory, saw: Callable[[Checkpoint, bytes], None], *, timed: bool
    ) -> None:
        """`saw` is told of each checkpoint that the log signed. `timed`: of each its time is wanted, so each is looked at."""
        self.published: Checkpoint | None = None
        """The published checkpoint, as it was seen last."""
        self.witnessed_us: int | None = None
        """When a quorum of witnesses had cosigned that; None where none is asked for, or it lacks."""
        self._signed: bytes | None = None
        self._policy = policy
        self._log_alone = replace(policy, witnesses=())
        self._memory = memory
        self._saw = saw
        self._history = SignedHistory(log)
        self._looking = sha256(repr((policy, timed)).encode("utf-8")).digest()
        """By what the history is looked at."""

    def look(self, passing: list[Finding]) -> Checkpoint | None:
        """The published checkpoint, if the log signed it, once the new ones of the history were seen."""
        with self._memory.transaction():
            signed = self._signed = self._look_back(passing)
            self.published = self._see(signed, passing, is_published=True) if signed else None
        return self.published

    def ends_in(self) -> str | None:
        """None where the history of checkpoints ends in the published one, or none is published; else what is there."""
        return None if self._signed is None else self._history.ends_in(self._signed)

    def count_sealed(self, published: Checkpoint) -> int:
        """How many events a checkpoint has, by the checkpoints that were seen: each ends in a heads entry."""
        return published.size - self._memory.checkpoints.count_sizes(published.size)

    def _look_back(self, passing: list[Finding]) -> bytes | None:
        """What is published, once the new ones of the history were seen."""
        sound, is_sound = self._memory.checkpoints.sound_history(self._looking), True
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
        self._memory.checkpoints.keep_sound_history(self._looking, sound)
        return signed

    def _see(self, signed: bytes, passing: list[Finding], *, is_published: bool) -> Checkpoint | None:
        """The checkpoint in a note, if the log signed it; kept, as what the log has said."""
        try:
            trusted = log_checkpoint(signed, self._policy if is_published else self._log_alone)
        except ProofError as error:
            passing.append(finding_of(error))
            return None
        if is_published:
            self.witnessed_us = None
            try:
                require_quorum(trusted, self._policy)
                if self._policy.quorum:
                    self.witnessed_us = (
                        sorted(time_s for _, time_s in trusted.cosigned)[self._policy.quorum - 1] * SECOND_US
                    )
            except IncompleteError as error:
                passing.append(finding_of(error))
        checkpoint = trusted.checkpoint
        self.see(checkpoint, signed, published=is_published)
        return checkpoint

    def see(self, checkpoint: Checkpoint, signed: bytes, *, published: bool = False) -> None:
        """Keeps what the log has signed; two of one size are proof against it for ever."""
        with self._memory.transaction():
            others = [
                seen for seen in self._memory.checkpoints.seen_at(checkpoint.size) if seen.root != checkpoint.root
            ]
            if others:
                what = f"second checkpoint of size {checkpoint.size}"
                self._memory.keep_findings([Finding("tampered", what, text_of(signed), text_of(others[0].note))])
            self._memory.checkpoints.see(Seen(checkpoint.size, checkpoint.root, signed), published=published)
            self._saw(checkpoint, signed)

    def older(self, published: Checkpoint) -> Iterator[Finding]:
        """The published checkpoint is the largest that was ever seen published, and nothing was signed beyond it."""
        largest = self._memory.checkpoints.largest_published()
        if largest is not None and largest.size > published.size:
            (now, *_) = (
                seen for seen in self._memory.checkpoints.seen_at(published.size) if seen.root == published.root
            )
            what = f"published checkpoint of size {published.size}"
            expected = f"{text_of(largest.note)}, which was published before"
            yield Finding("tampered", what, text_of(now.note), expected)
        yield from beyond_published(published.size, self._memory.checkpoints.seen_unpublished_beyond(published.size))

    def lacking(self, size: int) -> Iterator[Finding]:
        """Every heads entry up to a size stands under a checkpoint that the log shows, or once showed; if it shows any."""
        if self._history.is_kept and (lacking := self._memory.checkpoints.unseen(size)):
            found = f"none of size {lacking[0]}, and {lacking[1]} lack in all"
            yield Finding("incomplete", "history of checkpoints", found, "every one")

    def contradictions(self, size: int) -> Iterator[Finding]:
        """Every checkpoint up to a size that was ever seen is what the entries lead to, the last of them a heads entry."""
        for seen, root in self._memory.checkpoints.contradicted(size):
            expected = "a heads entry as the last entry under it" if root is None else self._against(seen.size, root)
            yield Finding("tampered", f"checkpoint of size {seen.size}", text_of(seen.note), expected)

    def _against(self, size: int, root: bytes) -> str:
        """The root as derived, and a checkpoint over it, to be shown beside another."""
        later = self._memory.checkpoints.first_from(size)
        return f"root {root.hex()}, as derived" + ("" if later is None else f" under {text_of(later.note)}")


def text_of(signed: bytes) -> str:
    """A note, to be shown."""
    return signed.decode("utf-8", "backslashreplace")
