"""The messages of our programmes' announcements, as one value that is handed to the relay."""

from __future__ import annotations

from typing import Final

from consumers.messages.announcements import MessageKinds
from csat_ledger_client.messages.kinds import KINDS
from ledger.programmes.registry import PROGRAMMES

MESSAGES: Final = MessageKinds(PROGRAMMES, KINDS)
