"""The survey programme for the verifier (`ledger.proof.programme.ProofProgramme`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.proof.log.event import Event, require_same
from ledger.proof.programme import Light

if TYPE_CHECKING:
    from ledger.proof.survey.recheck import StreamCheck

RULEBOOK = "programme"
MEMBERSHIP_PREFIX = "membership-"
_MEMBERSHIP = re.compile(f"{MEMBERSHIP_PREFIX}[A-Za-z0-9][A-Za-z0-9._:-]{{0,63}}")


class Survey:
    """A stream for each membership, `membership-<id>`, and one of editions, `programme`."""

    name = "survey"
    decision = "RenewalDecided"
    announced = "EligibilityChanged"

    @property
    def light(self) -> Light:
        """Reminders, choices of anonymity, and most of consents and invitations."""
        from ledger.proof.survey.columns import LIGHT

        return LIGHT

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's."""
        return stream == RULEBOOK or _MEMBERSHIP.fullmatch(stream) is not None

    def rules_stream(self, _stream: str) -> str:
        """All memberships go by the same editions."""
        return RULEBOOK

    def decided_on(self, decision: Event) -> Any:
        """The date of the renewal."""
        return decision.data.get("renewal_date")

    def about(self, stream: str, on: str) -> Sequence[tuple[str, str]]:
        """Whose renewal, and when."""
        return ("membership", stream.removeprefix(MEMBERSHIP_PREFIX)), ("renewal", on)

    def recompute(self, before: Iterable[Event], decision: Event) -> dict[str, Any]:
        """The data that a RenewalDecided event has to have."""
        from ledger.proof.survey.replay import Membership, Rulebook
        from ledger.proof.survey.rules import check_decision

        rulebook, membership = Rulebook(), Membership()
        for event in before:
            if event.stream == RULEBOOK:
                rulebook.publish(event)
                continue
            if event.type == self.decision:  # the one that is asked for rests on it
                require_same(event, check_decision(membership, rulebook, event))
            membership.apply(event)
        return check_decision(membership, rulebook, decision)

    def says(self, data: Mapping[str, Any]) -> str:
        """Met or not, and what counts where."""
        via = f", by {data['via']}" if data["via"] else ""
        edition = f"edition {data['edition']!a}" if data["edition"] else "no edition in force"
        return (
            f"{data['outcome']}{via}: {data['counted']} responses of {data['organisations']} organisations count at location "
            f"{data['location']!a}, {data['left_out_total']} left out; {edition}"
        )

    def new_check(self, _stream: str) -> StreamCheck:
        """A check of one stream."""
        from ledger.proof.survey.recheck import StreamCheck

        return StreamCheck()

    def compare_fact(self, fact: Mapping[str, Any], event: Event) -> None:
        """A fact, field by field."""
        from ledger.proof.survey.facts import compare

        compare(fact, event)
