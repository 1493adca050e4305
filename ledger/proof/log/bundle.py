"""The evidence bundle: one renewal decision as one JSON file, with everything that proves it.

A JSON object with exactly these keys. Hashes are base64, log entries are strings whose UTF-8 bytes are the entry.

    format       "csat-ledger-evidence/v1"
    membership   whose decision it is
    renewal_date which renewal was decided, YYYY-MM-DD
    decision     seq of the RenewalDecided event in the stream `membership-<membership>`
    checkpoint   the signed checkpoint, byte for byte: proves what the log said, and when witnesses saw it
    heads        {"entry","index","proof"}: the heads entry (see `heads`), the last entry under the checkpoint
    stream       the membership's stream, {"events","head"}
    programme    the stream `programme`, {"events","head"}: every rulebook edition

An event is {"entry","index","proof"}:

    entry        the stored bytes
    index        its index in the log; the order of indexes is the order in which the ledger recorded its events, so a
                 rulebook edition is known to a decision if its index is lower
    proof        the inclusion proof under the checkpoint: proves that the log holds exactly these bytes at this index

The events are all of their stream, from seq 1 to the head, in order: also those after the decision, for without them
it could not be seen that nothing else was recorded. A head is {"index","leaf","proof","seq"}: seq and leaf hash of the
stream's last event, and the inclusion of the 72-byte head in the heads tree. It proves that the stream ends there.

What is proved, in the order in which it is verified: the checkpoint is signed by a key that the policy trusts for its
size, and cosigned by enough witnesses; every entry is in the log; the events of a stream are chained by `prev` without
a gap, from the first on; the last of them is the stream's end as of the checkpoint; the decision is what the rules say
of the events before it. No key in the file is ever trusted, and nothing in it stands for itself: a field that is
changed contradicts another one.

Example, shortened:

    {"checkpoint":"ledger.example/renewals\\n72\\n…","decision":14,"format":"csat-ledger-evidence/v1",
     "heads":{"entry":"{\\"heads\\":\\"…\\",\\"size\\":2,\\"through\\":71,\\"type\\":\\"heads\\",\\"v\\":1}","index":71,"proof":["…"]},
     "membership":"m-1",
     "programme":{"events":[{"entry":"{\\"actor\\":\\"csat-ledger\\",…}","index":0,"proof":["…"]},…],
                  "head":{"index":1,"leaf":"…","proof":["…"],"seq":2}},
     "renewal_date":"2011-03-01",
     "stream":{"events":[…],"head":{"index":0,"leaf":"…","proof":["…"],"seq":14}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.errors import IncompleteError, MalformedError, Words
from ledger.proof.log.event import MEMBERSHIP_PREFIX, PROGRAMME, parse_event
from ledger.proof.log.heads import Head, HeadProof, HeadsTree, stream_key
from ledger.proof.log.merkle import HashReader, inclusion_proof
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.tlogproof import PROOF_MAX_HASHES, TlogProof

FORMAT = "csat-ledger-evidence/v1"
KEYS = ("format", "membership", "renewal_date", "decision", "checkpoint", "heads", "stream", "programme")


@dataclass(frozen=True, slots=True)
class Entry:
    """A log entry and its index."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """A log entry, its index, and its inclusion proof."""

    index: int
    entry: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvedStream:
    """All events of a stream, and where the heads say that it ends."""

    events: tuple[ProvedEntry, ...]
    head: HeadProof


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file's content, in form only: nothing of it is verified."""

    membership: str
    renewal_date: str
    decision: int
    checkpoint: bytes
    heads: ProvedEntry
    stream: ProvedStream
    programme: ProvedStream

    @property
    def stream_name(self) -> str:
        """The membership's stream."""
        return MEMBERSHIP_PREFIX + self.membership

    @property
    def tlog_proof(self) -> TlogProof:
        """The decision's own proof, as the file `decision.tlog-proof` holds it beside the bundle."""
        if not 0 < self.decision <= len(self.stream.events):
            raise IncompleteError("events of the stream", found=len(self.stream.events), expected=self.decision)
        decided = self.stream.events[self.decision - 1]
        return TlogProof(decided.index, decided.proof, self.checkpoint)

    def encoded(self) -> bytes:
        """The bytes of the file: canonical JSON and a newline."""
        value = {
            "format": FORMAT,
            "membership": self.membership,
            "renewal_date": self.renewal_date,
            "decision": self.decision,
            "checkpoint": self.checkpoint.decode("utf-8"),
            "heads": _entry_json(self.heads),
            "stream": _stream_json(self.stream),
            "programme": _stream_json(self.programme),
        }
        return strictjson.canonical(value) + b"\n"


