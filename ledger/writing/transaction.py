"""What one write transaction appends: facts decided on in turn with their announcements, reviews, notes of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ledger.errors import LinkKeyMissing, Refused
from ledger.event import Event, NewEvent
from ledger.instants import BEGINNING_US, END_US, format_instant, parse_instant
from ledger.log_events import LOG_STREAM
from ledger.store.base import KnownFact, WriteTransaction
from ledger.writing.appending import ACTOR, Appender, Cause
from ledger.writing.at_hand import AtHand
from ledger.writing.horizons import Horizons
from ledger.writing.loading import Unreadable
from ledger.writing.setting_aside import PutOff
from ledger.writing.subjects import Subjects
from ledger.writing.sweeping import EditionSweep

if TYPE_CHECKING:
    from ledger.fact import Fact


class Note(NamedTuple):
    """An event of the log's own stream, and the id of its fact."""

    type: str
    data: Any
    fact: str


class Outcome(NamedTuple):
    """What became of a fact; `position` is that of its event, 0 where it was not recorded.

    `spelt` is the known name of the customer under which it was taken, where the fact spelt it otherwise.

    `put-off`: no rule refuses it, but it cannot be recorded now; handed in again later it can. Its stream is set aside
    (`ledger.writing.setting_aside`), or the link key that it needs is not there (`ledger.link_key`).
    """

    status: Literal["accepted", "duplicate", "refused", "put-off"]
    position: int
    code: str | None = None
    sentence: str | None = None
    stream: str | None = None
    seq: int = 0
    spelt: str | None = None


