"""What a programme gives to the book, and nothing else: the one seam between the house and its programmes.

The writer, the snapshots, the projections, the relay, the audit and the schemas know a programme by `Programme` alone.
A programme is a value; the ones of a book are handed in together as `Programmes` (`ledger.programmes.registry` has ours).

A programme has *subjects* (a membership, a designation), each with a stream of its own, and *editions* of its rules on
streams of their own. Its status is one bit that holds or not at every instant (satisfied, qualified). Where the bit
flips, the writer appends an *announcement*; how far that has been done is the subject's *horizon* (DESIGN 6). The house
does all of this over two things that a programme can say: which flips there are in a span, and which span an event can
have changed.

A small one, whose subjects are lamps, lit from the fact that lights them until the fact that puts them out:

    class Lamps:
        name, announcement = "lamps", "LampChanged"
        events = EventTypes({("LampLit", 1): LitData, ("LampPutOut", 1): OutData, …}, {})

        def facts(self): return (Light, PutOut, PublishLampRules)       # pydantic models, see `ledger.fact.Fact`
        def owns(self, stream): return stream.startswith("lamp-") or stream == "lamp-rules"
        def rules_stream(self, stream): return "lamp-rules"
        def new_state(self): return Lamp()                  # a `State` with a list of its switchings beside
        def evolve(self, state, event): state.switched.append((event.occurred_us, event.type == "LampLit"))
        def decide(self, state, fact, rules, now_us, occurred_us, *, recorded_us, lenient):
            if isinstance(fact, Light): return NewEvent("LampLit", fact.occurred_at, {})
            …
        def span(self, state, rules, event, horizon_us):    # only an event of the past changes what was announced
            return Span(event.occurred_us, horizon_us, "switch") if event.occurred_us <= horizon_us else None
        def flips(self, state, rules, after_us, until_us, holds): …

`tests/ledger/programmes/test_third_programme.py` has one like it in full, in a book beside ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ledger.errors import refuse
from ledger.event import FIRST_PREV, Event, EventTypes, NewEvent, decode_event
from ledger.instants import BEGINNING_US, SECOND_US, format_instant
from ledger.log_events import LOG_EVENTS

if TYPE_CHECKING:  # facts are pydantic's, and who only reads the book need not import it
    from ledger.fact import Fact, FactParser
    from ledger.programmes.schema_forms import SchemaForms


FUTURE_TOLERANCE_US: Final = 5 * 60 * SECOND_US
"""So far ahead of the ledger's clock a fact may have occurred."""


def check_not_in_the_future(fact: Fact, occurred_us: int, now_us: int) -> None:
    """Refuses what lies more than five minutes ahead of the ledger's clock (`in-the-future`)."""
    if occurred_us > now_us + FUTURE_TOLERANCE_US:
        refuse(
            "in-the-future",
            f"found occurred_at {fact.occurred_at}, expected at most five minutes after {format_instant(now_us)}",
        )


class Effective(Protocol):
    """What is said from an instant on."""

    @property
    def effective_us(self) -> int:
        """From when on it holds, in microseconds since 1970."""
        ...


class Announced(Effective, Protocol):
    """An announcement as it stands in the folded history of a subject; `holds` is what it says from `effective_us` on."""

    @property
    def holds(self) -> bool:
        """What the status is from then on."""
        ...

    @property
    def flip(self) -> tuple[Any, ...]:
        """What makes it this flip and no other: where it differs from what was announced, it is announced anew."""
        ...


@dataclass(slots=True)
class State:
    """What every subject's state has; a programme's own adds to it. It stands after `seq` events of the stream.

    `head` is the leaf hash of the last event, `first_position` the position of the first; `horizon_us` the instant up to
    which it was reviewed by its own facts; `announced` the folded history of announcements, by `effective_us`.
    The house keeps all of these but `announced`, to which the programme's `evolve` adds with `fold_announcement`.
    """

    seq: int = 0
    head: str = FIRST_PREV
    first_position: int = 0
    horizon_us: int = BEGINNING_US
    announced: list[Any] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """About how many bytes of memory the state takes: what a bound on memory counts."""
        return 6_000 + 200 * len(self.announced)


