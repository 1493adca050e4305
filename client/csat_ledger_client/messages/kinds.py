"""The announcements of all programmes: what a subscriber hears unless it names some."""

from __future__ import annotations

from typing import Any, Final

from csat_ledger_client.messages.announced import MessageKind
from csat_ledger_client.messages.capability import DESIGNATION, DesignationChanged, DesignationStatus
from csat_ledger_client.messages.survey import ELIGIBILITY, EligibilityChanged, EligibilityStatus

OurMessage = EligibilityChanged | EligibilityStatus | DesignationChanged | DesignationStatus
KINDS: Final[tuple[MessageKind[Any], ...]] = (ELIGIBILITY, DESIGNATION)
