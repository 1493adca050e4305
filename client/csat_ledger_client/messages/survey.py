"""The messages of the survey programme's announcements: whether a membership satisfies the requirement."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.topic_names import ELIGIBILITY_TOPICS

Via = Literal["responses", "evaluations"]
"""By what the requirement can be satisfied."""
Cause = Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"]
"""What can bring a change of eligibility about."""


class _Eligibility(Announced):
    """What an announcement says about a membership."""

    satisfied: bool = Field(description="Whether the survey requirement is satisfied from then on.")
    via: Via | None = Field(description="What satisfies it.")
    location: str | None = Field(description="The location that satisfies it, else the one that comes nearest.")
    counted: int = Field(ge=0, description="Responses that count at that location.")
    organisations: int = Field(ge=0, description="Organisations that they come from.")
    edition: str | None = Field(description="The edition of the rules in force.")
    cause: Cause = Field(description="What brought the change about.")

    @property
    def stream(self) -> str:
        """The membership's stream."""
        return f"membership-{self.membership}"

    @property
    def who(self) -> str:
        """The membership."""
        return self.membership

    @property
    def holds(self) -> bool:
        """Whether the requirement is satisfied."""
        return self.satisfied


class EligibilityChanged(_Eligibility):
    """An announcement: it replaces everything announced for the membership from `effective_at` on.

    Who folds the announcements of a membership in their order has its right history at every moment.
    """

    type: ClassVar[str] = ELIGIBILITY_TOPICS.changed

    previous: bool = Field(description="Whether it was satisfied before; the same as `satisfied` in a mere correction.")
    revises: bool = Field(description="Whether it corrects what was announced before.")
    fact: str | None = Field(description="The fact that caused it; null where time alone did.")


class EligibilityStatus(_Eligibility):
    """Where a membership stands: its last announcement. A membership without one is not satisfied."""

    type: ClassVar[str] = ELIGIBILITY_TOPICS.status
    is_status: ClassVar[bool] = True


ELIGIBILITY: Final[MessageKind[EligibilityChanged | EligibilityStatus]] = MessageKind(
    "EligibilityChanged", ELIGIBILITY_TOPICS, EligibilityChanged, EligibilityStatus
)