class Rules(Protocol):
    """The editions of one stream, as far as they were published: what a programme's rules go by.

    The house keeps `seq` and `head` of the stream beside it (`ledger.writing.editions`).
    """

    def next_start(self, after_us: int) -> int | None:
        """The first instant after `after_us` at which another edition takes effect; None where there is none."""
        ...


class Span(NamedTuple):
    """The instants whose status an event can have changed: from `first_us` to `last_us`, both included.

    `kind` is the cause that is named where a flip that was announced is none any more. `only` says that the event can
    have brought about nothing but this status; None where either may be.
    """

    first_us: int
    last_us: int
    kind: str
    only: bool | None = None


class Programme(Protocol):
    """One programme of a book. All functions are pure but for `evolve`, which changes the state that it is given."""

    name: str
    """Lower-case letters; the packages of the programme are named so."""
    announcement: str
    """The type of the events that announce a flip."""
    edition_kind: str
    """The cause that is named where an edition of the rules takes an announced flip away."""
    opening: Sequence[str]
    """Streams of editions with which every book begins. Others that come with the ledger precede the first fact that goes
    by them, so that a book which was begun without the programme needs no change."""
    events: EventTypes
    """The data of its events by type and version, and how older versions become newer ones."""

    def facts(self) -> Sequence[type[Fact]]:
        """The models of its facts. A fact knows its stream (`Fact.stream`) and whether it publishes an edition; one that must
        not be tied to what it names says what is `hidden`, and goes by a token of it (`Fact.tie`, `ledger.link_key`)."""
        ...

    def schema_forms(self) -> SchemaForms:
        """What the schemas of its facts and events say beyond the models, and a sample of each."""
        ...

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's: of a subject or of editions."""
        ...

    def rules_stream(self, stream: str) -> str:
        """The stream whose editions a subject's stream goes by; of a stream of editions: itself."""
        ...

    def shipped(self, rules_stream: str) -> Sequence[tuple[str, NewEvent]]:
        """The editions of a stream that come with the ledger, each with its id: they stand first in their stream."""
        ...

    def new_rules(self) -> Any:
        """`Rules` without an edition."""
        ...

    def add_edition(self, rules: Any, event: Event) -> None:
        """One more edition, out of its event, published after all the others."""
        ...

    def new_state(self) -> Any:
        """The `State` of a subject of which nothing is known."""
        ...

    def evolve(self, state: Any, event: Event) -> None:
        """One more event of the subject. Never refuses: tightening a rule makes no history unreadable."""
        ...

    def dump(self, state: Any) -> bytes:
        """The state as bytes, for a snapshot; what a snapshot does not hold is worked out anew."""
        ...

    def load(self, stored: bytes) -> Any:
        """The state that bytes hold; None where they are of another format than this program writes."""
        ...

    def is_of(self, stored: bytes, state: Any, rules: Any) -> bool:
        """Whether bytes of `dump` say the same as a state that was folded from the first event on."""
        ...

    def decide(
        self,
        state: Any,
        fact: Any,
        rules: Any,
        now_us: int,
        occurred_us: int,
        *,
        recorded_us: int,
        lenient: bool = False,
    ) -> NewEvent:
        """The event that a fact about a subject becomes. Raises Refused, with a stable code; changes nothing.

        `occurred_us` is the fact's own instant, `now_us` the ledger's clock, `recorded_us` the event's recorded_at, which is
        never before the clock (`ledger.clock`); all in microseconds since 1970. What an event says can rest on `recorded_us`
        and not on `now_us`, which nobody who verifies it has. With `lenient` a fact is taken that a programme would refuse
        for its spelling alone, where it is plain what is meant.
        """
        ...

    def publish(self, fact: Any, rules: Any, now_us: int, occurred_us: int) -> NewEvent:
        """The event that a fact becomes which publishes an edition. Raises Refused."""
        ...

    def effective_us(self, event: Event) -> int:
        """The instant from which an edition is in force, out of its event."""
        ...

    def span(self, state: Any, rules: Any, event: Event, horizon_us: int) -> Span | None:
        """Which instants up to the horizon an event can have changed, after the state evolved by it; None: none of them."""
        ...

    def disturbs(self, state: Any, event: Event) -> bool:
        """Whether after an event the instant until which nothing changes by itself has to be worked out anew."""
        ...

    def flips_at_once(self, state: Any, rules: Any, event: Event, holds: bool, quiet: bool) -> bool:
        """Whether the status may flip at or before an event that occurred after the horizon.

        `holds` is the status announced last, `quiet` says that nothing changes by itself up to the event. A quick look:
        True where it cannot be told, and then every flip is looked for.
        """
        ...

    def flips(self, state: Any, rules: Any, after_us: int, until_us: int, holds: bool) -> tuple[list[Any], int]:
        """The true flips in (after_us, until_us], given that `holds` holds at `after_us`; and how long it stays quiet then:

        an instant after `until_us` before which nothing known can flip the status.
        """
        ...

    def entry_at(self, state: Any, rules: Any, at_us: int, kind: str | None) -> Any:
        """What is to be said of an instant (an `Announced`).

        `kind` is the cause where the entry takes the place of a flip that is none any more; None where it is a flip, whose
        cause is what takes effect then.
        """
        ...

    def announcement_data(self, stream: str, entry: Any, previous: bool, revises: bool, kind: str) -> dict[str, Any]:
        """The data of the event that announces an entry in a subject's stream.

        `kind` is that of the fact behind it, and empty for a review.
        """
        ...

    def quiet_until(self, state: Any, rules: Any, at_us: int, holds: bool) -> int:
        """An instant after `at_us` before which nothing known can flip the status."""
        ...


