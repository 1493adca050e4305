"""The survey programme as a value: what the house asks of it (`ledger.programmes.programme.Programme`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ledger.event import Event, NewEvent
from ledger.instants import format_instant, parse_instant
from ledger.programmes.survey import announce
from ledger.programmes.survey.decide import decide, publish
from ledger.programmes.survey.editions import SHIPPED_EDITIONS, Edition, Rulebook
from ledger.programmes.survey.events import EVENTS, MEMBERSHIP_PREFIX, RULEBOOK_STREAM
from ledger.programmes.survey.flips import quiet_until
from ledger.programmes.survey.snapshot import dump_state, load_state
from ledger.programmes.survey.state import Announcement, Membership, evolve

if TYPE_CHECKING:
    from ledger.fact import Fact
    from ledger.programmes.schema_forms import SchemaForms


class Survey:
    """Ten responses in the twelve months before a renewal, at most eight of one organisation (R1, R2)."""

    name = "survey"
    announcement = "EligibilityChanged"
    edition_kind = "rulebook"
    opening: Sequence[str] = (RULEBOOK_STREAM,)
    events = EVENTS

    # What is asked of every fact is the function itself, without another call around it.
    publish = staticmethod(publish)
    decide = staticmethod(decide)
    evolve = staticmethod(evolve)
    dump = staticmethod(dump_state)
    load = staticmethod(load_state)
    span = staticmethod(announce.span)
    disturbs = staticmethod(announce.disturbs)
    flips_at_once = staticmethod(announce.flips_at_once)

    def facts(self) -> Sequence[type[Fact]]:
        """The models of its facts."""
        from ledger.programmes.survey.facts import FACT_MODELS

        return FACT_MODELS

    def schema_forms(self) -> SchemaForms:
        """What the schemas say beyond the models, and samples."""
        from ledger.programmes.survey.schema_forms import FORMS

        return FORMS

    def owns(self, stream: str) -> bool:
        """Whether a stream is a membership's or that of the editions."""
        return stream.startswith(MEMBERSHIP_PREFIX) or stream == RULEBOOK_STREAM

    def rules_stream(self, _stream: str) -> str:
        """All memberships go by the same editions."""
        return RULEBOOK_STREAM

    def shipped(self, rules_stream: str) -> Sequence[tuple[str, NewEvent]]:
        """The editions that come with the ledger (R6)."""
        if rules_stream != RULEBOOK_STREAM:
            return ()
        return [
            (edition.edition, NewEvent("RulebookPublished", format_instant(edition.effective_us), edition.to_data()))
            for edition in SHIPPED_EDITIONS
        ]

    def new_rules(self) -> Rulebook:
        """No edition yet."""
        return Rulebook(())

    def add_edition(self, rules: Rulebook, event: Event) -> None:
        """One more edition."""
        rules.publish(Edition.from_data(event.data))

    def effective_us(self, event: Event) -> int:
        """From when on an edition is in force."""
        return parse_instant(event.data["effective_from"])

    def new_state(self) -> Membership:
        """A membership of which nothing is known."""
        return Membership()

    def is_of(self, stored: bytes, state_: Membership, _rules: Rulebook) -> bool:
        """Whether bytes of `dump` say the same as a state: it is always written the same."""
        return stored == dump_state(state_)

    def flips(
        self, state_: Membership, rules: Rulebook, after_us: int, until_us: int, holds: bool
    ) -> tuple[list[Announcement], int]:
        """The true flips in (after_us, until_us]."""
        return announce.flips(state_.evidence, rules, after_us, until_us, holds)

    def entry_at(self, state_: Membership, rules: Rulebook, at_us: int, kind: Any) -> Announcement:
        """What is to be said of an instant."""
        return announce.entry_at(state_.evidence, rules, at_us, kind)

    def announcement_data(
        self, _stream: str, entry: Announcement, previous: bool, revises: bool, _kind: str
    ) -> dict[str, Any]:
        """The data of an EligibilityChanged event."""
        return announce.announcement_data(entry, previous, revises)

    def quiet_until(self, state_: Membership, rules: Rulebook, at_us: int, holds: bool) -> int:
        """An instant before which nothing known can flip the status."""
        return quiet_until(state_.evidence, rules, at_us, holds)


SURVEY: Final = Survey()
