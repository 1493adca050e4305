"""The events of the capability programme: their streams, and what each type holds.

A membership in an area has a stream, `designation-<membership>/<area>`; the editions of an area's rules stand in
`scorebook/<area>`. So neither membership nor area is in an event's data, but for the announcement, which leaves the book.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypedDict

from ledger.event import EventTypes
from ledger.membership import can_be_membership

DESIGNATION_PREFIX: Final = "designation-"
SCOREBOOK_PREFIX: Final = "scorebook/"
_AREA: Final = re.compile(r"[a-z0-9-]{1,40}")

Association = Literal["cpor", "csp-1", "csp-2", "dpor", "pal"]
Tier = Literal["intermediate", "advanced"]
Track = Literal["enterprise", "smb"]
Cause = Literal["report", "close", "certificate", "expiry", "scorebook"]
Outcome = Literal["qualified", "not-qualified", "no-edition"]


class DesignationOpenedData(TypedDict):
    """A membership strives for the designation of an area (C14: the membership is the unit)."""

    name: str


class AnniversarySetData(TypedDict):
    """A date on which the designation is to be renewed (C3)."""

    anniversary: str


class UsageReportedData(TypedDict):
    """Units of a workload that a customer used in a month (C6). It replaces what was reported before under these keys."""

    customer: str
    workload: str
    month: str
    units: int
    association: Association


class RevenueReportedData(TypedDict):
    """US dollars of revenue with a customer on a workload in a month, in cents (C9, C12)."""

    customer: str
    workload: str
    month: str
    amount_cents: int
    association: Association


class MonthClosedData(TypedDict):
    """The figures of a month are refreshed: from the event's occurred_at on it counts (C11)."""

    month: str


class MonthCloseCorrectedData(TypedDict):
    """The month was closed at another instant than was said."""

    month: str
    closed_at: str


class CertificateRecordedData(TypedDict):
    """A person holds a certificate of a tier, from the first day on and until a day that no longer counts (C10)."""

    certificate: str
    person: str
    code: str
    tier: Tier
    valid_from: str
    valid_until: str | None


class CertificateEndedData(TypedDict):
    """A certificate no longer counts from 00:00 UTC of a day on; the last word on it holds."""

    certificate: str
    on: str


class ByTrack(TypedDict):
    """A figure for each track (C12)."""

    enterprise: int
    smb: int


class NetAddsFigures(TypedDict):
    """Net customer adds (C9); points in hundredths."""

    max: int
    each: int
    threshold_cents: ByTrack
    associations: list[Association]


class CertificationFigures(TypedDict):
    """Certifications of a tier (C10)."""

    max: int
    each: ByTrack
    people: ByTrack


class UsageGrowthFigures(TypedDict):
    """Usage growth (C7)."""

    max: int
    each_percent: int
    base_mcv: ByTrack


class DeploymentFigures(TypedDict):
    """Deployments (C8)."""

    max: int
    each: int
    threshold_mcv: ByTrack


class TrackFigures(TypedDict):
    """What makes a partner's track Enterprise (C12)."""

    workloads: int
    threshold_cents: int


class RateFigures(TypedDict):
    """What a unit of a workload is worth, in thousandths, and which associations count for its usage (C6, C13)."""

    rate_milli: int
    associations: list[Association]


class ScorebookPublishedData(TypedDict):
    """An edition of an area's rules, in force from `effective_from` (C1, C15)."""

    edition: str
    effective_from: str
    min_centipoints: int
    window_months: int
    net_adds: NetAddsFigures
    intermediate: CertificationFigures
    advanced: CertificationFigures
    usage_growth: UsageGrowthFigures
    deployments: DeploymentFigures
    track: TrackFigures
    rates: dict[str, RateFigures]


class CompareMetric(TypedDict):
    """Pairs of customer and workload that reach the threshold, in two months."""

    centipoints: int
    """The points of the metric, in hundredths."""
    now: int | None
    """Pairs in the last month; null where no month was closed."""
    year_before: int | None
    """Pairs in the same month a year before; null where no month was closed."""


