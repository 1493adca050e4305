"""What one write transaction appends: facts decided on in turn, their announcements, reviews, editions."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from ledger import announcing
from ledger.counting import quiet_until
from ledger.deciding import NewEvent, decide, decide_rulebook
from ledger.errors import Refused
from ledger.events import (
    EVENT_BYTES_MAX,
    MEMBERSHIP_PREFIX,
    PROGRAMME_STREAM,
    VERSIONS,
    Event,
    decode_event,
    encode_event,
    leaf_hash,
    membership_stream,
)
from ledger.facts import Fact, MembershipFact, PublishRulebook
from ledger.instants import format_instant
from ledger.membership import Membership, evolve
from ledger.rulebook import SHIPPED_EDITIONS, Edition, Rulebook
from ledger.snapshots import dump_state, load_state
from ledger.states import Programme, StateCache
from ledger.store.base import KnownFact, NewRow, Snapshot, WriteTransaction

ACTOR: Final = "csat-ledger"
LOAD_CHUNK: Final = 200


class Outcome(NamedTuple):
    """What became of a fact; `position` is that of its event, 0 where it was refused."""

    status: Literal["accepted", "duplicate", "refused"]
    position: int
    code: str | None = None
    sentence: str | None = None
    stream: str | None = None
    seq: int = 0


class Batch:
    """Appends to one write transaction. `position` is that of the last event, also of those not yet handed over."""

    def __init__(
        self,
        transaction: WriteTransaction,
        cache: StateCache,
        programme: Programme,
        position: int,
        recorded_us: int,
    ) -> None:
        self._transaction = transaction
        self._cache = cache
        self._programme = programme
        self.position = position
        self._recorded_us = recorded_us
        self._recorded_at = format_instant(recorded_us)
        self._reviews = transaction.reviews()
        self._rows: list[NewRow] = []
        self._touched: set[str] = set()
        self._known: dict[str, KnownFact] = {}

    def publish_shipped_editions(self) -> None:
        """The first events of every book (R6)."""
        for edition in SHIPPED_EDITIONS:
            occurred_at = format_instant(edition.effective_us)
            new = NewEvent("RulebookPublished", occurred_at, edition.to_data())
            self._append_to_programme(new, f"{ACTOR}:edition:{edition.edition}", ACTOR, b"")
        self._flush()  # so that their ids are found when the batch looks for those of its facts

    def note(self, event_type: str, data: Any, fact: str) -> int:
        """An event of the programme's stream that changes no rule, once for each `fact`; its position."""
        known = self._transaction.known_facts([fact]).get(fact)
        if known is not None:
            return known.position
        new = NewEvent(event_type, self._recorded_at, data)
        programme, digest = self._programme, sha256(fact.encode("utf-8")).digest()
        event, stored_hash = self._stage(
            PROGRAMME_STREAM, programme.seq + 1, programme.head, new, self._recorded_us, fact, ACTOR, digest
        )
        programme.apply(event, stored_hash)
        return event.position

    def record(self, facts: Sequence[Fact]) -> list[Outcome]:
        """Decides on each fact in turn."""
        self._known = self._transaction.known_facts([fact.id for fact in facts])
        self._load({membership_stream(fact.membership) for fact in facts if not isinstance(fact, PublishRulebook)})
        outcomes = []
        for fact in facts:
            try:
                outcomes.append(self._record_one(fact))
            except Refused as refusal:
                outcomes.append(Outcome("refused", 0, refusal.code, refusal.sentence))
        return outcomes

    def review(self, streams: Sequence[str], until_us: int) -> int:
        """Moves the horizons of some streams; returns how many announcements that made."""
        self._load(set(streams))
        announced = 0
        rulebook = self._programme.rulebook
        for stream in streams:
            state = self._cache.get(stream)
            if state is None:
                raise LookupError(f"stream {stream} is due for review but has no events")
            horizon_us = self._horizon(state)
            to_us = max(until_us, horizon_us)
            issue = announcing.advance(state, rulebook, horizon_us, to_us)
            self._announce(stream, state, issue, None)
            announced += len(issue.entries)
            if state.quiet_until_us is None or state.quiet_until_us <= to_us:
                satisfied = state.announced[-1].satisfied if state.announced else False
                state.quiet_until_us = quiet_until(state.evidence, rulebook, to_us, satisfied)
            self._cache.due.pop(stream, None)
            self._touched.add(stream)
        return announced

    def save_review(self, until_us: int) -> None:
        """Every membership there is has been reviewed up to an instant; those enrolled from now on have not."""
        later = [(reviewed_us, position) for reviewed_us, position in self._reviews if reviewed_us > until_us]
        self._transaction.save_reviews([*later, (until_us, self.position)])

    def _horizon(self, state: Membership) -> int:
        """The instant up to which a membership has been reviewed, by its facts or by a review."""
        for reviewed_us, position in self._reviews:  # the instants decrease, the positions increase
            if state.enrolled_position <= position:
                return max(state.horizon_us, reviewed_us)
        return state.horizon_us

    def finish(self) -> None:
        """Hands everything to the transaction."""
        self._flush()
        due, snapshots = [], []
        rulebook = self._programme.rulebook
        for stream in self._touched:
            state = self._cache.get(stream)
            if state is None:
                continue
            if state.quiet_until_us is None:
                horizon_us = self._horizon(state)
                satisfied = state.announced[-1].satisfied if state.announced else False
                state.quiet_until_us = quiet_until(state.evidence, rulebook, horizon_us, satisfied)
            if self._cache.due.get(stream) != state.quiet_until_us:
                self._cache.due[stream] = state.quiet_until_us
                due.append((stream, state.quiet_until_us))
            if self._cache.outgrown(stream):
                self._cache.snapshot_seq[stream] = state.seq
                snapshots.append(Snapshot(stream, state.seq, dump_state(state)))
            self._cache.weigh(stream)
        if due:
            self._transaction.save_due(due)
        if snapshots:
            self._transaction.save_snapshots(snapshots)

    def _record_one(self, fact: Fact) -> Outcome:
        digest = fact.digest()
        known = self._known.get(fact.id)
        if known is not None:
            if known.digest == digest:
                return Outcome("duplicate", known.position)
            raise Refused("id-reused", f"fact {fact.id!r} was recorded before with other content")
        occurred_us = fact.occurred_us()
        if isinstance(fact, PublishRulebook):
            new = decide_rulebook(fact, self._programme.rulebook, self._recorded_us, occurred_us)
            event = self._append_to_programme(new, fact.id, fact.actor, digest)
            self._known[fact.id] = KnownFact(digest, event.position)
            self._revise_everything(event)
        else:
            event = self._record_for_membership(fact, digest, occurred_us)
            self._known[fact.id] = KnownFact(digest, event.position)
        return Outcome("accepted", event.position, stream=event.stream, seq=event.seq)

    def _record_for_membership(self, fact: MembershipFact, digest: bytes, occurred_us: int) -> Event:
        stream = membership_stream(fact.membership)
        rulebook = self._programme.rulebook
        state = self._cache.get(stream)
        unknown = state is None
        if state is None:
            state = Membership()
        new = decide(state, fact, rulebook, self._recorded_us, occurred_us)
        horizon_us = self._horizon(state)
        event = self._append(stream, state, new, occurred_us, fact.id, fact.actor, digest)
        if unknown:
            self._cache.put(stream, state)
        self._announce(stream, state, announcing.announce_fact(state, rulebook, event, horizon_us), fact.id)
        self._touched.add(stream)
        return event

    def _announce(self, stream: str, state: Membership, issue: announcing.Issue, fact: str | None) -> None:
        if not issue.entries:
            return
        for entry, data in zip(issue.entries, issue.data(), strict=True):
            new = NewEvent("EligibilityChanged", data["effective_at"], data)
            self._append(stream, state, new, entry.effective_us, fact, ACTOR, None)
        state.quiet_until_us = issue.quiet_until_us

    def _append(
        self,
        stream: str,
        state: Membership,
        new: NewEvent,
        occurred_us: int,
        fact: str | None,
        actor: str | None,
        digest: bytes | None,
    ) -> Event:
        event, stored_hash = self._stage(stream, state.seq + 1, state.head, new, occurred_us, fact, actor, digest)
        evolve(state, event, stored_hash)
        return event

    def _stage(
        self,
        stream: str,
        seq: int,
        prev: str,
        new: NewEvent,
        occurred_us: int,
        fact: str | None,
        actor: str | None,
        digest: bytes | None,
    ) -> tuple[Event, str]:
        event_type, occurred_at, data = new
        stored = encode_event(
            stream=stream,
            seq=seq,
            event_type=event_type,
            occurred_at=occurred_at,
            recorded_at=self._recorded_at,
            fact=fact,
            actor=actor,
            prev=prev,
            data=data,
        )
        if len(stored) > EVENT_BYTES_MAX:
            raise Refused("malformed", f"found content for {len(stored):,} bytes, expected at most {EVENT_BYTES_MAX:,}")
        self.position += 1
        # `fact` stands in its column on the first event of the fact alone, where it is unique.
        self._rows.append(
            NewRow(self.position, stream, seq, event_type, stored, None if digest is None else fact, digest)
        )
        event = Event(
            stream, seq, event_type, VERSIONS[event_type], occurred_us, self._recorded_us, fact, actor, prev, data,
            self.position,
        )  # fmt: skip
        return event, leaf_hash(stored)

    def _append_to_programme(self, new: NewEvent, fact: str, actor: str | None, digest: bytes) -> Event:
        programme = self._programme
        effective_us = Edition.from_data(new.data).effective_us
        event, stored_hash = self._stage(
            PROGRAMME_STREAM, programme.seq + 1, programme.head, new, effective_us, fact, actor, digest
        )
        programme.apply(event, stored_hash)
        programme.rulebook = Rulebook(programme.published)
        return event

    def _revise_everything(self, event: Event) -> None:
        """An edition can change what was announced to every membership, if it takes effect before their horizons."""
        effective_us = Edition.from_data(event.data).effective_us
        self._cache.doubt_quiet()
        self._cache.due.clear()
        self._transaction.bring_due_forward(effective_us)
        self._flush()
        after = ""
        while streams := self._transaction.stream_names(after, LOAD_CHUNK):
            after = streams[-1]
            memberships = [stream for stream in streams if stream.startswith(MEMBERSHIP_PREFIX)]
            at_hand = {stream for stream in memberships if self._cache.get(stream) is not None}
            self._load(set(memberships))
            for stream in memberships:
                state = self._cache.get(stream)
                if state is None:
                    continue
                horizon_us = self._horizon(state)
                if effective_us <= horizon_us:
                    issue = announcing.revise(
                        state, self._programme.rulebook, effective_us, horizon_us, horizon_us, "rulebook"
                    )
                    self._announce(stream, state, issue, event.fact)
            self._flush()
            # What was not at hand before is given up again: a large book must not be loaded whole.
            self._cache.drop(stream for stream in memberships if stream not in at_hand)

    def _load(self, streams: set[str]) -> None:
        """Brings the states of streams to hand: from their snapshots where they have one, else from their events."""
        missing = [stream for stream in streams if self._cache.get(stream) is None]
        for start in range(0, len(missing), LOAD_CHUNK):
            chunk = missing[start : start + LOAD_CHUNK]
            for snapshot in self._transaction.snapshots(chunk):
                self._load_from_snapshot(snapshot)
            rest = [stream for stream in chunk if self._cache.get(stream) is None]
            for row in self._transaction.read_streams(rest):
                state = self._cache.get(row.stream)
                if state is None:
                    state = Membership()
                    self._cache.put(row.stream, state)
                evolve(state, decode_event(row.stored, row.position), leaf_hash(row.stored))
            for stream in rest:
                if self._cache.get(stream) is not None:
                    self._cache.weigh(stream)

    def _load_from_snapshot(self, snapshot: Snapshot) -> None:
        state = load_state(snapshot.state)
        if state is None:
            return
        rows = self._transaction.read_stream(snapshot.stream, state.seq - 1)
        at_snapshot = next(rows, None)
        if at_snapshot is None or leaf_hash(at_snapshot.stored) != state.head:
            return  # not a fold of this stream
        for row in rows:
            evolve(state, decode_event(row.stored, row.position), leaf_hash(row.stored))
        self._cache.put(snapshot.stream, state)
        self._cache.weigh(snapshot.stream)
        self._cache.snapshot_seq[snapshot.stream] = snapshot.seq

    def _flush(self) -> None:
        if self._rows:
            self._transaction.append(self._rows)
            self._rows = []
