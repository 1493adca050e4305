"""The evidence for one decision of a programme: its bundle, out of the book and the log; and the checkpoint in saved evidence.

The events are the book's, the proofs the log's. Before the bundle leaves the house each event is verified against the
published checkpoint, so that a book that was changed after sealing gives no evidence but an error that says where.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Literal

from ledger.errors import BookChanged, NotDecided, NotSealed
from ledger.proof.log import strictjson
from ledger.proof.log.building import Entry, build_bundle, decision_proof
from ledger.proof.log.bundle import Bundle, parse_bundle
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import parse_event
from ledger.proof.log.merkle import leaf_hash, verify_consistency
from ledger.proof.log.merkle_tree import HashReader, consistency_proof, root, stored_index
from ledger.proof.log.note import parse_note
from ledger.proof.log.policy import Policy, open_checkpoint
from ledger.proof.log.tiles import hash_reader
from ledger.proof.log.tlogproof import HEADER, TlogProof, parse_tlog_proof
from ledger.proof.log.verify import check_inclusion
from ledger.proof.programme import ProofProgramme
from ledger.seal.folder import LogFolder
from ledger.seal.log_reader import LogReader
from ledger.seal.rows import plain_stream
from ledger.seal.state import KeptState, LogState
from ledger.store.base import Reader


def decisions_on(book: Reader, programme: ProofProgramme, stream: str, on: str) -> list[int]:
    """The positions of the decisions in a stream on what `on` says, in order: revision 1, 2, …"""
    return [
        row.position
        for row in plain_stream(book.read_stream(stream))
        if row.type == programme.decision and programme.decided_on(parse_event(row.stored)) == on
    ]


def collect_evidence(
    book: Reader,
    folder: LogFolder,
    programme: ProofProgramme,
    stream: str,
    on: str,
    *,
    revision: int | None = None,
    at: int | None = None,
    kept: KeptState | None = None,
) -> Bundle:
    """The bundle of a decision in a stream of the programme on what `on` says.

    It is under the published checkpoint, or under that of the size `at`, as everything stood then. `revision` counts the
    decisions on the same from 1; the latest is taken where it is not given, or with `at` the latest of then. Raises
    NotDecided where the book has none, NotSealed where there is none under the checkpoint, or BookChanged where the book
    is not what was sealed. `kept` is for who asks again and again: what was read of the log is not read again.
    """
    decided = decisions_on(book, programme, stream, on)
    about = ", ".join(f"{what} {name}" for what, name in programme.about(stream, on))
    if not decided:
        raise NotDecided(f"{about}: found no decision on it, expected a sealed decision")
    kept = kept or KeptState()
    cached = None if kept.size else folder.state()
    signed = folder.checkpoint() if at is None else published_at(folder, at)
    if signed is None:
        raise NotSealed(f"{about}: found no checkpoint in {folder.name}, expected a sealed decision")
    checkpoint = parse_checkpoint(parse_note(signed)[0])
    state, tree = kept.load(folder, checkpoint.size, cached)
    position = _chosen(about, decided, state.events, revision, newest=at is None)
    entries = {name: _entries(book, state, name) for name in (stream, programme.rules_stream(stream))}
    number = next(n for n, entry in enumerate(entries[stream], 1) if entry.index == state.index_of(position))
    (heads,) = folder.read_entries(checkpoint.size - 1, checkpoint.size)
    read = hash_reader(checkpoint.size, folder.read_tile)
    bundle = build_bundle(
        programme, stream, number, entries=entries, heads=Entry(checkpoint.size - 1, heads), place_of=tree.find,
        read=read, signed_checkpoint=signed,
    )  # fmt: skip
    try:
        check_inclusion(bundle, checkpoint)
    except ProofError as error:
        raise BookChanged(f"{_first_changed(bundle, read)}: {error}") from None
    return bundle


def published_at(folder: LogFolder, size: int) -> bytes:
    """The checkpoint of a size out of the folder's history: of several the first one with the most signatures.

    Raises NotSealed, which names the sizes next to it.
    """
    sizes: list[int] = []
    found: list[bytes] = []
    for signed in chain((line.note for line in folder.history_lines()), [folder.checkpoint() or b""]):
        line = signed.split(b"\n", 2)[1:2]
        if line and line[0].isdigit():
            sizes.append(int(line[0]))
            found += [signed] if sizes[-1] == size and size > 0 else []
    if not found:
        below, above = (
            max((n for n in sizes if n < size), default=None),
            min((n for n in sizes if n > size), default=None),
        )
        near = " or ".join(str(n) for n in (below, above) if n) or "none"
        raise NotSealed(f"found no checkpoint of size {size} in {folder.name}, expected that of one published: {near}")
    return max(found, key=lambda signed: len(parse_note(signed)[1]))


def _chosen(about: str, decided: list[int], events: int, revision: int | None, *, newest: bool) -> int:
    """The position of the decision that is asked for, if it is among the first `events`. Raises NotSealed.

    Where nothing is asked for, `newest` wants the newest one, sealed or not: an older one must not pass for it.
    """
    sealed = [position for position in decided if position <= events]
    number = revision or (len(decided) if newest else len(sealed))
    if 0 < number <= len(sealed):
        return sealed[number - 1]
    if 0 < number <= len(decided):
        raise NotSealed(
            f"{about}: found its decision at position {decided[number - 1]}, expected one up to {events}, the last that is "
            f"{'sealed; seal first' if newest else 'under this checkpoint'}"
        )
    kind = NotDecided if number > len(decided) else NotSealed
    raise kind(f"{about}: found {len(sealed)} decisions under this checkpoint, expected {number or 1} or more")


def _first_changed(bundle: Bundle, read: HashReader) -> str:
    """Where in the log the book first differs from what the tiles hold."""
    events = sorted((*bundle.events, *bundle.editions), key=attrgetter("index"))
    for event, leaf in zip(events, read([stored_index(0, event.index) for event in events]), strict=True):
        if leaf != leaf_hash(event.entry):
            return f"log index {event.index}, {event.entry[:60]!r}…"
    return "the log's tiles"


def decided_alone(bundle: Bundle, folder: LogFolder) -> TlogProof:
    """The decision's own inclusion proof, out of the tiles of the log that the bundle is from."""
    return decision_proof(bundle, hash_reader(bundle.heads.index + 1, folder.read_tile))


