"""Subjects in a transaction: their states are brought to hand, set aside where they cannot be read, and put away again."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.errors import LedgerError
from ledger.event import Event, NewEvent
from ledger.instants import END_US
from ledger.programmes.programme import State, follow
from ledger.store.base import Aside, Snapshot, WriteTransaction
from ledger.writing.announcing import Issue, advance, announce_event, held
from ledger.writing.appending import Appender, Cause
from ledger.writing.at_hand import AtHand
from ledger.writing.editions import Editions
from ledger.writing.horizons import Horizons
from ledger.writing.loading import REASON_MAX, SnapshotDoubted, Unreadable, load_states


class Subjects:
    """The subjects that one transaction has to do with."""

    def __init__(
        self,
        transaction: WriteTransaction,
        at_hand: AtHand,
        appender: Appender,
        horizons: Horizons,
    ) -> None:
        self._transaction = transaction
        self._programmes = at_hand.programmes
        self._cache = at_hand.states
        self._editions = at_hand.editions
        self._tries = at_hand.tries
        self._appender = appender
        self._horizons = horizons
        self._going_by: dict[str, Editions] = {}
        self._touched: set[str] = set()
        self.in_use: set[str] = set()
        """Streams whose states the transaction goes on with, which nobody may give up in the middle of it."""
        self.asides = {aside.stream: aside for aside in transaction.set_aside()}
        """The streams that are set aside (`ledger.writing.setting_aside`)."""
        self._asides_before = dict(self.asides)

    def editions(self, stream: str) -> Editions:
        """The editions that a subject goes by, with its programme. Raises LookupError where it is of no programme here."""
        found = self._going_by.get(stream)
        if found is None:
            programme = self._programmes.of(stream)
            if programme is None:
                raise LookupError(f"found no programme of the stream {stream}")
            found = self._editions.get(self._transaction, programme, programme.rules_stream(stream))
            self._going_by[stream] = found
        return found

    def load(self, streams: set[str]) -> None:
        """Brings the states of streams to hand; those that cannot be read are set aside, those that can again taken up."""
        asides = self.asides
        wanted = [one for one in streams if one not in asides or self._tries.worth_it(self._transaction, asides[one])]
        for unreadable in load_states(self._transaction, self._programmes, self._cache, wanted):
            self.set_aside(unreadable)
        for stream in sorted(asides.keys() & streams):
            state = self._cache.get(stream)
            if state is not None:
                self._take_up(stream, state)

    def append(self, stream: str, state: State, new: NewEvent, occurred_us: int, cause: Cause) -> Event:
        """Appends an event to a subject's stream; the state has evolved by it."""
        event, stored_hash = self._appender.append(stream, state.seq + 1, state.head, new, occurred_us, cause)
        follow(self.editions(stream).programme, state, event, stored_hash)
        return event

    def record(self, stream: str, state: State, new: NewEvent, occurred_us: int, cause: Cause) -> Event:
        """Appends the event of a fact and the announcements that it causes."""
        horizon_us, editions = self._horizons.of(state), self.editions(stream)
        event = self.append(stream, state, new, occurred_us, cause)
        self._cache.put(stream, state)
        quiet_us = self._cache.quiet.get(stream)
        issue = announce_event(editions.programme, state, editions.rules, event, horizon_us, quiet_us)
        if issue is not None:
            self.announce(stream, state, issue, cause.fact)
        self._touched.add(stream)  # in use it is already, as the stream of a fact
        return event

    def review(self, stream: str, state: State, until_us: int, *, anew: bool = False) -> int:
        """Moves the horizon of a subject on; returns how many announcements that made.

        `anew`: from where its own events have brought it. That a review of all went further is not believed.
        """
        reviewed_us = self._horizons.of(state)
        horizon_us, to_us = state.horizon_us if anew else reviewed_us, max(until_us, reviewed_us)
        editions = self.editions(stream)
        programme, rules = editions.programme, editions.rules
        if anew:
            self._cache.quiet.pop(stream, None)
        issue = advance(programme, state, rules, horizon_us, to_us, self._cache.quiet.get(stream))
        self.announce(stream, state, issue, None)
        quiet_us = self._cache.quiet.get(stream)
        if quiet_us is None or quiet_us <= to_us:
            self._cache.quiet[stream] = programme.quiet_until(state, rules, to_us, held(state))
        self._cache.due.pop(stream, None)
        self._touch(stream)
        return len(issue.entries)

    def announce(self, stream: str, state: State, issue: Issue, fact: str | None) -> None:
        """Appends announcements, and takes note of how long it stays quiet after them."""
        if issue.entries:
            programme = self.editions(stream).programme
            for entry, data in zip(issue.entries, issue.data(programme, stream), strict=True):
                new = NewEvent(programme.announcement, data["effective_at"], data)
                self.append(stream, state, new, entry.effective_us, Cause(fact))
        self._cache.quiet[stream] = issue.quiet_until_us

    # Streams that cannot be read

    def set_aside(self, one: Unreadable) -> None:
        """Sets a stream aside: whatever this transaction would do with it waits."""
        before = self.asides.get(one.stream)
        first = next(self._transaction.read_stream(one.stream), None)
        reviewed_us = (
            self._horizons.reviewed_us(first.position if first else 0) if before is None else before.reviewed_us
        )
        self.asides[one.stream] = Aside(*one, reviewed_us)
        self._tries.failed(self._transaction, one.stream, one.position)
        self._cache.drop([one.stream])
        self._transaction.save_due([(one.stream, END_US)])

    def doubt(self, stream: str, error: Exception) -> None:
        """Something went wrong with a state: raises SnapshotDoubted where it came from a snapshot, which may be the cause."""
        if stream in self._cache.from_snapshot and not isinstance(error, LedgerError):
            raise SnapshotDoubted(stream) from error

    def damaged(self, stream: str, error: Exception) -> None:
        """Sets a stream aside whose content could be read and makes no sense all the same."""
        last = self._transaction.last_seq(stream)
        position = next((row.position for row in self._transaction.read_stream(stream, last - 1)), 0)
        self.set_aside(Unreadable(stream, position, repr(error)[:REASON_MAX]))

    def _take_up(self, stream: str, state: State) -> None:
        """Moves the horizon of a stream that can be read again to where those of the others are."""
        aside, others_us = self.asides.pop(stream), self._horizons.of(state)
        horizon_us = min(max(state.horizon_us, aside.reviewed_us), others_us)  # nobody was reviewed further than all
        editions, quiet_us = self.editions(stream), self._cache.quiet.get(stream)
        issue = advance(editions.programme, state, editions.rules, horizon_us, others_us, quiet_us)
        self.announce(stream, state, issue, None)
        self._cache.due.pop(stream, None)
        self._touch(stream)

    def _touch(self, stream: str) -> None:
        """Something was appended, or is due at another time: kept in mind until the end, see `put_away`."""
        self._touched.add(stream)
        self.in_use.add(stream)

    # The end of the transaction

    def put_away(self) -> None:
        """Keeps what belongs beside the events: when each subject is due, snapshots, and what is set aside."""
        self._save_due_and_snapshots([stream for stream in self._touched if stream not in self.asides])
        if taken_up := self._asides_before.keys() - self.asides.keys():
            self._transaction.take_up(sorted(taken_up))
        if new := [aside for aside in self.asides.values() if self._asides_before.get(aside.stream) != aside]:
            self._transaction.save_set_aside(new)

    def _save_due_and_snapshots(self, streams: Iterable[str]) -> None:
        cache, due, snapshots = self._cache, [], []
        for stream in streams:
            state = cache.get(stream)
            if state is None:
                continue
            editions, quiet_us = self.editions(stream), cache.quiet.get(stream)
            if quiet_us is None:
                horizon_us = self._horizons.of(state)
                try:
                    quiet_us = editions.programme.quiet_until(state, editions.rules, horizon_us, held(state))
                except Exception as error:
                    self.doubt(stream, error)
                    raise
                cache.quiet[stream] = quiet_us
            if cache.due.get(stream) != quiet_us:
                cache.due[stream] = quiet_us
                due.append((stream, quiet_us))
            if cache.outgrown(stream):
                cache.snapshot_seq[stream] = state.seq
                snapshots.append(Snapshot(stream, state.seq, editions.programme.dump(state)))
            cache.weigh(stream)
        if due:
            self._transaction.save_due(due)
        if snapshots:
            self._transaction.save_snapshots(snapshots)
