"""A ledger and its log in memory, written from the documented formats, for tests of what reads them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.building import Entry, build_bundle
from ledger.proof.log.bundle import Bundle
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.event import FIRST_PREV, Event, format_instant, parse_date, parse_event, parse_instant
from ledger.proof.log.event import salt_of as salt_bytes_of
from ledger.proof.log.heads import HeadsEntry
from ledger.proof.log.map import Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.note import COSIGNATURE_V1, ED25519
from ledger.proof.log.report import Report
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.verify import verify as judge
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import RULEBOOK, Survey
from ledger.proof.survey.replay import Membership, Rulebook
from ledger.proof.survey.rules import decision

LOG_KEY = SignerKey("ledger.example/renewals", ED25519, bytes(range(32)))
NEW_LOG_KEY = SignerKey("ledger.example/renewals", ED25519, bytes(range(1, 33)))
WITNESSES = [SignerKey(f"witness.example/w{i}", COSIGNATURE_V1, bytes([i]) * 32) for i in range(3)]
WITNESSED_S = 1_700_000_000
FIGURES = {
    "min_responses": 10, "per_org_cap": 8, "min_organisations": 2, "window_months": 12, "min_evaluations": 10,
    "pool_locations": False,
}  # fmt: skip


def us(text: str) -> int:
    """Microseconds of an instant, or of the first one of a date."""
    return parse_instant(text, "instant") if "T" in text else parse_date(text, "date")


def canonical(value: Any) -> bytes:
    """As the ledger stores events."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def salt_of(stream: str, seq: int) -> str:
    """A salt of its own for each event, the same each time."""
    return base64.b64encode(hashlib.sha256(f"{stream}/{seq}".encode()).digest()[:16]).decode()


def stored_event(
    stream: str, seq: int, prev: str, *, type_: str, occurred_at: str, data: dict[str, Any], fact: str | None = "f",
    recorded_at: str | None = None, version: int = 1, actor: str | None = None, salt: str | None = None,
) -> bytes:  # fmt: skip
    """The stored bytes of one event."""
    return canonical(
        {
            "actor": actor, "data": data, "fact": fact, "occurred_at": occurred_at, "prev": prev,
            "recorded_at": recorded_at or occurred_at, "salt": salt or salt_of(stream, seq), "seq": seq, "stream": stream,
            "type": type_, "v": version,
        }
    )  # fmt: skip


