"""Facts: the one way in (DESIGN 4). Each is a command, an immutable value; its form is checked here and nowhere else.

A fact is one JSON object. `parse_fact` turns a line of a file or a message into a command or refuses it as `malformed`.
Two facts with one id are the same fact when their contents are: `digest` is taken over the content with all defaults
filled in and the instant in UTC, so that neither key order nor white space nor the offset makes a difference.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from ledger.errors import BadInput, Refused
from ledger.fold import first_refused, refused_class
from ledger.fold_tables import UNICODE
from ledger.instants import RFC3339_PATTERN, canonical_instant, parse_instant, parse_renewal_date
from ledger.programmes.survey.tally import POOLED_LOCATION

OWN_IDS: Final = "csat-ledger:"
"""The ids that begin so are the program's own: no source can take the id of a decision or an edition away from it."""
LINE_BYTES_MAX: Final = 65_536
"""A fact is refused unread beyond this: no event of it could be stored."""

QUOTED_MAX: Final = 64
"""Characters of a key or a type that a sentence quotes at most."""

_PRIMARY_LANGUAGES: Final = frozenset(
    "zh hr cs da nl en et fi fr de el he hu id it ja ko lv lt nb no pl pt ro ru sk sl es sv th tr".split()  # noqa: SIM905
)
"""The 34 languages of I6 by their primary subtags; regions and scripts are the operator's to choose."""


def _known_language(tag: str) -> str:
    if tag.split("-", 1)[0].lower() not in _PRIMARY_LANGUAGES:
        raise ValueError(f"the survey is not offered in {tag!r} (I6)")
    return tag


def _renewal_date(text: str) -> str:
    try:
        parse_renewal_date(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return text


def _utc_instant(text: str) -> str:
    try:
        return canonical_instant(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


def _visible(text: str) -> str:
    """Without what cannot be seen, or makes a text look like another (DESIGN 4)."""
    refused = first_refused(text)
    if refused is not None:
        raise ValueError(f"found {refused}, expected none that is invisible or that Unicode {UNICODE} does not assign")
    return text


def _label(text: str) -> str:
    if "@" in text:
        raise ValueError(
            f"found @ at character {text.index('@') + 1}, expected a name: mail addresses have no place here"
        )
    if text[0] == " " or text[-1] == " ":
        raise ValueError(f"found a space at the {'beginning' if text[0] == ' ' else 'end'}, expected none there")
    return _visible(text)


def _one_place(name: str) -> str:
    if name == POOLED_LOCATION:
        raise ValueError(f"found {name!r}, expected another name: it stands for all locations together")
    return name


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"found a name twice among {len(names)}, expected each once")
    return names


FactId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
MembershipId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}$")]
"""An opaque reference. It has no '@' and no spaces: names of people and mail addresses have no place in the book."""


def _label_schema(never: str) -> dict[str, Any]:
    """The schema of a label that a pattern never matches."""
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": f"^[^{refused_class()}@]+$",
        "not": {"pattern": never},
    }


