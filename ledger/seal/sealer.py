"""The sealer: takes the book's events in feed order into the log, and signs what the log is then.

One round: events are appended page by page, full tiles go to disk on the way; a heads entry is logged; the partial
tiles go to disk; the checkpoint is signed, kept as a promise, cosigned by witnesses, and published. A crash before the
promise leaves files beyond the checkpoint, which the next round writes anew, and another way if more events have come;
a crash after it makes the next sealer go on from the promise.

The book is not believed: each new event has to follow the last sealed one of its stream by seq and `prev`, the last
sealed events are compared with the log at every start, and a slice of all others in each round. Where one differs the
sealer refuses to go on: signing on top of a changed history would give it a new beginning. The audit compares all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

import orjson

from ledger.errors import BookChanged, LogDamaged, LogForked, SealerBusy, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError, UnknownKeyError
from ledger.proof.log.event import SALT
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import HASH_SIZE, leaf_hash
from ledger.proof.log.merkle_tree import HashReader
from ledger.proof.log.note import open_note, parse_note
from ledger.proof.log.signer import format_note
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.tiles import WIDTH, Tile, hash_reader
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.rows import plain
from ledger.seal.signing import RECOVER, CheckpointSigner, require_extension
from ledger.seal.state import LogState, load_state
from ledger.store.base import Reader, RoleLock, Row, Store

ROLE: Final = "sealer"
PAGE: Final = 10_000
RECHECK_FIRST: Final = 200_000
"""So many sealed events are compared with the log when a sealer starts; in later rounds `RECHECK_NEXT`."""
RECHECK_NEXT: Final = 2_000
RECHECK_TAIL: Final = 512
SAVE_AFTER: Final = 50_000
EVENT_BEGIN: Final = b'{"actor":'
"""So begins every event, and no heads entry."""
FIRST_PREV: Final = b"\0" * HASH_SIZE
NO_HEAD: Final = (0, FIRST_PREV, "")

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class SealAnswer:
    """The log after a round of sealing."""

    size: int
    """Entries in the log."""
    root: str
    """The root of its tree, base64."""
    sealed: int
    """Events of the book that the round took in."""


class Sealed(NamedTuple):
    """The log after a round, and how many events the round took in."""

    size: int
    root: bytes
    sealed: int

    def answer(self) -> SealAnswer:
        """As the command prints it."""
        return SealAnswer(self.size, base64_text(self.root), self.sealed)


class Cosigner(Protocol):
    """Asks witnesses."""

    lacking: list[str]
    """What went wrong with the witnesses that did not cosign the last checkpoint, a sentence each."""

    def complete(self, signed: bytes) -> bool:
        """Whether a checkpoint has the cosignatures of all witnesses."""
        ...

    def cosign(self, signed: bytes, checkpoint: Checkpoint, read: HashReader) -> bytes:
        """The checkpoint with what cosignatures there are. Raises QuorumMissing, or LogForked."""
        ...


OTHER_BOOK: Final = (
    "nothing was signed: seal the book that was sealed here; an older copy that takes its place for good is another log, "
    "with a folder and a key of its own"
)
"""What to do where the book is not the one of the log. A second tree under the same key would be a fork."""


class Sealer:
    """The one sealer of a book; made by `open_sealer`."""

    def __init__(
        self,
        book: Reader,
        folder: LogFolder,
        signers: Sequence[CheckpointSigner],
        cosigner: Cosigner | None,
        lock: RoleLock,
    ) -> None:
        self._book = book
        self._folder = folder
        self._signers = signers
        self._cosigner = cosigner
        self._lock = lock
        self._origin = signers[0].verifier.name
        self._broken = False
        self._growth: Growth
        self._state: LogState
        self._tree: MapTree
        self._latest: bytes | None
        """The latest checkpoint that was signed, and whether it is published."""
        self._published: bool
        self._rechecked = 0
        self._saved_size = -1
        self._pruned_size = 0
        self._load()
        self._compare(max(0, self._state.events - RECHECK_TAIL), self._state.events)
        self._recheck_next = RECHECK_FIRST

    def seal(self, limit: int | None = None, on_progress: Progress | None = None) -> Sealed:
        """One round over all events there are, or at most `limit` of them.

        Raises BookChanged, QuorumMissing (what was signed is kept and published in a later round), LogForked.
        """
        if self._broken:
            raise LogDamaged("found a sealer that has failed before, expected a new one")
        self._broken = True
        self._recheck(self._recheck_next)
        self._recheck_next = RECHECK_NEXT
        sealed = self._grow(limit, on_progress)
        self._broken = False
        signed = self._latest
        if sealed and signed is not None and not self._published:
            self._folder.supersede(signed)  # a promise all the same: who has it can ask for what it covers
        if sealed or signed is None:
            checkpoint = Checkpoint(self._origin, self._growth.size, self._growth.root())
            signed = self._sign(checkpoint)
            self._folder.promise(signed)
            self._latest, self._published = signed, False
        if not self._published or (self._cosigner is not None and not self._cosigner.complete(signed)):
            self._publish(signed)
        if self._state.size - self._saved_size >= SAVE_AFTER:
            self.save()
        return Sealed(self._growth.size, self._growth.root(), sealed)

    @property
    def events(self) -> int:
        """How many events are in the log: the position of the last of them."""
        return self._state.events

    @property
    def published(self) -> bool:
        """Whether the latest checkpoint is published, and not only signed."""
        return self._published

    def save(self) -> None:
        """Keeps the cache, so that the next sealer need not read the log."""
        if not self._broken and self._saved_size != self._state.size:
            self._folder.save_state(self._state.encoded())
            self._saved_size = self._state.size

    # The log as it is

    def _load(self) -> None:
        cached = self._folder.state()
        published, pending = self._folder.checkpoint(), self._folder.pending()
        checkpoint = self._opened(published) if published else None
        promised = self._opened(pending) if pending else None
        self._latest, self._published = published, True
        if pending and promised and (checkpoint is None or promised.size > checkpoint.size):
            self._latest, self._published, checkpoint = pending, False, promised
        if (last := self._signed_beyond(checkpoint)) is not None:
            self._latest, self._published, checkpoint = self._sign(last), False, last
        if published and not self._folder.remembers(published):
            self._folder.remember(published)
        self._pruned_size = size = checkpoint.size if checkpoint else 0
        self._growth = Growth.restore(size, self._folder.read_tile)
        if checkpoint and self._growth.root() != checkpoint.root:
            raise LogDamaged(
                f"root of the tiles at size {size}: found {self._growth.root().hex()}, "
                f"expected {checkpoint.root.hex()}, as the checkpoint says"
            )
        self._state, self._tree = load_state(self._folder, size, cached)

    def _signed_beyond(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """What the keys signed last, where that goes beyond the folder and its tiles are all there; else None.

        So a signature that was made right before a crash, or whose checkpoint was lost, is published after all. Raises
        LogForked where the folder is not what the keys signed.
        """
        size, beyond = (checkpoint.size if checkpoint else 0), None
        for signer in self._signers:
            note = signer.last()
            last = None if note is None else self._opened(note)
            if last is not None and last.size > size:
                beyond = last if beyond is None or last.size > beyond.size else beyond
            elif last is not None and checkpoint is not None:
                require_extension(last, checkpoint, hash_reader(size, self._folder.read_tile))
            elif last is None and self._latest is not None and _has_signed(signer, self._latest):
                raise LogForked(
                    f"found that {signer.verifier} signed size {size}, expected nothing, as its memory says; {RECOVER}"
                )
        if beyond is not None:
            try:
                root = Growth.restore(beyond.size, self._folder.read_tile).root()
            except LogDamaged as error:
                raise LogForked(
                    f"found tiles up to size {size}, expected {beyond.size}, which the key signed ({error}); {RECOVER}"
                ) from error
            if root != beyond.root:
                raise LogForked(
                    f"root of the tiles at size {beyond.size}: found {root.hex()}, expected {beyond.root.hex()}, which the "
                    f"key signed; {RECOVER}"
                )
        return beyond

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        read = hash_reader(checkpoint.size, self._folder.read_tile)
        return format_note(checkpoint.text, [signer.sign_checkpoint(checkpoint, read) for signer in self._signers])

    def _opened(self, signed: bytes) -> Checkpoint:
        try:
            note = open_note(signed, [signer.verifier for signer in self._signers])
            checkpoint = parse_checkpoint(note.text)
        except UnknownKeyError as error:
            raise WrongKey(
                f"found a log signed by {error.found}, expected one by {error.expected}; a new key takes over in an "
                "overlap, in which both keys are given"
            ) from error
        except ProofError as error:
            raise LogDamaged(f"checkpoint: {error}") from error
        if checkpoint.origin != self._origin:
            raise WrongKey(f"found the log {checkpoint.origin!r}, expected {self._origin!r}, as the key is named")
        return checkpoint

    # Growing

    def _grow(self, limit: int | None, on_progress: Progress | None) -> int:
        sealed = 0
        with self._folder.writing() as files:
            moved: set[str] = set()
            while limit is None or sealed < limit:
                wanted = PAGE if limit is None else min(PAGE, limit - sealed)
                rows = plain(self._book.read_feed(self._state.events, wanted))
                if not rows:
                    break
                entries, leaves = self._take(rows, moved)
                for tile, data in self._growth.extend(entries, leaves):
                    files.add(tile.path, data)
                sealed += len(rows)
                if on_progress is not None:
                    on_progress(sealed, limit)
            if sealed:
                heads = self._log_heads(moved)
                for tile, data in self._growth.extend([heads], [leaf_hash(heads)]) + self._growth.partial():
                    files.add(tile.path, data)
        return sealed

    def _take(self, rows: Sequence[Row], moved: set[str]) -> tuple[list[bytes], list[bytes]]:
        """Checks that each event follows, and moves its stream's head."""
        heads, loads, salted = self._state.heads, orjson.loads, SALT.fullmatch
        entries: list[bytes] = []
        leaves: list[bytes] = []
        expected = self._state.events
        for row in rows:
            position, stream, seq, _, stored = row
            expected += 1
            head_seq, head_leaf, _ = heads.get(stream, NO_HEAD)
            try:
                event = loads(stored)
                said = (event["stream"], event["seq"], event["prev"])
                salt = event["salt"]
            except (ValueError, TypeError, KeyError) as error:
                raise BookChanged(f"position {position}: found no event ({error!r}), expected {stream}/{seq}") from None
            if (
                seq != head_seq + 1
                or position != expected
                or not stored.startswith(EVENT_BEGIN)
                or said != (stream, seq, head_leaf.hex())
                or not salted(salt)
            ):
                raise BookChanged(
                    f"position {position}: found {said[0]}/{said[1]} after {said[2]} in the row of {stream}/{seq}, "
                    f"expected position {expected} and {stream}/{head_seq + 1} after {head_leaf.hex()}, as sealed"
                )
            leaf = sha256(b"\0" + stored).digest()
            heads[stream] = (seq, leaf, salt)
            entries.append(stored)
            leaves.append(leaf)
        moved.update(row.stream for row in rows)
        self._state.size += len(rows)
        return entries, leaves

    def _log_heads(self, moved: set[str]) -> bytes:
        self._tree.update((stream, self._state.head(stream)) for stream in moved)
        entry = self._state.entry(self._tree).encoded
        self._state.take([entry])
        return entry

    def _publish(self, signed: bytes) -> None:
        if not self._lock.held():
            raise SealerBusy("found the book's sealer lock lost, expected to hold it; another sealer may be at work")
        if self._cosigner is not None:
            checkpoint = parse_checkpoint(parse_note(signed)[0])
            signed = self._cosigner.cosign(signed, checkpoint, hash_reader(checkpoint.size, self._folder.read_tile))
        if not self._published or signed != self._latest:
            self._folder.publish(signed)
            self._folder.prune(self._pruned_size, self._growth.size)
            self._pruned_size = self._growth.size
        self._latest, self._published = signed, True

    # Comparing the book with the log

    def _recheck(self, count: int) -> None:
        """The next slice of the sealed events; after the last one it begins anew."""
        end = min(self._state.events, self._rechecked + count)
        self._compare(self._rechecked, end)
        self._rechecked = end if end < self._state.events else 0

    def _compare(self, after: int, through: int) -> None:
        """Raises BookChanged where the book's events at positions (after, through] are not the sealed ones."""
        n, tile = -1, b""
        while after < through:
            rows = plain(self._book.read_feed(after, min(PAGE, through - after)))
            if not rows:
                raise BookChanged(
                    f"found {self._book.max_position()} events in the book, expected the {self._state.events} that are "
                    f"sealed; {OTHER_BOOK}"
                )
            for position, _, _, _, stored in rows:
                after += 1
                number, place = divmod(self._state.index_of(after), WIDTH)
                if number != n:
                    n = number
                    tile = self._folder.read_tile(Tile(0, n, min(WIDTH, self._state.size - n * WIDTH)))
                found, sealed = leaf_hash(stored), tile[place * HASH_SIZE : (place + 1) * HASH_SIZE]
                if position != after or found != sealed:
                    raise BookChanged(
                        f"position {after}: found an event at position {position} with leaf hash {found.hex()}, expected "
                        f"{sealed.hex()}, as sealed at log index {n * WIDTH + place}; the book was changed behind the ledger; "
                        f"{OTHER_BOOK}"
                    )


def _has_signed(signer: CheckpointSigner, signed: bytes) -> bool:
    try:
        return bool(open_note(signed, [signer.verifier]).verified)
    except ProofError:
        return False


@contextmanager
def open_sealer(
    store: Store, folder: LogFolder, signers: Sequence[CheckpointSigner], cosigner: Cosigner | None = None
) -> Iterator[Sealer]:
    """The one sealer of a book and of a folder. Raises SealerBusy where there is another, and as `Sealer` does."""
    with ExitStack() as stack:
        stack.enter_context(folder.lock())
        lock = store.try_lock(ROLE)
        if lock is None:
            raise SealerBusy(f"{store.name}: found another sealer of this book at work, expected none")
        stack.callback(lock.release)
        folder.make()
        sealer = Sealer(store, folder, signers, cosigner, lock)
        yield sealer
        sealer.save()