def _entries(book: Reader, state: LogState, stream: str) -> list[Entry]:
    rows = plain_stream(book.read_stream(stream, through=state.events))
    return [Entry(state.index_of(row.position), row.stored) for row in rows]


@dataclass(frozen=True, slots=True)
class LogAt:
    """The log as a checkpoint has it."""

    size: int
    """Entries in it."""
    root: str
    """The root of its tree, base64."""


@dataclass(frozen=True, slots=True)
class ConsistencyAnswer:
    """The log of an old checkpoint is a prefix of that of a new one."""

    verdict: Literal["consistent"]
    """What was proved; else the command fails, and says what differs."""
    old: LogAt
    """The old checkpoint."""
    new: LogAt
    """The new checkpoint."""
    proof: tuple[str, ...]
    """The consistency proof (RFC 6962), hashes in base64."""


@dataclass(frozen=True)
class Consistency:
    """Two checkpoints of one log, and the proof that the older is a prefix of the newer."""

    old: Checkpoint
    new: Checkpoint
    proof: tuple[bytes, ...]

    def answer(self) -> ConsistencyAnswer:
        """As the command prints it."""
        old, new = (
            LogAt(checkpoint.size, strictjson.base64_text(checkpoint.root)) for checkpoint in (self.old, self.new)
        )
        return ConsistencyAnswer("consistent", old, new, tuple(map(strictjson.base64_text, self.proof)))


def prove_consistency(old: bytes, new: bytes, log: LogReader, policy: Policy) -> Consistency:
    """The proof, verified, between two checkpoints (or saved evidence that holds them) that meet the policy.

    Raises the ProofError that differs first; SealError where the tiles cannot be read.
    """
    before, after = (open_checkpoint(checkpoint_in(data), policy).checkpoint for data in (old, new))
    proof: tuple[bytes, ...] = ()
    if 0 < before.size < after.size:
        proof = tuple(consistency_proof(before.size, after.size, hash_reader(after.size, log.read_tile)))
    verify_consistency(before.size, before.root, after.size, after.root, proof)
    return Consistency(before, after, proof)


def prove_extension(old_size: int, signed: bytes, folder: LogFolder) -> Consistency:
    """The proof that the log of a checkpoint extends what its first `old_size` entries were, out of the tiles.

    Raises NotSealed where it has not as many; SealError where the tiles cannot be read.
    """
    new = parse_checkpoint(parse_note(signed)[0])
    if not 0 < old_size <= new.size:
        raise NotSealed(
            f"found a log of {new.size} entries, expected {old_size} or more, the size that it has to extend"
        )
    read = hash_reader(new.size, folder.read_tile)
    proof = tuple(consistency_proof(old_size, new.size, read)) if old_size < new.size else ()
    return Consistency(Checkpoint(new.origin, old_size, root(old_size, read)), new, proof)


def checkpoint_in(data: bytes) -> bytes:
    """The signed checkpoint in a file: it may be one, a tlog-proof, or an evidence bundle. Raises MalformedError."""
    if data.lstrip()[:1] == b"{":
        return parse_bundle(data).checkpoint
    if data.startswith(HEADER.encode("ascii")):
        return parse_tlog_proof(data).signed_checkpoint
    return data
