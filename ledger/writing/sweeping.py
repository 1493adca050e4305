"""Sweeping an edition: it can change what was announced to every subject that goes by it."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.event import Event
from ledger.programmes.programme import FUTURE_TOLERANCE_US
from ledger.store.base import WriteTransaction
from ledger.writing.announcing import announce_edition
from ledger.writing.appending import Appender
from ledger.writing.at_hand import AtHand
from ledger.writing.editions import Editions
from ledger.writing.horizons import Horizons
from ledger.writing.loading import LOAD_CHUNK, Unreadable
from ledger.writing.setting_aside import FoundUnreadable, PutOff
from ledger.writing.subjects import Subjects


class EditionSweep:
    """What an edition changes of what was announced, within one transaction."""

    def __init__(
        self,
        transaction: WriteTransaction,
        at_hand: AtHand,
        subjects: Subjects,
        appender: Appender,
        horizons: Horizons,
        now_us: int,
    ) -> None:
        self._transaction = transaction
        self._subjects = subjects
        self._cache = at_hand.states
        self._appender = appender
        self._horizons = horizons
        self._now_us = now_us

    def require_all_readable(self, editions: Editions, effective_us: int) -> None:
        """Raises PutOff where an edition would revise what was announced to a subject that cannot be read."""
        asides = self._subjects.asides
        concerned = set(_going_by(editions, asides))
        if concerned and self._revises_the_past(effective_us):
            self._subjects.load(concerned)
            if waiting := [aside for stream, aside in asides.items() if stream in concerned]:
                raise PutOff(waiting, "an edition that takes effect in the past")

    def run(self, editions: Editions, event: Event, effective_us: int) -> None:
        """Announces anew to every subject that goes by these editions, if the edition takes effect before its horizon."""
        cache, programme = self._cache, editions.programme
        cache.doubt_quiet()
        cache.due.clear()
        self._appender.flush()
        after = ""
        while names := self._transaction.stream_names(after, LOAD_CHUNK):
            after = names[-1]
            streams = _going_by(editions, names)
            asides = self._subjects.asides  # they wait for the mend, and not for an instant
            self._transaction.bring_due_forward(effective_us, [one for one in streams if one not in asides])
            at_hand = {stream for stream in streams if cache.get(stream) is not None}
            self._load(streams, effective_us)
            for stream in streams:
                state = cache.get(stream)
                if state is None:
                    continue
                horizon_us = self._horizons.of(state)
                if effective_us > horizon_us:
                    continue
                try:
                    issue = announce_edition(programme, state, editions.rules, effective_us, horizon_us)
                    self._subjects.announce(stream, state, issue, event.fact)
                except Exception as error:
                    self._subjects.doubt(stream, error)
                    raise
            self._appender.flush()
            # What was not at hand before is given up again: a large book must not be loaded whole. What the facts of
            # this transaction are about stays, also where it is of another programme: they are decided on by it.
            in_use = self._subjects.in_use
            cache.drop(stream for stream in streams if stream not in at_hand and stream not in in_use)
            cache.shrink(in_use)

    def _load(self, streams: list[str], effective_us: int) -> None:
        """Brings states to hand. Raises FoundUnreadable where one cannot be read whose past would be revised."""
        asides = self._subjects.asides
        known = set(asides)
        self._subjects.load(set(streams))
        found = [Unreadable(*aside[:3]) for aside in asides.values() if aside.stream not in known]
        if found and self._revises_the_past(effective_us):
            raise FoundUnreadable(found)

    def _revises_the_past(self, effective_us: int) -> bool:
        return effective_us <= self._now_us + FUTURE_TOLERANCE_US


def _going_by(editions: Editions, names: Iterable[str]) -> list[str]:
    """Those of some streams that are of subjects which go by these editions."""
    programme, stream = editions.programme, editions.stream
    return [
        name for name in names if programme.owns(name) and name != stream and programme.rules_stream(name) == stream
    ]