Label = Annotated[
    str,
    Field(min_length=1, max_length=64),
    AfterValidator(_label),
    WithJsonSchema(_label_schema("^ | $")),
]
"""The name of an organisation or a category."""
LocationName = Annotated[
    Label,
    AfterValidator(_one_place),
    WithJsonSchema(_label_schema("^ | $|^[*]$")),
]
"""The name of a place; that of all locations together is none."""
CompanyName = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_visible),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": f"^[^{refused_class()}]+$"}),
]
Instant = Annotated[
    str,
    AfterValidator(_utc_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}),
]
RenewalDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_renewal_date)]
Language = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"), AfterValidator(_known_language)
]
Labels = Annotated[list[Label], Field(max_length=50), AfterValidator(_distinct)]
LevelName = Literal["gold", "silver", "small-business"]
Figure = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class _Fact(BaseModel):
    """What all facts have. `occurred_at` is kept in the canonical text, `occurred_us` is the same instant."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: FactId
    occurred_at: Instant
    actor: Label | None = None

    def occurred_us(self) -> int:
        """The instant at which it was so."""
        return parse_instant(self.occurred_at)

    def digest(self) -> bytes:
        """32 bytes that are equal for two facts exactly when their contents are (up to SHA-256)."""
        return sha256(orjson.dumps(self.__dict__, option=orjson.OPT_SORT_KEYS)).digest()


class _MembershipFact(_Fact):
    membership: MembershipId


class EnrolMembership(_MembershipFact):
    """A membership takes part from now on."""

    type: Literal["enrol-membership"]
    name: CompanyName
    level: LevelName
    competencies: Labels = []
    solution_areas: Labels = []
    business_model: Label | None = None
    locations: Annotated[list[LocationName], Field(min_length=1, max_length=50), AfterValidator(_distinct)] = ["main"]


class UpdateMembership(_MembershipFact):
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


class AddLocation(_MembershipFact):
    """Another location of the membership takes part (R11)."""

    type: Literal["add-location"]
    location: LocationName


class SetRenewalDate(_MembershipFact):
    """A date on which the membership is to be renewed."""

    type: Literal["set-renewal-date"]
    renewal_date: RenewalDate


class RecordConsent(_MembershipFact):
    """The customer permits an invitation (I1)."""

    type: Literal["record-consent"]
    subject: Reference
    customer_org: Label


class WithdrawConsent(_MembershipFact):
    """The customer takes the permission back."""

    type: Literal["withdraw-consent"]
    subject: Reference
    customer_org: Label


class RecordInvitation(_MembershipFact):
    """An invitation was sent (I2)."""

    type: Literal["record-invitation"]
    invitation: Reference
    subject: Reference
    customer_org: Label
    location: LocationName | None = None
    channel: Literal["operator", "partner"]
    language: Language | None = None


class RecordReminder(_MembershipFact):
    """The operator's one reminder was sent (I2)."""

    type: Literal["record-reminder"]
    invitation: Reference


class RecordResponse(_MembershipFact):
    """A completed survey was received (R1); by the partner's open link it needs no invitation (I3)."""

    type: Literal["record-response"]
    response: Reference
    customer_org: Label
    location: LocationName | None = None
    invitation: Reference | None = None
    anonymous: bool = False


class ChooseAnonymity(_MembershipFact):
    """The respondent chooses to stay anonymous (P2)."""

    type: Literal["choose-anonymity"]
    response: Reference


class VoidResponse(_MembershipFact):
    """A response is found not to count."""

    type: Literal["void-response"]
    response: Reference
    reason: Literal["test", "duplicate", "fraud", "withdrawn"]


class RecordEvaluation(_MembershipFact):
    """A Metrics that Matter evaluation was completed (R9)."""

    type: Literal["record-evaluation"]
    evaluation: Reference


class DecideRenewal(_MembershipFact):
    """The decision on a renewal is to be recorded."""

    type: Literal["decide-renewal"]
    renewal_date: RenewalDate


class SameOrganisation(_MembershipFact):
    """Two customers of the membership are one organisation (DESIGN 4)."""

    type: Literal["same-organisation"]
    organisation: Label
    same_as: Label


class SeparateOrganisations(_MembershipFact):
    """They are not after all: undoes the joining of just these two."""

    type: Literal["separate-organisations"]
    organisation: Label
    same_as: Label


