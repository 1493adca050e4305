"""The facts of the survey programme. Each is a command, an immutable value; its form is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from ledger.answers import Answered, Answers
from ledger.errors import BadInput
from ledger.fact import (
    CompanyName,
    Fact,
    Figure,
    Instant,
    Label,
    Labels,
    MembershipId,
    Reference,
    content_digest,
    distinct,
    label_schema,
)
from ledger.instants import parse_renewal_date
from ledger.programmes.survey.events import RULEBOOK_STREAM, membership_stream
from ledger.programmes.survey.tally import POOLED_LOCATION

if TYPE_CHECKING:
    from ledger.link_key import Link

_PRIMARY_LANGUAGES: Final = frozenset(
    "zh hr cs da nl en et fi fr de el he hu id it ja ko lv lt nb no pl pt ro ru sk sl es sv th tr".split()  # noqa: SIM905
)
"""The 34 languages of I6 by their primary subtags; regions and scripts are the operator's to choose."""


def _known_language(tag: str) -> str:
    if tag.split("-", 1)[0].lower() not in _PRIMARY_LANGUAGES:
        raise ValueError("found another language, expected one of the 34 in which the survey is offered (I6)")
    return tag


def _renewal_date(text: str) -> str:
    try:
        parse_renewal_date(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return text


def _one_place(name: str) -> str:
    if name == POOLED_LOCATION:
        raise ValueError(f"found {name!r}, expected another name: it stands for all locations together")
    return name


LocationName = Annotated[
    Label,
    AfterValidator(_one_place),
    WithJsonSchema(label_schema("^ | $|^[*]$")),
]
"""The name of a place; that of all locations together is none."""
RenewalDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_renewal_date)]
Language = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"), AfterValidator(_known_language)
]
LevelName = Literal["gold", "silver", "small-business"]


class MembershipFact(Fact):
    """A fact about a membership."""

    membership: MembershipId

    @property
    def stream(self) -> str:
        return membership_stream(self.membership)


class EnrolMembership(MembershipFact):
    """A membership takes part from now on."""

    type: Literal["enrol-membership"]
    name: CompanyName
    level: LevelName
    competencies: Labels = []  # noqa: RUF012 - pydantic copies it
    solution_areas: Labels = []  # noqa: RUF012 - pydantic copies it
    business_model: Label | None = None
    locations: Annotated[list[LocationName], Field(min_length=1, max_length=50), AfterValidator(distinct)] = ["main"]  # noqa: RUF012


class UpdateMembership(MembershipFact):
    """Level, competencies or description of a membership change."""

    type: Literal["update-membership"]
    name: CompanyName | None = None
    level: LevelName | None = None
    competencies: Labels | None = None
    solution_areas: Labels | None = None
    business_model: Label | None = None

    FIELDS: ClassVar = ("name", "level", "competencies", "solution_areas", "business_model")

    @model_validator(mode="after")
    def _something_changes(self) -> UpdateMembership:
        if all(getattr(self, name) is None for name in self.FIELDS):
            raise ValueError(f"found nothing to update, expected at least one of {', '.join(self.FIELDS)}")
        return self


class AddLocation(MembershipFact):
    """Another location of the membership takes part (R11)."""

    type: Literal["add-location"]
    location: LocationName


class SetRenewalDate(MembershipFact):
    """A date on which the membership is to be renewed."""

    type: Literal["set-renewal-date"]
    renewal_date: RenewalDate


class RecordConsent(MembershipFact):
    """The customer permits an invitation (I1)."""

    type: Literal["record-consent"]
    subject: Reference
    customer_org: Label


class WithdrawConsent(MembershipFact):
    """The customer takes the permission back."""

    type: Literal["withdraw-consent"]
    subject: Reference
    customer_org: Label


class RecordInvitation(MembershipFact):
    """An invitation was sent (I2)."""

    type: Literal["record-invitation"]
    invitation: Reference
    subject: Reference
    customer_org: Label
    location: LocationName | None = None
    channel: Literal["operator", "partner"]
    language: Language | None = None


class InvitationFact(MembershipFact):
    """A fact about an invitation under which answers may stand. They name it by a token alone (DESIGN 13)."""

    hidden: ClassVar[frozenset[str]] = frozenset(("invitation",))
    noted: ClassVar[tuple[str, ...]] = (*MembershipFact.noted, "_token")

    if TYPE_CHECKING:
        invitation: str | None  # each model says whether there must be one

    def tie(self, link: Link) -> None:
        if self.invitation is not None:
            # No field, which a source could set, nor an attribute of pydantic's, which costs each fact a microsecond.
            self.__dict__.update(_link=link, _token=None)

    def answer_token(self) -> str | None:
        """The token of the invitation, equal for all who name the same one in this membership; None where none is named.

        Raises LinkKeyMissing, LookupError where the fact was handed no link.
        """
        if self.invitation is None:
            return None
        content = self.__dict__
        if "_link" not in content:
            raise LookupError(f"found fact {self.id!r} without a link, expected it to be handed one (`tie`)")
        token: str | None = content["_token"]
        if token is None:
            token = content["_token"] = content["_link"](self.membership, self.invitation)
        return token

    def digest(self) -> bytes:
        return content_digest({name: value for name, value in self.__dict__.items() if name[0] != "_"})


