"""The facts of the capability programme. Each is a command, an immutable value; its form is checked here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ledger.errors import BadInput
from ledger.fact import CompanyName, Fact, Instant, Label, MembershipId, Reference, content_digest, distinct
from ledger.programmes.capability.calendar import (
    FIRST_MONTH,
    LAST_MONTH,
    month_number,
    month_text,
    parse_anniversary,
    parse_day,
)
from ledger.programmes.capability.events import designation_stream, scorebook_stream

RATES_MAX: Final = 200
"""Workloads with a rate in an edition: all of it has to fit into an event."""


def _month(text: str) -> str:
    if not FIRST_MONTH <= month_number(text) <= LAST_MONTH:
        raise ValueError(f"found month {text}, expected one from {month_text(FIRST_MONTH)} to {month_text(LAST_MONTH)}")
    return text


def _date(text: str) -> str:
    return _parsed(parse_day, text)


def _anniversary(text: str) -> str:
    return _parsed(parse_anniversary, text)


def _parsed(parse: Callable[[str], date], text: str) -> str:
    try:
        parse(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return text


Area = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Workload = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$"), AfterValidator(_month)]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_date)]
Anniversary = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_anniversary)]
Amount = Annotated[int, Field(ge=0, le=10**12, strict=True)]
AssociationName = Literal["cpor", "csp-1", "csp-2", "dpor", "pal"]
Associations = Annotated[list[AssociationName], Field(min_length=1, max_length=5), AfterValidator(distinct)]
FigureFromOne = Annotated[int, Field(ge=1, le=10**12, strict=True)]


class DesignationFact(Fact):
    """A fact about a membership in an area."""

    membership: MembershipId
    area: Area

    @property
    def stream(self) -> str:
        return designation_stream(self.membership, self.area)


class OpenDesignation(DesignationFact):
    """A membership strives for the designation of an area from now on."""

    type: Literal["open-designation"]
    name: CompanyName


class SetAnniversary(DesignationFact):
    """A date on which the designation is to be renewed (C3)."""

    type: Literal["set-anniversary"]
    anniversary: Anniversary


class ReportUsage(DesignationFact):
    """Units of a workload that a customer used in a month (C6); 0 withdraws what was reported before."""

    type: Literal["report-usage"]
    customer: Reference
    workload: Workload
    month: Month
    units: Amount
    association: AssociationName


class ReportRevenue(DesignationFact):
    """Revenue with a customer on a workload in a month, in cents of US dollars (C9); 0 withdraws it."""

    type: Literal["report-revenue"]
    customer: Reference
    workload: Workload
    month: Month
    amount_cents: Amount
    association: AssociationName


class CloseMonth(DesignationFact):
    """The figures of a month are refreshed: it counts from the fact's occurred_at on (C11)."""

    type: Literal["close-month"]
    month: Month


class CorrectClose(DesignationFact):
    """The month was closed at another instant than was said."""

    type: Literal["correct-close"]
    month: Month
    closed_at: Instant


class RecordCertificate(DesignationFact):
    """A person holds a certificate (C10)."""

    type: Literal["record-certificate"]
    certificate: Reference
    person: Reference
    code: Reference
    tier: Literal["intermediate", "advanced"]
    valid_from: Date
    valid_until: Date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> RecordCertificate:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError(f"found valid_until {self.valid_until}, expected a day after {self.valid_from}")
        return self


class EndCertificate(DesignationFact):
    """A certificate no longer counts from a day on."""

    type: Literal["end-certificate"]
    certificate: Reference
    on: Date


class DecideDesignation(DesignationFact):
    """The decision on a designation at an anniversary is to be recorded (C3)."""

    type: Literal["decide-designation"]
    anniversary: Anniversary


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ByTrack(_Figures):
    """A figure for each track (C12)."""

    enterprise: FigureFromOne
    smb: FigureFromOne


class NetAdds(_Figures):
    """Net customer adds (C9)."""

    max: FigureFromOne
    each: FigureFromOne
    threshold_cents: ByTrack
    associations: Associations


class Certification(_Figures):
    """Certifications of a tier (C10)."""

    max: FigureFromOne
    each: ByTrack
    people: ByTrack


class UsageGrowth(_Figures):
    """Usage growth (C7)."""

    max: FigureFromOne
    each_percent: FigureFromOne
    base_mcv: ByTrack


class Deployments(_Figures):
    """Deployments (C8)."""

    max: FigureFromOne
    each: FigureFromOne
    threshold_mcv: ByTrack


class TrackRule(_Figures):
    """What makes a partner's track Enterprise (C12)."""

    workloads: FigureFromOne
    threshold_cents: FigureFromOne


class Rate(_Figures):
    """What a unit of a workload is worth, in thousandths, and which associations count for its usage (C6, C13)."""

    rate_milli: Annotated[int, Field(ge=1, le=10**7, strict=True)]
    associations: Associations


class PublishScorebook(Fact):
    """An edition of an area's rules (C1, C15); points in hundredths."""

    publishes: ClassVar[bool] = True

    type: Literal["publish-scorebook"]
    area: Area
    edition: Label
    effective_from: Instant
    min_centipoints: FigureFromOne
    window_months: Annotated[int, Field(ge=1, le=1200, strict=True)]
    net_adds: NetAdds
    intermediate: Certification
    advanced: Certification
    usage_growth: UsageGrowth
    deployments: Deployments
    track: TrackRule
    rates: Annotated[dict[Workload, Rate], Field(min_length=1, max_length=RATES_MAX)]

    @property
    def stream(self) -> str:
        return scorebook_stream(self.area)

    def digest(self) -> bytes:
        return content_digest(self.model_dump())


FACT_MODELS: Final[tuple[type[Fact], ...]] = (
    OpenDesignation,
    SetAnniversary,
    ReportUsage,
    ReportRevenue,
    CloseMonth,
    CorrectClose,
    RecordCertificate,
    EndCertificate,
    DecideDesignation,
    PublishScorebook,
)
