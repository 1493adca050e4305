"""Which decision evidence is asked for: on a membership's renewal, or on an anniversary of its designation in an area.

`csat-ledger evidence` and the service both ask like this; `ledger.seal.evidence` collects the bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ledger.errors import LedgerError, UnknownDesignation, UnknownMembership
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import can_be_area, designation_stream
from ledger.programmes.survey.events import membership_stream

if TYPE_CHECKING:
    from ledger.proof.programme import ProofProgramme
    from ledger.store.base import Reader


class WhichDecision(NamedTuple):
    """Its programme, the stream in which it stands, what it is on; how an answer names it, and what is said of a stranger."""

    programme: ProofProgramme
    stream: str
    on: str
    named: dict[str, str]
    unknown: LedgerError

    def require_known(self, book: Reader) -> None:
        """Raises UnknownMembership or UnknownDesignation where the book has no such stream.

        What has another form than a name in it is in no book, and no database is asked.
        """
        area = self.named.get("area")
        could_be = can_be_membership(self.named["membership"]) and (area is None or can_be_area(area))
        if not (could_be and book.last_seq(self.stream) > 0):
            raise self.unknown


def on_renewal(membership: str, renewal: str) -> WhichDecision:
    """The decision on a renewal, YYYY-MM-DD."""
    from ledger.proof.survey.programme import Survey

    named = {"membership": membership, "renewal_date": renewal}
    return WhichDecision(Survey(), membership_stream(membership), renewal, named, UnknownMembership(membership))


def on_anniversary(membership: str, area: str, anniversary: str) -> WhichDecision:
    """The decision on an anniversary of a designation, YYYY-MM-DD."""
    from ledger.proof.capability.programme import Capability

    named = {"membership": membership, "area": area, "anniversary": anniversary}
    stream = designation_stream(membership, area)
    return WhichDecision(Capability(), stream, anniversary, named, UnknownDesignation(membership, area))
