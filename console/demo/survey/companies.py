"""The cast of the sample programme: companies and kinds of membership. All made up, and nobody in it is a person.

Only `random.Random.random` and plain arithmetic are used anywhere in the sample (no libm, no order of hashes), so that
a seed gives the same bytes on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Final

Fact = dict[str, Any]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_PARTNER_FIRST: Final = _words(
    "Ambrivale|Bexmoor|Calderwick|Dunspire|Elvermere|Farrowgate|Glenhollin|Hartsbury|Inglemoor|Jorvane|Kestrelby|Larkwell|"
    "Merrowdale|Nettleford|Orrinshaw|Pellworth|Quarnstead|Rookvale|Silverthwaite|Tarnbridge|Umberlow|Varnholt|Wexcombe|Yarrowfen"
)
_PARTNER_LAST: Final = _words(
    "Consulting|Systems|Solutions|Informatics|Networks|Software|Partners|Dataworks|Advisory|Cloudworks"
)
_ORG_FIRST: Final = _words(
    "Abelmark|Brontegard|Cindermill|Dovenhall|Eskerby|Fallowmere|Garrick-Lund|Holmfirst|Isenbrook|Juniperly|Kaldvik|"
    "Lindomar|Mossgrave|Norrhaven|Oxhollow|Pinmarsh|Quillan-Reyes|Ravensmoor|Stellavo|Thornquay|Ulverstrand|Vantorre|"
    "Willowmarch|Xandelow|Ystervang|Zellhofen|Aurendil|Birklund|Corvanti|Drommel"
)
_ORG_LAST: Final = _words(
    "Foods|Logistics|Insurance|Shipping|Textiles|Hospitals|Energy|Bank|Retail|Paper|Motors|Airways|Chemicals|"
    "Publishing|Water|Timber|Ceramics|Railways|Pharma|University|Dairies|Glass|Steel|Hotels|City Council|"
    "Optics|Farms|Breweries|Telecom"
)
LANGUAGES: Final = ("en-GB", "en-US", "de", "fr", "es-ES", "it", "ja", "nl", "pl", "pt-BR", "sv", "zh-Hans")
AREAS: Final = _words("Application Development|Business Intelligence|Hosting|Collaboration|Security|Mobility|Databases")
MODELS: Final = ("reseller", "integrator", "hoster", "consultancy", "software vendor")
LOCATIONS: Final = ("Hamburg", "Lyon", "Porto", "Osaka", "Toronto", "Recife")


def partner_name(number: int) -> str:
    """A partner company; from 240 on the names come round again with a number."""
    round_, place = divmod(number, len(_PARTNER_FIRST) * len(_PARTNER_LAST))
    name = f"{_PARTNER_FIRST[place % len(_PARTNER_FIRST)]} {_PARTNER_LAST[place // len(_PARTNER_FIRST)]}"
    return name if round_ == 0 else f"{name} {round_ + 1}"


def org_name(number: int) -> str:
    """30 times 29 customers; several partners share one."""
    return f"{_ORG_FIRST[number % len(_ORG_FIRST)]} {_ORG_LAST[number % len(_ORG_LAST)]}"


@dataclass(frozen=True)
class Profile:
    """A kind of membership: how many responses it gets in the year before a renewal, and from whom."""

    name: str
    share: int  # in a hundred
    responses: tuple[int, int]
    orgs: tuple[int, int]
    first_org_quarters: int = 0  # of all responses, those of the largest customer, beyond its share by size
    quiet_responses: tuple[int, int] | None = None  # in every second year
    evaluations: tuple[int, int] = (0, 0)
    locations: tuple[int, int] = (1, 1)
    level: str = "gold"


PROFILES: Final = (
    Profile("comfortable", 17, (17, 26), (8, 24)),
    Profile("just-met", 18, (10, 12), (4, 9)),
    Profile("just-missed", 15, (7, 9), (3, 8)),
    Profile("one-large-customer", 14, (10, 15), (2, 3), first_org_quarters=2),
    Profile("lapsing", 10, (11, 15), (3, 10), quiet_responses=(1, 4)),
    Profile("learning", 10, (2, 5), (2, 5), evaluations=(8, 15)),
    Profile("global", 8, (13, 20), (6, 16), locations=(2, 4)),
    Profile("silver", 5, (3, 9), (2, 6), level="silver"),
    Profile("small-business", 3, (2, 6), (2, 4), level="small-business"),
)


@dataclass(slots=True)
class MonthPlan:
    """What is to come of one month: invitations with and without an answer, responses by link, evaluations."""

    answered: int = 0
    unanswered: int = 0
    by_link: int = 0
    evaluations: int = 0


@dataclass(slots=True)
class Member:
    """One membership while the sample runs. Its size is bounded by its customers, not by its history."""

    id: str
    name: str
    profile: Profile
    enrol_month: int
    renewal: date  # the next one
    leaves_month: int
    orgs: list[str]  # with repetitions, so that a plain choice is skewed by size
    unanswered: float  # invitations without an answer, for each one answered
    open_link: float  # share of the responses that come through the partner's open link
    operator: float  # share of the invitations that the operator sends
    level: str
    competencies: list[str]
    locations: list[str]
    area: str
    model: str
    year: int = 0
    plan: list[MonthPlan] = field(default_factory=list)
    locations_to_come: list[str] = field(default_factory=list)  # added this month, in use from the next on
    known: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # by organisation: (free again from, subject)


def _customers(rng: Random, profile: Profile) -> list[str]:
    low, high = profile.orgs
    count = low + int(rng.random() * (high - low + 1))
    first, stride = int(rng.random() * 870), (7, 11, 13, 17, 19)[int(rng.random() * 5)]  # all coprime to 870
    names = [org_name(first + stride * place) for place in range(count)]
    table = [name for place, name in enumerate(names) for _ in range(max(1, 12 // (place + 1)))]
    return table + [names[0]] * (len(table) * profile.first_org_quarters // (4 - profile.first_org_quarters))


def cast(rng: Random, count: int, start: date, months: int) -> Iterator[Member]:
    """The memberships, more than half of them there within the first half year."""
    deck = [profile for profile in PROFILES for _ in range(profile.share)]
    for number in range(count):
        profile = deck[(number * 37 + int(rng.random() * 3)) % len(deck)]
        enrol_month = int(rng.random() * (min(6, months) if rng.random() < 0.6 else months * 0.65))
        month = start.year * 12 + start.month - 1 + enrol_month + 12 + int(rng.random() * 6)
        low, high = profile.locations
        offset = int(rng.random() * len(LOCATIONS))
        places = [LOCATIONS[(offset + n) % len(LOCATIONS)] for n in range(low + int(rng.random() * (high - low + 1)))]
        area = AREAS[int(rng.random() * len(AREAS))]
        yield Member(
            id=f"m-{number + 1:04d}",
            name=partner_name(number),
            profile=profile,
            enrol_month=enrol_month,
            renewal=date(month // 12, month % 12 + 1, 1 + int(rng.random() * 28)),
            leaves_month=enrol_month + 14 + int(rng.random() * 30) if rng.random() < 0.07 else months,
            orgs=_customers(rng, profile),
            unanswered=2.4 + rng.random() * 1.2,
            open_link=0.05 + rng.random() * 0.25,
            operator=0.2 + rng.random() * 0.75,
            level=profile.level,
            competencies=[area, "Learning"] if profile.evaluations[1] else [area],
            locations=places if high > 1 else ["main"],
            area=area,
            model=MODELS[int(rng.random() * len(MODELS))],
        )
