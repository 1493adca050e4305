"""What one write transaction appends: facts decided on in turn, their announcements, reviews, editions."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from ledger.errors import Refused
from ledger.event import (
    EVENT_BYTES_MAX,
    MEMBERSHIP_PREFIX,
    PROGRAMME_STREAM,
    VERSIONS,
    Event,
    encode_event,
    leaf_hash,
    membership_stream,
)
from ledger.instants import BEGINNING_US, END_US, format_instant
from ledger.programmes.survey import announce as announcing
from ledger.programmes.survey.decide import FUTURE_TOLERANCE_US, NewEvent, decide, decide_rulebook
from ledger.programmes.survey.editions import SHIPPED_EDITIONS, Edition
from ledger.programmes.survey.facts import Fact, MembershipFact
from ledger.programmes.survey.flips import quiet_until
from ledger.programmes.survey.snapshot import dump_state
from ledger.programmes.survey.state import Membership, evolve
from ledger.store.base import Aside, KnownFact, NewRow, Snapshot, WriteTransaction, as_new_row
from ledger.writing.loading import LOAD_CHUNK, REASON_MAX, Unreadable, load_states
from ledger.writing.setting_aside import FoundUnreadable, PutOff, Tries
from ledger.writing.state_cache import Programme, StateCache

ACTOR: Final = "csat-ledger"
ROWS_MAX: Final = 10_000
"""So many events of a transaction are held in memory: a few facts can announce a long history anew, each of them."""


class Outcome(NamedTuple):
    """What became of a fact; `position` is that of its event, 0 where it was not recorded.

    `spelt` is the known name of the customer under which it was taken, where the fact spelt it otherwise.

    `put-off`: no rule refuses it, but it cannot be recorded now; handed in again later it can (`ledger.writing.setting_aside`).
    """

    status: Literal["accepted", "duplicate", "refused", "put-off"]
    position: int
    code: str | None = None
    sentence: str | None = None
    stream: str | None = None
    seq: int = 0
    spelt: str | None = None


class Batch:
    """Appends to one write transaction. `position` is that of the last event, also of those not yet handed over.

    Rules go by the clock, `now_us`; all events are recorded at `recorded_us`, which may be later (see `ledger.clock`).
    """

    def __init__(
        self,
        transaction: WriteTransaction,
        cache: StateCache,
        programme: Programme,
        position: int,
        now_us: int,
        recorded_us: int,
        tries: Tries,
    ) -> None:
        self._transaction = transaction
        self._cache = cache
        self._programme = programme
        self.position = position
        self.head: str | None = None
        """The leaf hash of the last event appended; None where none was."""
        self._now_us = now_us
        self.recorded_us = recorded_us
        self._recorded_at = format_instant(recorded_us)
        # What speaks of positions that the book does not have was kept with another book.
        self._reviews = [entry for entry in transaction.reviews() if entry[1] <= position]
        self._tries = tries
        self._asides = {aside.stream: aside for aside in transaction.set_aside()}
        self._asides_before = dict(self._asides)
        self._rows: list[NewRow] = []
        self._touched: set[str] = set()
        self._known: dict[str, KnownFact] = {}
        self._known_spelling = False

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
        new = NewEvent(event_type, format_instant(self._now_us), data)
        programme, digest = self._programme, sha256(fact.encode("utf-8")).digest()
        event, stored_hash = self._stage(
            PROGRAMME_STREAM, programme.seq + 1, programme.head, new, self._now_us, fact, ACTOR, digest
        )
        programme.apply(event, stored_hash)
        return event.position

    def record(self, facts: Sequence[Fact], known_spelling: bool = False) -> list[Outcome]:
        """Decides on each fact in turn; `known_spelling` as `ledger.programmes.survey.decide.decide`."""
        self._known_spelling = known_spelling
        self._known = self._transaction.known_facts([fact.id for fact in facts])
        self._load({membership_stream(fact.membership) for fact in facts if fact.type != "publish-rulebook"})
        outcomes = []
        for fact in facts:
            try:
                outcomes.append(self._record_one(fact))
            except Refused as refusal:
                outcomes.append(Outcome("refused", 0, refusal.code, refusal.sentence))
            except PutOff as later:
                outcomes.append(Outcome("put-off", 0, later.code, later.sentence))
        return outcomes

    def review(self, streams: Sequence[str], until_us: int) -> int:
        """Moves the horizons of some streams; returns how many announcements that made.

        Those that cannot be read are set aside; those that have no events were due in another book, and are forgotten.
        """
        self._load(set(streams))
        announced = 0
        for stream in streams:
            state = self._cache.get(stream)
            if state is not None:
                try:
                    announced += self._review_one(stream, state, until_us)
                except Exception as error:  # damaged content that could be read all the same
                    self._set_aside(Unreadable(stream, self._last_position(stream), repr(error)[:REASON_MAX]))
            elif stream not in self._asides:
                self._transaction.drop_due([stream])
        return announced

    def _review_one(self, stream: str, state: Membership, until_us: int) -> int:
        rulebook = self._programme.rulebook
        horizon_us = self._horizon(state)
        to_us = max(until_us, horizon_us)
        issue = announcing.advance(state, rulebook, horizon_us, to_us)
        self._announce(stream, state, issue, None)
        if state.quiet_until_us is None or state.quiet_until_us <= to_us:
            satisfied = state.announced[-1].satisfied if state.announced else False
            state.quiet_until_us = quiet_until(state.evidence, rulebook, to_us, satisfied)
        self._cache.due.pop(stream, None)
        self._touched.add(stream)
        return len(issue.entries)

    def save_review(self, until_us: int) -> None:
        """Every membership there is has been reviewed up to an instant; those enrolled from now on have not."""
        later = [(reviewed_us, position) for reviewed_us, position in self._reviews if reviewed_us > until_us]
        self._transaction.save_reviews([*later, (until_us, self.position)])

    def _horizon(self, state: Membership) -> int:
        """The instant up to which a membership has been reviewed, by its facts or by a review."""
        return max(state.horizon_us, self._reviewed_us(state.enrolled_position))

    def _reviewed_us(self, enrolled_position: int) -> int:
        for reviewed_us, position in self._reviews:  # the instants decrease, the positions increase
            if enrolled_position <= position:
                return reviewed_us
        return BEGINNING_US

    # Streams that cannot be read (`ledger.writing.setting_aside`)

    def try_set_aside(self) -> None:
        """Takes up what is set aside and can be read by now."""
        self._load(set(self._asides))

    def set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        """Sets streams aside: whatever this batch would do with them waits."""
        for one in unreadable:
            self._set_aside(one)

    @property
    def number_set_aside(self) -> int:
        """How many streams are set aside."""
        return len(self._asides)

    def _set_aside(self, one: Unreadable) -> None:
        before = self._asides.get(one.stream)
        first = next(self._transaction.read_stream(one.stream), None)
        reviewed_us = self._reviewed_us(first.position if first else 0) if before is None else before.reviewed_us
        self._asides[one.stream] = Aside(*one, reviewed_us)
        self._tries.failed(self._transaction, one.stream, one.position)
        self._cache.drop([one.stream])
        self._transaction.save_due([(one.stream, END_US)])

    def _revises_the_past(self, effective_us: int) -> bool:
        return effective_us <= self._now_us + FUTURE_TOLERANCE_US

    def _require_all_readable(self, effective_us: int) -> None:
        """Raises PutOff where an edition would revise what was announced to a membership that cannot be read."""
        if self._asides and self._revises_the_past(effective_us):
            self.try_set_aside()
            if self._asides:
                raise PutOff(self._asides.values(), "an edition that takes effect in the past")

    def _take_up(self, stream: str, state: Membership) -> None:
        """Moves the horizon of a stream that can be read again to where those of the others are."""
        aside, others_us = self._asides.pop(stream), self._horizon(state)
        horizon_us = min(max(state.horizon_us, aside.reviewed_us), others_us)  # nobody was reviewed further than all
        issue = announcing.advance(state, self._programme.rulebook, horizon_us, others_us)
        self._announce(stream, state, issue, None)
        self._cache.due.pop(stream, None)
        self._touched.add(stream)

    def _last_position(self, stream: str) -> int:
        last = self._transaction.last_seq(stream)
        return next((row.position for row in self._transaction.read_stream(stream, last - 1)), 0)

    def finish(self) -> None:
        """Hands everything to the transaction."""
        self._flush()
        due, snapshots = [], []
        rulebook = self._programme.rulebook
        for stream in self._touched:
            state = self._cache.get(stream)
            if state is None or stream in self._asides:
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
        if taken_up := self._asides_before.keys() - self._asides.keys():
            self._transaction.take_up(sorted(taken_up))
        if new := [aside for aside in self._asides.values() if self._asides_before.get(aside.stream) != aside]:
            self._transaction.save_set_aside(new)

    def _record_one(self, fact: Fact) -> Outcome:
        digest = fact.digest()
        known = self._known.get(fact.id)
        if known is not None:
            if known.digest == digest:
                return Outcome("duplicate", known.position)
            raise Refused("id-reused", f"fact {fact.id!r} was recorded before with other content")
        occurred_us = fact.occurred_us()
        if fact.type == "publish-rulebook":
            new = decide_rulebook(fact, self._programme.rulebook, self._now_us, occurred_us)
            self._require_all_readable(Edition.from_data(new.data).effective_us)
            event = self._append_to_programme(new, fact.id, fact.actor, digest)
            self._known[fact.id] = KnownFact(digest, event.position)
            self._revise_everything(event)
        else:
            event = self._record_for_membership(fact, digest, occurred_us)
            self._known[fact.id] = KnownFact(digest, event.position)
        spelt = event.data["customer_org"] if "spelt" in event.data else None
        return Outcome("accepted", event.position, stream=event.stream, seq=event.seq, spelt=spelt)

    def _record_for_membership(self, fact: MembershipFact, digest: bytes, occurred_us: int) -> Event:
        stream = membership_stream(fact.membership)
        rulebook = self._programme.rulebook
        state = self._cache.get(stream)
        unknown = state is None
        if state is None:
            if stream in self._asides:
                raise PutOff([self._asides[stream]])
            state = Membership()
        new = decide(state, fact, rulebook, self._now_us, occurred_us, known_spelling=self._known_spelling)
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
        if len(self._rows) >= ROWS_MAX:
            self._flush()
        self.position += 1
        # `fact` stands in its column on the first event of the fact alone, where it is unique.
        self._rows.append(
            as_new_row((self.position, stream, seq, event_type, stored, None if digest is None else fact, digest))
        )
        event = Event(
            stream, seq, event_type, VERSIONS[event_type], occurred_us, self.recorded_us, fact, actor, prev, data,
            self.position,
        )  # fmt: skip
        self.head = leaf_hash(stored)
        return event, self.head

    def _append_to_programme(self, new: NewEvent, fact: str, actor: str | None, digest: bytes) -> Event:
        programme = self._programme
        effective_us = Edition.from_data(new.data).effective_us
        event, stored_hash = self._stage(
            PROGRAMME_STREAM, programme.seq + 1, programme.head, new, effective_us, fact, actor, digest
        )
        programme.apply(event, stored_hash)
        return event

    def _revise_everything(self, event: Event) -> None:
        """An edition can change what was announced to every membership, if it takes effect before their horizons."""
        rulebook, effective_us = self._programme.rulebook, Edition.from_data(event.data).effective_us
        self._cache.doubt_quiet()
        self._cache.due.clear()
        self._transaction.bring_due_forward(effective_us)
        self._flush()
        after = ""
        while streams := self._transaction.stream_names(after, LOAD_CHUNK):
            after = streams[-1]
            memberships = [stream for stream in streams if stream.startswith(MEMBERSHIP_PREFIX)]
            at_hand = {stream for stream in memberships if self._cache.get(stream) is not None}
            known = set(self._asides)
            self._load(set(memberships))
            found = [Unreadable(*aside[:3]) for aside in self._asides.values() if aside.stream not in known]
            if found and self._revises_the_past(effective_us):
                raise FoundUnreadable(found)
            for stream in memberships:
                state = self._cache.get(stream)
                if state is None:
                    continue
                horizon_us = self._horizon(state)
                if effective_us <= horizon_us:
                    issue = announcing.announce_edition(state, rulebook, effective_us, horizon_us)
                    self._announce(stream, state, issue, event.fact)
            self._flush()
            # What was not at hand before is given up again: a large book must not be loaded whole.
            self._cache.drop(stream for stream in memberships if stream not in at_hand)
            self._cache.shrink()

    def _load(self, streams: set[str]) -> None:
        """Brings the states of streams to hand; those that cannot be read are set aside, those that can again taken up."""
        asides = self._asides
        wanted = [one for one in streams if one not in asides or self._tries.worth_it(self._transaction, asides[one])]
        for unreadable in load_states(self._transaction, self._cache, wanted):
            self._set_aside(unreadable)
        for stream in sorted(asides.keys() & streams):
            state = self._cache.get(stream)
            if state is not None:
                self._take_up(stream, state)

    def _flush(self) -> None:
        if self._rows:
            self._transaction.append(self._rows)
            self._rows = []
