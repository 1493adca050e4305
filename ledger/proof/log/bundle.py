"""The evidence bundle: one decision of a programme as one JSON file, with everything that proves it.

A JSON object with exactly these keys. Hashes are base64, log entries are strings whose UTF-8 bytes are the entry.

    format       "csat-ledger-evidence/v2"
    programme    whose rules the decision goes by: "survey", "capability"
    subject      the stream in which it stands: "membership-m-1", "designation-m-1/business-applications"
    rules        the stream of the editions that the subject goes by, another one: "programme", "scorebook/<area>"
    decision     seq of the decision in the subject's stream
    on           what was decided on: the date of the renewal, or of the anniversary, YYYY-MM-DD
    checkpoint   the signed checkpoint, byte for byte: proves what the log said, and when witnesses saw it
    heads        {"entry","index"}: the heads entry (see `heads`), the last entry under the checkpoint
    proof        one inclusion proof under the checkpoint for the heads entry and all events together (see `multiproof`):
                 proves that the log holds exactly these bytes at these indexes
    streams      the two streams by name, each {"events","siblings"}, or {"absent","events","siblings"} without events

An event is {"entry","index"}:

    entry        the stored bytes
    index        its index in the log; the order of indexes is the order in which the ledger recorded its events, so an
                 edition is known to a decision if its index is lower

One proof is shared by heads entry and both streams: it is the smallest, since entries that stand side by side in the log
need no hash between them, and there is one list of hashes, one order and one root to check. Its indexes are all of the
bundle, sorted; none may be there twice.

The events are all of their stream, from seq 1 to the end, in order: also those after the decision, for without them it
could not be seen that nothing else was recorded. The siblings, from the deepest up, prove by the map of heads (see `map`)
that the stream ends with the last of them; seq, leaf hash and salt of that event are not repeated. A stream of editions may
have no events: then `events` is empty, and the siblings prove that there is no such stream, with what stands in its place:
`absent` is null, or {"inner","key"} of another stream's leaf.

What is proved, in the order in which it is verified: the checkpoint is signed by a key that the policy trusts for its
size, and cosigned by enough witnesses; both streams are the programme's, and the one goes by the other; every entry is
in the log; the events of a stream are chained by `prev` without a gap, from the first on; the last of them is the
stream's end as of the checkpoint; the decision is what the programme's rules say of the events before it. No key in the
file is ever trusted, and nothing in it stands for itself: a field that is changed contradicts another one.

Example, shortened:

    {"checkpoint":"ledger.example/renewals\\n72\\n…","decision":14,"format":"csat-ledger-evidence/v2",
     "heads":{"entry":"{\\"map\\":\\"…\\",\\"streams\\":2,\\"through\\":71,\\"type\\":\\"heads\\",\\"v\\":2}","index":71},
     "on":"2011-03-01","programme":"survey","proof":["…"],"rules":"programme",
     "streams":{"membership-m-1":{"events":[…],"siblings":["…"]},
                "programme":{"events":[{"entry":"{\\"actor\\":\\"csat-ledger\\",…}","index":0},…],
                             "siblings":["…"]}},
     "subject":"membership-m-1"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.map import KEY_BITS, Other, other_json, parse_other
from ledger.proof.log.merkle import PROOF_MAX_HASHES
from ledger.proof.log.strictjson import base64_text

FORMAT = "csat-ledger-evidence/v2"
BUNDLE_MAX_BYTES = 1 << 31
"""Room for some four million events of a survey, of 530 bytes each."""
KEYS = ("format", "programme", "subject", "rules", "decision", "on", "checkpoint", "heads", "proof", "streams")


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """A log entry and its index; the bundle's proof is for all of them."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class ProvedStream:
    """All events of a stream, and its place in the map of heads: the siblings, and what stands there if it is not there."""

    events: tuple[ProvedEntry, ...]
    siblings: tuple[bytes, ...]
    absent: Other | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file's content, in form only: nothing of it is verified. `streams` are those of `subject` and `rules`."""

    programme: str
    subject: str
    rules: str
    decision: int
    on: str
    checkpoint: bytes
    heads: ProvedEntry
    streams: Mapping[str, ProvedStream]
    proof: tuple[bytes, ...]

    @property
    def events(self) -> tuple[ProvedEntry, ...]:
        """The events of the subject."""
        return self.streams[self.subject].events

    @property
    def editions(self) -> tuple[ProvedEntry, ...]:
        """The events of the stream of editions."""
        return self.streams[self.rules].events

    def encoded(self) -> bytes:
        """The bytes of the file: canonical JSON and a newline."""
        value = {
            "format": FORMAT,
            "programme": self.programme,
            "subject": self.subject,
            "rules": self.rules,
            "decision": self.decision,
            "on": self.on,
            "checkpoint": self.checkpoint.decode("utf-8"),
            "heads": _entry_json(self.heads),
            "proof": [*map(base64_text, self.proof)],
            "streams": {name: _stream_json(stream) for name, stream in self.streams.items()},
        }
        return strictjson.canonical(value) + b"\n"