class PeopleMetric(TypedDict):
    """People who hold a certificate of a tier."""

    centipoints: int
    """The points of the metric, in hundredths."""
    people: int
    """How many people, each once."""


class GrowthMetric(TypedDict):
    """Growth of the monthly value of usage; figures are digits, since they may pass what readers of JSON hold."""

    centipoints: int
    """The points of the metric, in hundredths."""
    mcv_milli: str | None
    """The value of the last month, in thousandths; null where no month was closed."""
    mcv_milli_year_before: str | None
    """The value of the same month a year before, in thousandths; null where no month was closed."""
    percent: str | None
    """Whole percents, rounded towards zero; null where no month was closed, or the value a year before was 0."""
    base_met: bool | None
    """Whether the value a year before reaches the base, without which there is no point; null where no month was closed."""


Metrics = TypedDict(
    "Metrics",
    {
        "net-adds": CompareMetric,
        "intermediate": PeopleMetric,
        "advanced": PeopleMetric,
        "usage-growth": GrowthMetric,
        "deployments": CompareMetric,
    },
)
Metrics.__doc__ = "The five metrics of a score (C1)."

Points = TypedDict(
    "Points", {"net-adds": int, "intermediate": int, "advanced": int, "usage-growth": int, "deployments": int}
)
Points.__doc__ = "Hundredths of points of each metric."


class Qualification(TypedDict):
    """A score at the instant at which it was first enough."""

    centipoints: int
    """The score, in hundredths of points."""
    metrics: Metrics
    """The five metrics."""


class Best(TypedDict):
    """The highest score of a window, at its earliest instant."""

    at: str
    """That instant."""
    centipoints: int
    """The score, in hundredths of points."""
    metrics: Metrics
    """The five metrics."""


class DesignationDecidedData(TypedDict):
    """The decision on a designation at an anniversary (C3): whether it was qualified on any one day of the window."""

    anniversary: str
    window_from: str
    window_to: str
    outcome: Outcome
    first_qualified_at: str | None
    at_first: Qualification | None
    best: Best | None
    edition: str | None
    track: Track
    month: str | None
    revision: int


class DesignationChangedData(TypedDict):
    """An announcement: it replaces everything announced from `effective_at` on (DESIGN 6)."""

    area: str
    qualified: bool
    previous: bool
    centipoints: int
    metrics: Points
    month: str | None
    track: Track
    edition: str | None
    effective_at: str
    cause: Cause
    revises: bool


EVENTS: Final = EventTypes(
    {
        ("DesignationOpened", 1): DesignationOpenedData,
        ("AnniversarySet", 1): AnniversarySetData,
        ("UsageReported", 1): UsageReportedData,
        ("RevenueReported", 1): RevenueReportedData,
        ("MonthClosed", 1): MonthClosedData,
        ("MonthCloseCorrected", 1): MonthCloseCorrectedData,
        ("CertificateRecorded", 1): CertificateRecordedData,
        ("CertificateEnded", 1): CertificateEndedData,
        ("DesignationDecided", 1): DesignationDecidedData,
        ("DesignationChanged", 1): DesignationChangedData,
        ("ScorebookPublished", 1): ScorebookPublishedData,
    }
)


def can_be_area(text: str) -> bool:
    """Whether a text has the form of an area: what has another form is in no book, and no database is asked for it."""
    return _AREA.fullmatch(text) is not None


def can_be_designation(membership: str, area: str) -> bool:
    """Whether two texts have the form of a membership and of an area."""
    return can_be_membership(membership) and can_be_area(area)


def designation_stream(membership: str, area: str) -> str:
    """The name of the stream of a membership in an area."""
    return f"{DESIGNATION_PREFIX}{membership}/{area}"


def designation_of(stream: str) -> tuple[str, str]:
    """The membership and the area of a designation's stream."""
    membership, _, area = stream.removeprefix(DESIGNATION_PREFIX).rpartition("/")
    return membership, area


def scorebook_stream(area: str) -> str:
    """The name of the stream of an area's editions."""
    return SCOREBOOK_PREFIX + area


def area_of(stream: str) -> str:
    """The area of a stream of either kind."""
    return stream[stream.rindex("/") + 1 :]