class Programmes:
    """The programmes of a book, side by side: the value that is handed to whoever has to do with more than one."""

    def __init__(self, programmes: Sequence[Programme]) -> None:
        self.all = tuple(programmes)
        self.events = EventTypes.together([LOG_EVENTS, *(programme.events for programme in programmes)])
        self.announcements = frozenset(programme.announcement for programme in programmes)
        """The types of the events that announce a flip."""

    def of(self, stream: str) -> Programme | None:
        """The programme that a stream belongs to; None for the log's own, and for those of a programme that is not here."""
        for programme in self.all:
            if programme.owns(stream):
                return programme
        return None

    def decode(self, stored: bytes, position: int = 0) -> Event:
        """As `ledger.event.decode_event`, for the types of all programmes and of the log."""
        return decode_event(stored, position, self.events)

    @cached_property
    def facts(self) -> FactParser:
        """The parser of the facts of all programmes."""
        from ledger.fact import FactParser

        return FactParser([model for programme in self.all for model in programme.facts()])


def is_subject(programmes: Programmes, stream: str) -> bool:
    """Whether a stream is a subject's: of a programme that is here, and none of its streams of editions."""
    programme = programmes.of(stream)
    return programme is not None and programme.rules_stream(stream) != stream


def follow(programme: Programme, state: State, event: Event, stored_hash: str) -> None:
    """The state after one more event of its stream; `stored_hash` is the leaf hash of the stored bytes."""
    programme.evolve(state, event)
    if not state.seq:
        state.first_position = event.position
    state.seq, state.head = event.seq, stored_hash
    state.horizon_us = max(state.horizon_us, event.occurred_us)


def fold_announcement(announced: list[Any], entry: Effective) -> None:
    """An announcement at e replaces everything announced from e on (DESIGN 6)."""
    while announced and announced[-1].effective_us >= entry.effective_us:
        announced.pop()
    announced.append(entry)