def build_bundle(
    membership: str,
    decision: int,
    *,
    stream: Iterable[Entry],
    programme: Iterable[Entry],
    heads: Entry,
    heads_tree: HeadsTree,
    read: HashReader,
    signed_checkpoint: bytes,
) -> Bundle:
    """The bundle of the decision with this seq.

    `stream` and `programme` are all events of the two streams that the heads entry covers, in order. The heads entry
    is the last entry under the checkpoint, `heads_tree` the tree that it names, and `read` reads the log's hashes.
    """
    size = heads.index + 1
    name = MEMBERSHIP_PREFIX + membership
    events = list(stream)
    if not 0 < decision <= len(events):
        raise IncompleteError(f"decision {decision} of {name}", found=Words(f"{len(events)} sealed events"),
                              expected=Words(f"{decision} or more: seal first"))  # fmt: skip
    decided = parse_event(events[decision - 1].entry)
    if decided.type != "RenewalDecided":
        raise MalformedError(decided.where, found=decided.type, expected="RenewalDecided")

    def proved(entry: Entry) -> ProvedEntry:
        return ProvedEntry(entry.index, entry.entry, tuple(inclusion_proof(entry.index, size, read)))

    return Bundle(
        membership=membership,
        renewal_date=strictjson.text(decided.data.get("renewal_date"), f"{decided.where}: renewal_date"),
        decision=decision,
        checkpoint=signed_checkpoint,
        heads=proved(heads),
        stream=ProvedStream(tuple(map(proved, events)), heads_tree.prove(name)),
        programme=ProvedStream(tuple(map(proved, programme)), heads_tree.prove(PROGRAMME)),
    )


def parse_bundle(data: bytes) -> Bundle:
    """The bundle that a file holds."""
    what = "bundle"
    value = strictjson.members(strictjson.loads(data, what), what, KEYS)
    if value["format"] != FORMAT:
        raise MalformedError(f"{what}: format", found=value["format"], expected=FORMAT)
    membership = strictjson.text(value["membership"], f"{what}: membership")
    return Bundle(
        membership=membership,
        renewal_date=strictjson.text(value["renewal_date"], f"{what}: renewal_date"),
        decision=strictjson.natural(value["decision"], f"{what}: decision"),
        checkpoint=strictjson.text(value["checkpoint"], f"{what}: checkpoint").encode("utf-8"),
        heads=_parse_entry(value["heads"], f"{what}: heads"),
        stream=_parse_stream(value["stream"], f"{what}: stream", MEMBERSHIP_PREFIX + membership),
        programme=_parse_stream(value["programme"], f"{what}: programme", PROGRAMME),
    )


def _entry_json(entry: ProvedEntry) -> dict[str, Any]:
    return {"entry": entry.entry.decode("utf-8"), "index": entry.index, "proof": [*map(base64_text, entry.proof)]}


def _stream_json(stream: ProvedStream) -> dict[str, Any]:
    head = stream.head
    return {
        "events": [_entry_json(event) for event in stream.events],
        "head": {
            "index": head.index,
            "leaf": base64_text(head.head.leaf),
            "proof": [*map(base64_text, head.proof)],
            "seq": head.head.seq,
        },
    }


def _parse_proof(value: Any, what: str) -> tuple[bytes, ...]:
    hashes: Sequence[Any] = strictjson.array(value, f"{what}: proof", max_items=PROOF_MAX_HASHES)
    return tuple(strictjson.hash_bytes(v, f"{what}: proof") for v in hashes)


def _parse_entry(value: Any, what: str) -> ProvedEntry:
    entry = strictjson.members(value, what, ("entry", "index", "proof"))
    return ProvedEntry(
        strictjson.natural(entry["index"], f"{what}: index"),
        strictjson.text(entry["entry"], f"{what}: entry").encode("utf-8"),
        _parse_proof(entry["proof"], what),
    )


def _parse_stream(value: Any, what: str, name: str) -> ProvedStream:
    stream = strictjson.members(value, what, ("events", "head"))
    head = strictjson.members(stream["head"], f"{what}: head", ("index", "leaf", "proof", "seq"))
    return ProvedStream(
        tuple(_parse_entry(v, f"{what}: events") for v in strictjson.array(stream["events"], f"{what}: events")),
        HeadProof(
            Head(
                stream_key(name),
                strictjson.natural(head["seq"], f"{what}: head: seq"),
                strictjson.hash_bytes(head["leaf"], f"{what}: head: leaf"),
            ),
            strictjson.natural(head["index"], f"{what}: head: index"),
            _parse_proof(head["proof"], f"{what}: head"),
        ),
    )
