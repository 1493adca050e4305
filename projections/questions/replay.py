"""A membership's stream read anew, and its recorded decisions taken once more: the heart of `replay`.

It reads the events alone, no projection and no snapshot. Each event comes with the standing at its own instant, as
known right after it; each decision with what the rules say of all that stood in the stream before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.event import Event
from ledger.instants import format_instant
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.events import RULEBOOK_STREAM
from ledger.programmes.survey.flips import Standing, standing
from ledger.programmes.survey.outcome import decide_renewal
from ledger.store.base import Reader
from projections.survey.reading import replay


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it was recorded, and as it comes out anew."""

    position: int
    recorded: dict[str, Any]
    recomputed: dict[str, Any]

    @property
    def same(self) -> bool:
        """Whether the recorded decision holds."""
        return self.recorded == self.recomputed

    @property
    def different(self) -> list[str]:
        """The names of what differs."""
        names = sorted(self.recorded.keys() | self.recomputed.keys())
        return [name for name in names if self.recorded.get(name) != self.recomputed.get(name)]


@dataclass(slots=True)
class Audit:
    """Walks through a membership's stream; `decisions` fills up on the way."""

    book: Reader
    membership: str
    through: int | None = None
    decisions: list[Decision] = field(default_factory=list)

    def steps(self) -> Iterator[tuple[Event, Standing]]:
        """Each event, with the standing at its occurred_at as known after it. Errors as `ledger.book.replay`."""
        rulebooks = _Rulebooks(self.book)
        revisions: dict[str, int] = {}
        for step in replay(self.book, self.membership, self.through):
            event = step.event
            rulebook = rulebooks.at(event.position)
            if event.type == "RenewalDecided":
                # A decision is no evidence: what it was taken from is the same before it and after it.
                renewal_date = event.data["renewal_date"]
                revision = revisions[renewal_date] = revisions.get(renewal_date, 0) + 1
                anew = {**decide_renewal(step.state, rulebook, renewal_date), "revision": revision}
                self.decisions.append(Decision(event.position, event.data, anew))
            yield event, standing(step.state.evidence, rulebook, event.occurred_us)


class _Rulebooks:
    """The rulebook as it was known at each position, for positions that only grow."""

    def __init__(self, book: Reader) -> None:
        rows = book.read_stream(RULEBOOK_STREAM)
        self._to_come = [PROGRAMMES.decode(row.stored, row.position) for row in rows if row.type == "RulebookPublished"]
        self._to_come.reverse()
        self._rulebook = Rulebook(())

    def at(self, position: int) -> Rulebook:
        """The editions published by a position."""
        while self._to_come and self._to_come[-1].position <= position:
            self._rulebook.publish(Edition.from_data(self._to_come.pop().data))
        return self._rulebook


def step_answer(event: Event, found: Standing) -> dict[str, Any]:
    """A step as an answer."""
    return {
        "seq": event.seq,
        "position": event.position,
        "type": event.type,
        "occurred_at": format_instant(event.occurred_us),
        "recorded_at": format_instant(event.recorded_us),
        "fact": event.fact,
        "actor": event.actor,
        "data": event.data,
        "announcement": event.type == "EligibilityChanged",
        "satisfied": found.satisfied,
        "via": found.via,
        "location": found.location,
        "counted": found.counted,
        "organisations": found.organisations,
        "edition": found.edition,
    }


def decision_answer(decision: Decision) -> dict[str, Any]:
    """The check of a decision as an answer; both sides are told where they differ."""
    recorded = decision.recorded
    answer = {
        "checked": "RenewalDecided",
        "position": decision.position,
        "renewal_date": recorded["renewal_date"],
        "revision": recorded["revision"],
        "outcome": recorded["outcome"],
        "counted": recorded["counted"],
        "same": decision.same,
    }
    if not decision.same:
        answer["different"] = {
            name: {"recorded": recorded.get(name), "recomputed": decision.recomputed.get(name)}
            for name in decision.different
        }
    return answer