class RecordReminder(InvitationFact):
    """The operator's one reminder was sent (I2)."""

    type: Literal["record-reminder"]
    invitation: Reference


Score = Annotated[int, Field(ge=0, le=10, strict=True)]
QuestionKey = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
OwnAnswer = Score | Annotated[str, Field(min_length=1, max_length=2_000)]


OwnAnswers = Annotated[
    dict[QuestionKey, OwnAnswer], Field(max_length=100, json_schema_extra={"additionalProperties": False})
]


class GivenAnswers(BaseModel):
    """The core questions of the survey, and the partner's own (I7). Each may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    overall: Score | None = Field(default=None, repr=False)
    continue_: Annotated[Score | None, Field(alias="continue")] = Field(default=None, repr=False)
    re_engage: Score | None = Field(default=None, repr=False)
    recommend: Score | None = Field(default=None, repr=False)
    own: OwnAnswers | None = Field(default=None, repr=False)

    def split_off(self) -> Answers | None:
        """What was answered; None where nothing was."""
        core = (self.overall, self.continue_, self.re_engage, self.recommend)
        return Answers(core, self.own or {}) if self.own or core.count(None) < len(core) else None


_NOT_DIGESTED: Final = ("answers", "comment", "_answered", "_link", "_token")
"""Of a response: what goes into the vault, and what ties it to its invitation."""


class RecordResponse(InvitationFact):
    """A completed survey was received (R1); by the partner's open link it needs no invitation (I3).

    Its answers and the comment go into the vault, and nowhere else: no score ever touches eligibility (R4).
    """

    type: Literal["record-response"]
    response: Reference
    customer_org: Label
    location: LocationName | None = None
    invitation: Reference | None = None
    anonymous: bool = False
    answers: GivenAnswers | None = Field(default=None, exclude=True, repr=False)
    comment: Annotated[str, Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, exclude=True, repr=False
    )

    sealed: ClassVar[frozenset[str]] = frozenset(("answers", "comment"))

    def told(self) -> Mapping[str, str | None]:
        return {"invitation": self.__dict__.get("_token")}

    def set_apart(self) -> int:
        content = self.__dict__
        given: GivenAnswers | None = content["answers"]
        comment: str | None = content["comment"]
        answers = None if given is None else given.split_off()
        content["answers"] = content["comment"] = None
        if answers is not None or comment is not None:
            content["_answered"] = Answered(answers, comment)
        return 0 if given is None else len(given.model_fields_set) + len(given.own or ())

    def digest(self) -> bytes:
        content = self.__dict__.copy()
        for name in _NOT_DIGESTED:
            content.pop(name, None)
        if self.invitation is not None:
            content["invitation"] = self.answer_token()
        return content_digest(content)


class ChooseAnonymity(MembershipFact):
    """The respondent chooses to stay anonymous (P2)."""

    type: Literal["choose-anonymity"]
    response: Reference


class VoidResponse(MembershipFact):
    """A response is found not to count."""

    type: Literal["void-response"]
    response: Reference
    reason: Literal["test", "duplicate", "fraud", "withdrawn"]


class RecordEvaluation(MembershipFact):
    """A Metrics that Matter evaluation was completed (R9)."""

    type: Literal["record-evaluation"]
    evaluation: Reference


class DecideRenewal(MembershipFact):
    """The decision on a renewal is to be recorded."""

    type: Literal["decide-renewal"]
    renewal_date: RenewalDate


class SameOrganisation(MembershipFact):
    """Two customers of the membership are one organisation (DESIGN 4)."""

    type: Literal["same-organisation"]
    organisation: Label
    same_as: Label


class SeparateOrganisations(MembershipFact):
    """They are not after all: undoes the joining of just these two."""

    type: Literal["separate-organisations"]
    organisation: Label
    same_as: Label


class DistinctOrganisation(MembershipFact):
    """A new name folds like a known one and is another organisation."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["distinct-organisation"]
    organisation: Label
    from_: Annotated[Label, Field(alias="from")]

    def digest(self) -> bytes:
        content = {name.removesuffix("_"): value for name, value in self.__dict__.items()}
        return content_digest(content)


class PublishRulebook(Fact):
    """An edition of the rules (R6)."""

    publishes: ClassVar[bool] = True

    type: Literal["publish-rulebook"]
    edition: Label
    effective_from: Instant
    min_responses: Annotated[Figure, Field(ge=1)]
    per_org_cap: Annotated[Figure, Field(ge=1)]
    min_organisations: Annotated[Figure, Field(ge=1)]
    window_months: Annotated[Figure, Field(ge=1, le=1200)]
    min_evaluations: Annotated[Figure, Field(ge=1)]
    pool_locations: bool

    @property
    def stream(self) -> str:
        return RULEBOOK_STREAM


FACT_MODELS: Final[tuple[type[Fact], ...]] = (
    EnrolMembership,
    UpdateMembership,
    AddLocation,
    SetRenewalDate,
    RecordConsent,
    WithdrawConsent,
    RecordInvitation,
    RecordReminder,
    RecordResponse,
    ChooseAnonymity,
    VoidResponse,
    RecordEvaluation,
    DecideRenewal,
    SameOrganisation,
    SeparateOrganisations,
    DistinctOrganisation,
    PublishRulebook,
)
