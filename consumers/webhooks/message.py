"""The body of a webhook as a type, apart from what signs and sends it."""

from __future__ import annotations

from dataclasses import dataclass

from projections.questions.answer import Instant
from projections.questions.changes import Announced


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """An announcement as a webhook brings it."""

    type: str
    """What was announced."""
    timestamp: Instant
    """When it was recorded."""
    data: Announced
    """The announcement."""
