"""The capability programme for the verifier (`ledger.proof.programme.ProofProgramme`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.proof.log.event import Event
from ledger.proof.programme import Light

if TYPE_CHECKING:
    from ledger.proof.capability.recheck import DesignationCheck

DESIGNATION_PREFIX = "designation-"
SCOREBOOK_PREFIX = "scorebook/"
_STREAM = re.compile(f"({DESIGNATION_PREFIX}[A-Za-z0-9][A-Za-z0-9._:-]{{0,63}}/|{SCOREBOOK_PREFIX})[a-z0-9-]{{1,40}}")


class Capability:
    """A stream for each membership and area, `designation-<membership>/<area>`, and one of editions for each area."""

    name = "capability"
    decision = "DesignationDecided"
    announced = "DesignationChanged"
    light: Light | None = None

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's."""
        return _STREAM.fullmatch(stream) is not None

    def rules_stream(self, stream: str) -> str:
        """The editions of the stream's area."""
        return SCOREBOOK_PREFIX + stream.rpartition("/")[2]

    def decided_on(self, decision: Event) -> Any:
        """The date of the anniversary."""
        return decision.data.get("anniversary")

    def about(self, stream: str, on: str) -> Sequence[tuple[str, str]]:
        """Whose designation, of which area, and when."""
        membership, _, area = stream.removeprefix(DESIGNATION_PREFIX).rpartition("/")
        return ("membership", membership), ("area", area), ("anniversary", on)

    def recompute(self, before: Iterable[Event], decision: Event) -> dict[str, Any]:
        """The data that a DesignationDecided event has to have."""
        from ledger.proof.capability.decision import recompute

        return recompute(before, decision)

    def says(self, data: Mapping[str, Any]) -> str:
        """Qualified or not, and with how many points at best, or when it first was."""
        edition = f"edition {data['edition']!a}" if data["edition"] else "no edition in force"
        score, at = data["at_first"] or data["best"], data["first_qualified_at"]
        if score is None:
            return f"{data['outcome']}: {edition}"
        when = f"first at {at}" if at else f"at best, at {score['at']}"
        whole, cents = divmod(score["centipoints"], 100)
        return f"{data['outcome']}: {whole}.{cents:02} points {when}; {edition}, track {data['track']!a}"

    def new_check(self, stream: str) -> DesignationCheck:
        """A check of one stream."""
        from ledger.proof.capability.recheck import DesignationCheck

        return DesignationCheck(stream)

    def compare_fact(self, fact: Mapping[str, Any], event: Event) -> None:
        """A fact, field by field."""
        from ledger.proof.capability.facts import compare

        compare(fact, event)
