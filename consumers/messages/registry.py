"""The messages of our programmes' announcements, as one value: what is handed to the relay, and what a subscriber hears."""

from __future__ import annotations

from typing import Final

from consumers.messages.announcements import MessageKinds
from consumers.messages.capability import DESIGNATION, DesignationChanged, DesignationStatus
from consumers.messages.survey import ELIGIBILITY, EligibilityChanged, EligibilityStatus
from ledger.programmes.registry import PROGRAMMES

OurMessage = EligibilityChanged | EligibilityStatus | DesignationChanged | DesignationStatus
MESSAGES: Final = MessageKinds(PROGRAMMES, [ELIGIBILITY, DESIGNATION])