class Book:
    """Streams of stored events, and the log into which they go, in feed order."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.streams: dict[str, list[Entry]] = {}
        self.heads_entries = 0
        self.last_recorded_at = ""
        for edition in ("2009-11", "2013-04"):
            self.publish(edition, f"{edition}-01")

    def append(self, stream: str, type_: str, at: str, data: dict[str, Any], **more: Any) -> Event:
        """Adds an event as the next of its stream, and of the log."""
        events = self.streams.setdefault(stream, [])
        prev = merkle.leaf_hash(events[-1].entry).hex() if events else FIRST_PREV
        occurred_at = at if "T" in at else format_instant(us(at))
        recorded_at = self.last_recorded_at = max(self.last_recorded_at, more.pop("recorded_at", None) or occurred_at)
        entry = stored_event(
            stream,
            len(events) + 1,
            prev,
            type_=type_,
            occurred_at=occurred_at,
            data=data,
            recorded_at=recorded_at,
            **more,
        )
        events.append(Entry(len(self.entries), entry))
        self.entries.append(entry)
        return Event(
            stream, len(events), type_, 1, us(occurred_at), us(recorded_at), more.get("fact", "f"), prev, data,
            merkle.leaf_hash(entry), more.get("actor"),
        )  # fmt: skip

    def publish(self, edition: str, effective: str, actor: str | None = None, **figures: Any) -> Event:
        """A rulebook edition."""
        data = FIGURES | {"edition": edition, "effective_from": format_instant(us(effective))} | figures
        return self.append(RULEBOOK, "RulebookPublished", effective, data, actor=actor)

    def enrol(self, membership: str, at: str = "2010-01-05", **more: Any) -> str:
        """A gold membership with one location; gives its stream."""
        stream = f"membership-{membership}"
        data = {"name": "Contoso", "level": "gold", "competencies": [], "solution_areas": [], "business_model": None,
                "locations": ["main"]} | more  # fmt: skip
        self.append(stream, "MembershipEnrolled", at, data)
        return stream

    def respond(self, stream: str, response: str, at: str, org: str, location: str = "main", **more: Any) -> Event:
        """A response."""
        data = {
            "response": response,
            "customer_org": org,
            "location": location,
            "answer_token": None,
            "anonymous": False,
        }
        return self.append(stream, "ResponseReceived", at, data | more)

    def join(self, stream: str, one: str, other: str, at: str = "2010-01-06") -> Event:
        """Two names that are one organisation."""
        return self.append(stream, "OrganisationsJoined", at, {"organisation": one, "same_as": other})

    def separate(self, stream: str, one: str, other: str, at: str = "2010-01-06") -> Event:
        """Two names that are not one organisation after all."""
        return self.append(stream, "OrganisationsSeparated", at, {"organisation": one, "same_as": other})

    def tell_apart(self, stream: str, new: str, known: str, at: str = "2010-01-06") -> Event:
        """A new name that folds like a known one and is another organisation."""
        return self.append(stream, "OrganisationDistinguished", at, {"organisation": new, "from": known})

    def void(self, stream: str, response: str, at: str) -> Event:
        """The voiding of a response."""
        for entry in self.streams[stream]:
            event = parse_event(entry.entry)
            if event.data.get("response") == response and event.type == "ResponseReceived":
                data = {"response": response, "reason": "fraud", "received_at": format_instant(event.occurred_us)}
                data |= {key: event.data[key] for key in ("customer_org", "location")}
                return self.append(stream, "ResponseVoided", at, data)
        raise KeyError(response)

    def decide(self, stream: str, renewal_date: str, at: str | None = None, **forged: Any) -> Event:
        """The decision that the rules give, or one with forged fields."""
        data = decision(self.membership(stream), self.rulebook(), renewal_date)
        return self.append(stream, "RenewalDecided", at or renewal_date, data | forged)

    def membership(self, stream: str) -> Membership:
        """What the stream says so far."""
        membership = Membership()
        for entry in self.streams[stream]:
            membership.apply(parse_event(entry.entry))
        return membership

    def rulebook(self) -> Rulebook:
        """What the programme's stream says so far."""
        rulebook = Rulebook()
        for entry in self.streams[RULEBOOK]:
            rulebook.publish(parse_event(entry.entry))
        return rulebook

    def map_tree(self) -> MapTree:
        """Where all streams end."""
        last = {name: events[-1].entry for name, events in self.streams.items() if events}
        heads = {}
        for name, entry in last.items():
            event = parse_event(entry)
            heads[name] = Head(blinded(salt_bytes_of(entry)), event.seq, event.leaf)
        return MapTree(heads)

    def log_heads(self, **forged: Any) -> HeadsEntry:
        """Adds a heads entry."""
        entry = HeadsEntry(self.map_tree().root, len(self.streams), len(self.entries) - self.heads_entries)
        entry = replace(entry, **forged)
        self.heads_entries += 1
        self.entries.append(entry.encoded)
        return entry

    def checkpoint(self, origin: str = LOG_KEY.name) -> Checkpoint:
        """The log's size and root."""
        return Checkpoint(origin, len(self.entries), merkle_tree.root_of_leaves(map(merkle.leaf_hash, self.entries)))

    def signed(self, *signers: SignerKey, origin: str = LOG_KEY.name) -> bytes:
        """The signed checkpoint."""
        text = self.checkpoint(origin).text
        signatures = [
            key.sign(text.encode(), WITNESSED_S if key.signature_type == COSIGNATURE_V1 else None)
            for key in signers or (LOG_KEY, *WITNESSES[:2])
        ]
        return format_note(text, signatures)

    def stored_hashes(self) -> list[bytes]:
        """What the log's tiles hold."""
        stored: list[bytes] = []

        def read(indexes: Sequence[int]) -> list[bytes]:
            return [stored[i] for i in indexes]

        for n, entry in enumerate(self.entries):
            stored.extend(merkle_tree.stored_hashes(n, merkle.leaf_hash(entry), read))
        return stored

    def read(self, indexes: Sequence[int]) -> list[bytes]:
        """Reads the log's hashes."""
        stored = self.stored_hashes()
        return [stored[i] for i in indexes]

    def bundle(self, membership: str, decision_seq: int, signed: bytes | None = None) -> Bundle:
        """The evidence for a decision; the last entry of the log has to be a heads entry."""
        subject = f"membership-{membership}"
        return build_bundle(
            Survey(),
            subject,
            decision_seq,
            entries={name: self.streams[name] for name in (subject, RULEBOOK)},
            heads=Entry(len(self.entries) - 1, self.entries[-1]),
            place_of=self.map_tree().find,
            read=self.read,
            signed_checkpoint=signed or self.signed(),
        )


def verify(bundle: bytes, policy: bytes) -> Report:
    """The verdict, by the rules of the programmes of this ledger."""
    return judge(bundle, policy, PROOF_PROGRAMMES)


def policy(**changed: Any) -> bytes:
    """The policy that trusts the book's keys."""
    value = {
        "origin": LOG_KEY.name,
        "logs": [{"vkey": str(LOG_KEY.verifier), "from": 0, "to": None}],
        "witnesses": [str(witness.verifier) for witness in WITNESSES],
        "quorum": 2,
    }
    return canonical(value | changed)


def sample_book() -> tuple[Book, int]:
    """Two memberships, some of everything, and the seq of m-1's decision, which is `met` with ten responses."""
    book = Book()
    one, two = book.enrol("m-1"), book.enrol("m-2")
    book.append(one, "RenewalDateSet", "2010-01-06", {"renewal_date": "2011-03-01"})
    for i in range(9):
        book.respond(one, f"r-{i}", f"2010-04-{i + 1:02d}", "org-a")
        book.respond(two, f"s-{i}", f"2010-04-{i + 1:02d}", "org-a")
    book.log_heads()
    for i in range(3):
        book.respond(one, f"q-{i}", f"2010-05-{i + 1:02d}", "org-b")
    book.void(one, "q-0", "2010-06-01")
    seq = book.decide(one, "2011-03-01").seq
    book.log_heads()
    return book, seq
