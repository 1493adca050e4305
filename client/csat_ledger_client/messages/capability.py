"""The messages of the capability programme's announcements: whether a membership is qualified in an area."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field
from typing_extensions import TypedDict

from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.topic_names import DESIGNATION_TOPICS

Track = Literal["enterprise", "smb"]
"""Whose figures can apply."""
Cause = Literal["report", "close", "certificate", "expiry", "scorebook"]
"""What can bring a change of qualification about."""
_Centipoints = Annotated[int, Field(ge=0)]

MetricPoints = TypedDict(
    "MetricPoints",
    {
        "net-adds": _Centipoints,
        "intermediate": _Centipoints,
        "advanced": _Centipoints,
        "usage-growth": _Centipoints,
        "deployments": _Centipoints,
    },
)
MetricPoints.__doc__ = "What each metric brings to the score, in hundredths of points."


class _Designation(Announced):
    """What an announcement says about a membership in an area."""

    membership: str = Field(description="The membership. The key of a status is `<membership>/<area>`.")
    seq: int = Field(ge=1, description="Where it stands in its stream; increases with every announcement.")
    area: str = Field(description="The solution area.")
    qualified: bool = Field(description="Whether the capability score is enough from then on.")
    centipoints: int = Field(ge=0, description="The score at that instant, in hundredths of points.")
    metrics: MetricPoints
    month: str | None = Field(description="The last month that was closed, YYYY-MM; null where none was.")
    track: Track = Field(description="The track whose figures it goes by.")
    edition: str | None = Field(description="The edition of the area's rules in force.")
    cause: Cause = Field(description="What brought the change about.")

    @property
    def stream(self) -> str:
        """The stream of the membership in the area."""
        return f"designation-{self.membership}/{self.area}"

    @property
    def who(self) -> str:
        """The membership in the area: `<membership>/<area>`."""
        return f"{self.membership}/{self.area}"

    @property
    def holds(self) -> bool:
        """Whether it is qualified."""
        return self.qualified


class DesignationChanged(_Designation):
    """An announcement: it replaces everything announced for the membership in the area from `effective_at` on.

    It comes where `qualified` flips, not where figures change without a flip. Who folds the announcements of a designation
    in their order has its right history at every moment.
    """

    type: ClassVar[str] = DESIGNATION_TOPICS.changed

    previous: bool = Field(description="Whether it was qualified before; the same as `qualified` in a mere correction.")
    revises: bool = Field(description="Whether it corrects what was announced before.")
    fact: str | None = Field(description="The fact that caused it; null where time alone did.")


class DesignationStatus(_Designation):
    """Where a membership stands in an area: its last announcement. A designation without one is not qualified."""

    type: ClassVar[str] = DESIGNATION_TOPICS.status
    is_status: ClassVar[bool] = True


DESIGNATION: Final[MessageKind[DesignationChanged | DesignationStatus]] = MessageKind(
    "DesignationChanged", DESIGNATION_TOPICS, DesignationChanged, DesignationStatus
)