class DistinctOrganisation(_MembershipFact):
    """A new name folds like a known one and is another organisation."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["distinct-organisation"]
    organisation: Label
    from_: Annotated[Label, Field(alias="from")]

    def digest(self) -> bytes:
        content = {name.removesuffix("_"): value for name, value in self.__dict__.items()}
        return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


class PublishRulebook(_Fact):
    """An edition of the rules (R6)."""

    type: Literal["publish-rulebook"]
    edition: Label
    effective_from: Instant
    min_responses: Annotated[Figure, Field(ge=1)]
    per_org_cap: Annotated[Figure, Field(ge=1)]
    min_organisations: Annotated[Figure, Field(ge=1)]
    window_months: Annotated[Figure, Field(ge=1, le=1200)]
    min_evaluations: Annotated[Figure, Field(ge=1)]
    pool_locations: bool


MembershipFact = (
    EnrolMembership
    | UpdateMembership
    | AddLocation
    | SetRenewalDate
    | RecordConsent
    | WithdrawConsent
    | RecordInvitation
    | RecordReminder
    | RecordResponse
    | ChooseAnonymity
    | VoidResponse
    | RecordEvaluation
    | DecideRenewal
    | SameOrganisation
    | SeparateOrganisations
    | DistinctOrganisation
)
Fact = MembershipFact | PublishRulebook
FACT_MODELS: Final[tuple[type[_Fact], ...]] = (
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


@cache
def fact_adapter() -> TypeAdapter[Fact]:
    """The parser of all facts, built once."""
    return TypeAdapter(Annotated[Fact, Field(discriminator="type")])


def parse_fact(line: bytes | str) -> Fact:
    """The fact that one JSON object from outside states.

    Raises Refused("malformed") saying what was found and expected, Refused("reserved-id") for an id of the program's own.
    """
    fact = _parse(line)
    if fact.id.startswith(OWN_IDS):
        raise Refused("reserved-id", f"found id {fact.id!r}, expected one that does not begin with {OWN_IDS!r}")
    return fact


def own_fact(content: dict[str, Any]) -> Fact:
    """A fact of the program's own, whose id begins with OWN_IDS. Raises Refused("malformed")."""
    return _parse(orjson.dumps(content))


def fact_from_object(content: Any) -> Fact:
    """As `parse_fact`, for an object that is parsed already."""
    try:
        encoded = orjson.dumps(content)
    except TypeError as error:
        raise Refused("malformed", f"found what is no JSON object: {error}") from None
    return parse_fact(encoded)


def too_long(length: int) -> Refused:
    """What is raised of a line of more than LINE_BYTES_MAX bytes."""
    return Refused("malformed", f"found a fact of {length:,} bytes, expected at most {LINE_BYTES_MAX:,}")


def _parse(line: bytes | str) -> Fact:
    if len(line) > LINE_BYTES_MAX:
        raise too_long(len(line))
    try:
        fact = fact_adapter().validate_json(line)
    except ValidationError as error:
        raise Refused("malformed", _sentence(error)) from None
    _check_keys_once(line if isinstance(line, bytes) else line.encode(), len(fact.model_fields_set))
    return fact


def _check_keys_once(line: bytes, fields: int) -> None:
    """Refuses a fact that has a key twice: a reader keeps the first, another the last.

    A line that ends as many strings with `":` as its fact has fields, and has no space before a colon, has each key once;
    only others are read a second time.
    """
    if line.count(b'":') == fields and not _has_spaced_colon(line):
        return
    json.loads(line, object_pairs_hook=_each_once)


def _has_spaced_colon(line: bytes) -> bool:
    """Whether JSON's white space stands before a colon. Most lines have none; one byte is found much faster than two."""
    return (
        (b" " in line and b" :" in line)
        or (b"\t" in line and b"\t:" in line)
        or (b"\n" in line and b"\n:" in line)
        or (b"\r" in line and b"\r:" in line)
    )


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names = Counter(name for name, _ in pairs)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        raise Refused("malformed", f"found {', '.join(map(repr, twice[:5]))} more than once, expected each key once")


def _sentence(error: ValidationError) -> str:
    """What is wrong, without quoting the input at length: it may hold what must not go into a log, or to a terminal."""
    parts = []
    for found in error.errors(include_url=False, include_input=False)[:5]:
        where = ".".join(_quoted(str(step)) for step in found["loc"][1:]) or "the fact"
        if found["type"] == "union_tag_invalid":
            what = f"found {_quoted(found['ctx']['tag'])}, expected one of {found['ctx']['expected_tags']}"
            parts.append(f"type: {what}")
        elif found["type"] == "union_tag_not_found":
            parts.append("type: found none, expected that of a fact, such as 'record-response'")
        else:
            parts.append(f"{where}: {found['msg'].removeprefix('Value error, ')}")
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def _quoted(text: str) -> str:
    """What the input says, cut short, with nothing in it that a terminal could take for a command."""
    shown = text[:QUOTED_MAX] + ("…" if len(text) > QUOTED_MAX else "")
    return shown if shown.isprintable() else ascii(shown)[1:-1]
