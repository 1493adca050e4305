"""Building an evidence bundle, out of the entries of a book and the log's hashes (the format: `bundle`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ledger.proof.log import strictjson
from ledger.proof.log.bundle import Bundle, ProvedEntry, ProvedStream
from ledger.proof.log.errors import IncompleteError, MalformedError, Words
from ledger.proof.log.event import parse_event
from ledger.proof.log.map_tree import Place
from ledger.proof.log.merkle_tree import HashReader, inclusion_proof, inclusions_proof
from ledger.proof.log.tlogproof import TlogProof
from ledger.proof.programme import ProofProgramme


@dataclass(frozen=True, slots=True)
class Entry:
    """A log entry and its index."""

    index: int
    entry: bytes


def build_bundle(
    programme: ProofProgramme,
    subject: str,
    decision: int,
    *,
    entries: Mapping[str, Iterable[Entry]],
    heads: Entry,
    place_of: Callable[[str], Place],
    read: HashReader,
    signed_checkpoint: bytes,
) -> Bundle:
    """The bundle of the decision with this seq in the stream `subject`.

    `entries` are, by name, all events of that stream and of the one of its editions that the heads entry covers, in
    order. The heads entry is the last entry under the checkpoint, `place_of` finds a stream in the map that it names, and
    `read` reads the log's hashes. Raises IncompleteError where there is no such event, MalformedError where it is no decision.
    """
    rules = programme.rules_stream(subject)
    events = list(entries[subject])
    if not 0 < decision <= len(events):
        raise IncompleteError(f"decision {decision} of {subject}", found=Words(f"{len(events)} sealed events"),
                              expected=Words(f"{decision} or more: seal first"))  # fmt: skip
    decided = parse_event(events[decision - 1].entry)
    if decided.type != programme.decision:
        raise MalformedError(decided.where, found=decided.type, expected=programme.decision)

    def stream(name: str, of_stream: Iterable[Entry]) -> ProvedStream:
        events, place = tuple(ProvedEntry(entry.index, entry.entry) for entry in of_stream), place_of(name)
        return ProvedStream(events, place.siblings, None if events else place.there)

    streams = {subject: stream(subject, events), rules: stream(rules, entries[rules])}
    indexes = sorted([heads.index, *(event.index for part in streams.values() for event in part.events)])
    return Bundle(
        programme=programme.name,
        subject=subject,
        rules=rules,
        decision=decision,
        on=strictjson.text(programme.decided_on(decided), f"{decided.where}: what it is on"),
        checkpoint=signed_checkpoint,
        heads=ProvedEntry(heads.index, heads.entry),
        streams=streams,
        proof=tuple(inclusions_proof(indexes, heads.index + 1, read)),
    )


def decision_proof(bundle: Bundle, read: HashReader) -> TlogProof:
    """The decision's own proof, as a file of its own holds it beside the bundle; `read` reads the log's hashes."""
    if not 0 < bundle.decision <= len(bundle.events):
        raise IncompleteError("events of the stream", found=len(bundle.events), expected=bundle.decision)
    index = bundle.events[bundle.decision - 1].index
    return TlogProof(index, tuple(inclusion_proof(index, bundle.heads.index + 1, read)), bundle.checkpoint)