class Transaction:
    """One write transaction of the writer.

    Rules go by the clock, `now_us`; all events are recorded at `recorded_us`, which may be later (see `ledger.clock`).
    """

    def __init__(
        self,
        transaction: WriteTransaction,
        at_hand: AtHand,
        position: int,
        now_us: int,
        recorded_us: int,
    ) -> None:
        """`position` is that of the book's last event."""
        self._transaction = transaction
        self._programmes = at_hand.programmes
        self._cache = at_hand.states
        self._editions = at_hand.editions
        self._now_us = now_us
        self._appender = Appender(transaction, at_hand.programmes.events, at_hand.salts, position, recorded_us)
        self._horizons = Horizons(transaction, position)
        self._subjects = Subjects(transaction, at_hand, self._appender, self._horizons)
        self._sweep = EditionSweep(transaction, at_hand, self._subjects, self._appender, self._horizons, now_us)
        self._known: dict[str, KnownFact] = {}
        self._link = at_hand.linking.link(transaction)
        self.recorded_us = recorded_us
        """When everything in it is recorded."""

    @property
    def end(self) -> tuple[int, str] | None:
        """Position and leaf hash of the last event appended; None where none was."""
        return None if self._appender.head is None else (self._appender.position, self._appender.head)

    def note_all(self, notes: Sequence[Note]) -> list[int]:
        """Events of the log's own stream, on which no rule decides, each once for its `fact`; their positions."""
        known = self._transaction.known_facts([note.fact for note in notes])
        positions = {fact: one.position for fact, one in known.items()}
        log = self._editions.log(self._transaction)
        for note in notes:
            if note.fact not in positions:
                new = NewEvent(note.type, format_instant(self._now_us), note.data)
                cause = Cause(note.fact, ACTOR, sha256(note.fact.encode("utf-8")).digest())
                event, stored_hash = self._appender.append(LOG_STREAM, log.seq + 1, log.head, new, self._now_us, cause)
                log.apply(event, stored_hash)
                positions[note.fact] = event.position
        return [positions[note.fact] for note in notes]

    def record(self, facts: Sequence[Fact], *, lenient: bool = False) -> list[Outcome]:
        """Decides on each fact in turn; `lenient` as `Programme.decide`."""
        streams = [fact.stream for fact in facts]
        self._publish_shipped(set(streams))
        self._known = self._transaction.known_facts([fact.id for fact in facts])
        about = {stream for fact, stream in zip(facts, streams, strict=True) if not fact.publishes}
        self._subjects.in_use |= about
        self._subjects.load(about)
        outcomes = []
        for fact, stream in zip(facts, streams, strict=True):
            try:
                outcomes.append(self._record_one(fact, stream, lenient))
            except Refused as refusal:
                outcomes.append(Outcome("refused", 0, refusal.code, refusal.sentence))
            except PutOff as later:
                outcomes.append(Outcome("put-off", 0, later.code, later.sentence))
            except LinkKeyMissing as missing:
                outcomes.append(Outcome("put-off", 0, missing.code, str(missing)))
        return outcomes

    def review(self, streams: Sequence[str], until_us: int, *, anew: bool = False) -> Counter[str]:
        """Moves the horizons of some streams; returns how many announcements that made, by type. `anew` as `Subjects.review`.

        Those that cannot be read are set aside; those that have no events were due in another book, and are forgotten.
        """
        subjects = self._subjects
        subjects.load(set(streams))
        announced: Counter[str] = Counter()
        for stream in streams:
            state = self._cache.get(stream)
            if state is not None:
                try:
                    if made := subjects.review(stream, state, until_us, anew=anew):
                        announced[subjects.editions(stream).programme.announcement] += made
                except Exception as error:  # damaged content that could be read all the same
                    subjects.doubt(stream, error)
                    subjects.damaged(stream, error)
            elif stream in subjects.asides:
                self._transaction.save_due([(stream, END_US)])  # it waits for the mend, and not for an instant
            else:
                self._transaction.drop_due([stream])
        return announced

    def rebuild(self, streams: Sequence[str]) -> Counter[str]:
        """Works out from the events alone when some subjects are due, and their snapshots; as `review`."""
        self._cache.drop(streams)
        self._transaction.drop_snapshots(streams)
        return self.review(streams, BEGINNING_US, anew=True)

    def save_review(self, until_us: int) -> None:
        """Every subject there is has been reviewed up to an instant; those that begin from now on have not."""
        self._horizons.save(until_us, self._appender.position)

    def try_set_aside(self) -> None:
        """Takes up what is set aside and can be read by now."""
        self._subjects.load(set(self._subjects.asides))

    def set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        """Sets streams aside: whatever this transaction would do with them waits."""
        for one in unreadable:
            self._subjects.set_aside(one)

    @property
    def number_set_aside(self) -> int:
        """How many streams are set aside."""
        return len(self._subjects.asides)

    def finish(self) -> None:
        """Hands everything to the store's transaction."""
        self._appender.flush()
        self._subjects.put_away()

    def publish_opening_editions(self) -> None:
        """The editions with which a book begins (R6)."""
        self._publish_shipped(stream for programme in self._programmes.all for stream in programme.opening)

    def _publish_shipped(self, streams: Iterable[str]) -> None:
        """The editions that come with the ledger, where the streams of their subjects have none yet."""
        appender, before = self._appender, self._appender.position
        for editions in {id(found): found for found in map(self._subjects.editions, streams)}.values():
            if editions.seq:
                continue
            for name, new in editions.programme.shipped(editions.stream):
                cause = Cause(f"{ACTOR}:edition:{name}", ACTOR, b"")
                occurred_us = parse_instant(new.occurred_at)
                seq, prev = editions.seq + 1, editions.head
                editions.apply(*appender.append(editions.stream, seq, prev, new, occurred_us, cause))
        if appender.position != before:
            appender.flush()  # so that their ids are found among those of the book

    def _record_one(self, fact: Fact, stream: str, lenient: bool) -> Outcome:
        if fact.hidden:
            fact.tie(self._link)
        digest = fact.digest()
        known = self._known.get(fact.id)
        if known is not None:
            if known.digest == digest:
                return Outcome("duplicate", known.position)
            raise Refused("id-reused", f"fact {fact.id!r} was recorded before with other content")
        cause = Cause(fact.id, fact.actor, digest)
        event = self._publish(fact, cause) if fact.publishes else self._record_for_subject(fact, stream, cause, lenient)
        self._known[fact.id] = KnownFact(digest, event.position)
        spelt = event.data["customer_org"] if "spelt" in event.data else None
        return Outcome("accepted", event.position, stream=event.stream, seq=event.seq, spelt=spelt)

    def _record_for_subject(self, fact: Fact, stream: str, cause: Cause, lenient: bool) -> Event:
        subjects = self._subjects
        editions = subjects.editions(stream)
        programme = editions.programme
        state = self._cache.get(stream)
        if state is None:
            if stream in subjects.asides:
                raise PutOff([subjects.asides[stream]])
            state = programme.new_state()
        occurred_us = fact.occurred_us()
        try:
            new = programme.decide(
                state, fact, editions.rules, self._now_us, occurred_us, recorded_us=self.recorded_us, lenient=lenient
            )
            return subjects.record(stream, state, new, occurred_us, cause)
        except Exception as error:
            subjects.doubt(stream, error)
            raise

    def _publish(self, fact: Fact, cause: Cause) -> Event:
        """An edition, and what it changes of what was announced."""
        editions = self._subjects.editions(fact.stream)
        occurred_us = fact.occurred_us()
        new = editions.programme.publish(fact, editions.rules, self._now_us, occurred_us)
        effective_us = parse_instant(new.data["effective_from"])
        self._sweep.require_all_readable(editions, effective_us)
        event, stored_hash = self._appender.append(
            fact.stream, editions.seq + 1, editions.head, new, occurred_us, cause
        )
        editions.apply(event, stored_hash)
        self._known[fact.id] = KnownFact(cause.digest or b"", event.position)
        self._sweep.run(editions, event, effective_us)
        return event