def parse_bundle(data: bytes) -> Bundle:
    """The bundle that a file holds. Raises MalformedError."""
    what = "bundle"
    value = strictjson.loads(data, what, max_bytes=BUNDLE_MAX_BYTES)
    if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise MalformedError(f"{what}: format", found=value["format"], expected=FORMAT)
    strictjson.members(value, what, KEYS)
    programme, subject, rules, on = (
        strictjson.text(value[key], f"{what}: {key}") for key in ("programme", "subject", "rules", "on")
    )
    if subject == rules:
        raise MalformedError(f"{what}: rules", found=rules, expected=Words("another stream than that of the subject"))
    streams = strictjson.members(value["streams"], f"{what}: streams", (subject, rules))
    parsed = {name: _parse_stream(streams[name], f"{what}: stream {name!a}") for name in (subject, rules)}
    entries = 1 + sum(len(stream.events) for stream in parsed.values())
    return Bundle(
        programme=programme,
        subject=subject,
        rules=rules,
        decision=strictjson.natural(value["decision"], f"{what}: decision"),
        on=on,
        checkpoint=strictjson.text(value["checkpoint"], f"{what}: checkpoint").encode("utf-8"),
        heads=_parse_entry(value["heads"], f"{what}: heads"),
        streams=parsed,
        proof=strictjson.hashes(value["proof"], f"{what}: proof", entries * PROOF_MAX_HASHES),
    )


def _entry_json(entry: ProvedEntry) -> dict[str, Any]:
    return {"entry": entry.entry.decode("utf-8"), "index": entry.index}


def _stream_json(stream: ProvedStream) -> dict[str, Any]:
    value: dict[str, Any] = {
        "events": [_entry_json(event) for event in stream.events],
        "siblings": [*map(base64_text, stream.siblings)],
    }
    if not stream.events:
        absent = stream.absent
        value["absent"] = absent and other_json(absent)
    return value


def _parse_entry(value: Any, what: str) -> ProvedEntry:
    entry = strictjson.members(value, what, ("entry", "index"))
    return ProvedEntry(
        strictjson.natural(entry["index"], f"{what}: index"),
        strictjson.text(entry["entry"], f"{what}: entry").encode("utf-8"),
    )


def _parse_stream(value: Any, what: str) -> ProvedStream:
    empty = isinstance(value, dict) and value.get("events") == []
    stream = strictjson.members(value, what, ("events", "siblings", "absent") if empty else ("events", "siblings"))
    return ProvedStream(
        tuple(_parse_entry(v, f"{what}: events") for v in strictjson.array(stream["events"], f"{what}: events")),
        strictjson.hashes(stream["siblings"], f"{what}: siblings", KEY_BITS),
        parse_other(stream["absent"], f"{what}: absent") if empty and stream["absent"] is not None else None,
    )
