"""The capability programme as a value: what the house asks of it (`ledger.programmes.programme.Programme`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ledger.event import Event, NewEvent
from ledger.instants import parse_instant
from ledger.programmes.capability import announce, snapshot, state
from ledger.programmes.capability.decide import decide, publish
from ledger.programmes.capability.editions import SHIPPED_AREA, Scorebook, shipped
from ledger.programmes.capability.events import (
    DESIGNATION_PREFIX,
    EVENTS,
    SCOREBOOK_PREFIX,
    area_of,
    scorebook_stream,
)
from ledger.programmes.capability.state import Announcement, Designation
from ledger.programmes.programme import Span

if TYPE_CHECKING:
    from ledger.fact import Fact
    from ledger.programmes.schema_forms import SchemaForms


class Capability:
    """At least 70 points over five metrics on any one day of the window (C2, C3)."""

    name = "capability"
    announcement = "DesignationChanged"
    edition_kind = "scorebook"
    opening: Sequence[str] = ()
    events = EVENTS

    def facts(self) -> Sequence[type[Fact]]:
        """The models of its facts."""
        from ledger.programmes.capability.facts import FACT_MODELS

        return FACT_MODELS

    def schema_forms(self) -> SchemaForms:
        """What the schemas say beyond the models, and samples."""
        from ledger.programmes.capability.schema_forms import FORMS

        return FORMS

    def owns(self, stream: str) -> bool:
        """Whether a stream is a designation's or that of an area's editions."""
        return stream.startswith((DESIGNATION_PREFIX, SCOREBOOK_PREFIX))

    def rules_stream(self, stream: str) -> str:
        """The editions of the designation's area."""
        return scorebook_stream(area_of(stream))

    def shipped(self, rules_stream: str) -> Sequence[tuple[str, NewEvent]]:
        """The edition that comes with the ledger."""
        return shipped() if rules_stream == scorebook_stream(SHIPPED_AREA) else ()

    def new_rules(self) -> Scorebook:
        """No edition yet."""
        return Scorebook()

    def add_edition(self, rules: Scorebook, event: Event) -> None:
        """One more edition."""
        rules.publish(event.data)

    def effective_us(self, event: Event) -> int:
        """From when on an edition is in force."""
        return parse_instant(event.data["effective_from"])

    def publish(self, fact: Any, rules: Scorebook, now_us: int, occurred_us: int) -> NewEvent:
        """The event that a new edition becomes. Raises Refused."""
        return publish(fact, rules, now_us, occurred_us)

    def new_state(self) -> Designation:
        """A designation of which nothing is known."""
        return Designation()

    def evolve(self, state_: Designation, event: Event) -> None:
        """One more event of the designation."""
        state.evolve(state_, event)

    def dump(self, state_: Designation) -> bytes:
        """The state as bytes."""
        return snapshot.dump_state(state_)

    def load(self, stored: bytes) -> Designation | None:
        """The state that bytes hold; None where they are of another format."""
        return snapshot.load_state(stored)

    def is_of(self, stored: bytes, state_: Designation, rules: Scorebook) -> bool:
        """Whether bytes of `dump` say the same as a state."""
        return snapshot.is_of(stored, state_, rules)

    def decide(
        self,
        state_: Designation,
        fact: Any,
        rules: Scorebook,
        now_us: int,
        occurred_us: int,
        *,
        recorded_us: int,
        lenient: bool = False,
    ) -> NewEvent:
        """The event that a fact becomes. Raises Refused; references are compared exactly, whatever is asked for."""
        del lenient
        return decide(state_, fact, rules, now_us, occurred_us, recorded_us)

    def span(self, state_: Designation, _rules: Scorebook, event: Event, horizon_us: int) -> Span | None:
        """The instants whose status an event can have changed."""
        return announce.span(state_, event, horizon_us)

    def disturbs(self, state_: Designation, event: Event) -> bool:
        """Whether an event can change when something happens next by itself."""
        return announce.disturbs(state_, event)

    def flips_at_once(self, _state: Designation, _rules: Scorebook, _event: Event, _holds: bool, quiet: bool) -> bool:
        """Whether the status may flip at or before an event: where it is not known to stay quiet."""
        return not quiet

    def flips(
        self, state_: Designation, rules: Scorebook, after_us: int, until_us: int, holds: bool
    ) -> tuple[list[Announcement], int]:
        """The true flips in (after_us, until_us]."""
        return announce.flips(state_, rules, after_us, until_us, holds)

    def entry_at(self, state_: Designation, rules: Scorebook, at_us: int, _kind: Any) -> Announcement:
        """What is to be said of an instant; a revising announcement has the kind of its fact, see `announcement_data`."""
        return announce.entry_at(state_, rules, at_us)

    def announcement_data(
        self, stream: str, entry: Announcement, previous: bool, revises: bool, kind: str
    ) -> dict[str, Any]:
        """The data of a DesignationChanged event."""
        return announce.announcement_data(area_of(stream), entry, previous, revises, kind)

    def quiet_until(self, state_: Designation, rules: Scorebook, at_us: int, holds: bool) -> int:
        """An instant before which nothing known can flip the status."""
        return announce.quiet_until(state_, rules, at_us, holds)


CAPABILITY: Final = Capability()
