"""The one table of who may ask what over HTTP, and what is shown of the answer (DESIGN 11).

    TABLE["partner"]["status"]  ->  Sight(own=True, without_known_at=True, by_day=("next_change.at",))

A route that does not stand beneath a role is not for that role. Where a token has several roles, the first of them that
may make the request as it stands makes it, in the order of the table: nothing of two roles is mixed in one answer.

The programme's owner counts by months, as all is known now: counts that grow by an instant, or by a position, would tell at
which instant a single response came.

What the survey's readings mean here: organisation and count of an anonymous response are no contact details; its id and
its instant are kept from the partner. So a partner asks by days: `at` is a date, instants that a response brings about are
shown as their day, and two states of knowledge cannot be compared (`without_known_at`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, get_args

Role = Literal["operator", "auditor", "operations", "partner", "owner", "subscriber", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a role may ask of a route, and what it is shown."""

    own: bool = False
    """Only of the memberships that the token names."""
    without_known_at: bool = False
    """All that is known is what it goes by."""
    known_by_days: bool = False
    """What was known is asked for by a position, or by the beginning of a day."""
    at_days: bool = False
    """`at` is the beginning of a day."""
    at_months: bool = False
    """`at` is the beginning of a month; where it is not given, of the present one."""
    by_day: tuple[str, ...] = ()
    """Members of the answer, by their way in it, of which only the day is shown."""
    few: tuple[str, ...] = ()
    """Members of the answer, by their way in it, that are null where they are fewer than FEWEST, but for 0."""
    only: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Parameters that must be given, and the values that they may have."""
    never: Collection[str] = ()
    """Parameters that may not be given."""
    reasoned: bool = False
    """Only with a reason, which stands in the access log of the vault."""


ALL: Final = Sight()
OWN: Final = Sight(own=True)
OWN_KNOWN_BY_DAYS: Final = Sight(own=True, known_by_days=True)
"""The survey's answers to a partner name positions; what was known when, searched by halves, would tell their instants."""

FEWEST: Final = 5
"""Of fewer the programme's owner is not told how many they are: small numbers point at single partners."""
WEBHOOKS: Final = ("webhooks", "webhook-register", "webhook-remove", "webhook-waiting", "webhook-replay")
"""A subscriber's own are those that a token of its subject registered."""

TABLE: Final[Mapping[Role, Mapping[str, Sight]]] = {
    "auditor": dict.fromkeys(
        (
            "board", "overview", "what-if", "status", "status-batch", "history", "rolling", "membership-renewals", "replay",
            "decisions", "designations", "score", "what-would-it-take", "expiring", "score-months", "explain",
            "designation-history", "designation-decisions", "evidence", "designation-evidence", "log-entries", "changes",
            "proof", "designation-proof", "designation-replay", "decision-counts", "decisions-page", "upcoming",
        ),
        ALL,
    ),
    "operations": dict.fromkeys(
        (
            "board", "overview", "status", "status-batch", "rolling", "decisions", "renewals", "membership-renewals",
            "participation",
            "designations", "score", "what-would-it-take", "expiring", "score-months",
            "designation-decisions", "metrics", "operations", "decision-counts", "decisions-page", "upcoming",
        ),
        ALL,
    ) | {"refusals": Sight(only={"counts": ("true",)})},
    "operator": {
        "facts": ALL, "refusals": ALL, "refusals-retry": ALL, "responses": Sight(reasoned=True),
        "comments": Sight(reasoned=True),
    },
    "partner": {
        "status": Sight(own=True, without_known_at=True, at_days=True, by_day=("next_change.at",)),
        "status-batch": Sight(own=True, without_known_at=True, at_days=True, by_day=("next_change.at",)),
        "history": Sight(own=True, without_known_at=True, at_days=True, by_day=("effective_at",)),
        "membership-renewals": Sight(own=True, without_known_at=True, at_days=True),
        "decisions": Sight(own=True, without_known_at=True),
        "participation": OWN,
        "results": OWN,
        "peers": OWN,
        "report": OWN,
        "designations": OWN_KNOWN_BY_DAYS,
        "score": OWN_KNOWN_BY_DAYS,
        "what-would-it-take": OWN_KNOWN_BY_DAYS,
        "expiring": OWN_KNOWN_BY_DAYS,
        "score-months": OWN_KNOWN_BY_DAYS,
        "explain": OWN_KNOWN_BY_DAYS,
        "designation-history": OWN_KNOWN_BY_DAYS,
        "designation-decisions": OWN_KNOWN_BY_DAYS,
        "responses": Sight(own=True, never=("reason",)),
    },
    "owner": {
        "participation": Sight(only={"by": ("quarter", "month")}, never=("membership",)),
        "overview": Sight(without_known_at=True, at_months=True, few=("overdue",)),
        "decision-counts": Sight(few=("decisions",), never=("at", "known_at")),
        "what-if": Sight(only={"counts": ("true",)}, never=("membership", "limit", "after", "known_at")),
        "benchmark": ALL,
        "places": ALL,
    },
    "subscriber": {"changes": ALL} | dict.fromkeys(WEBHOOKS, OWN),
    "admin": dict.fromkeys((*WEBHOOKS, "erasures", "access-report"), ALL),
}  # fmt: skip
"""Role -> name of the route -> what of it. The roles that see most come first. `openapi` is for whoever has a token."""

OPEN: Final = frozenset({"/livez", "/readyz"})
"""What is answered without a token, beside the log but its entries."""
LOG: Final = "/log/"
LOG_ENTRIES: Final = "/log/tile/entries"


NO_ROLE: Final = "found a token without a role that this service knows, expected a list in its claim `roles`"
"""An issuer's claim that is a text, or has another name, is no mystery to who set it up."""


def expected_roles(route: str, caller: Caller) -> str:
    """What is said to who has no role that may ask a route: the same whatever there is or is not."""
    may = " or ".join(role for role in ROLES if route in TABLE[role])
    if not caller.known_role():
        return f"{NO_ROLE}, with the role {may} in it"
    return f"found a token whose roles may not ask this, expected one with the role {may}"


def is_open(path: str) -> bool:
    """Whether a path, its escapes undone, is answered without a token."""
    return path in OPEN or (path.startswith(LOG) and not is_entries(path))


def is_entries(path: str) -> bool:
    """Whether a path is one of the log's entry bundles, which are for auditors."""
    return path.startswith(LOG_ENTRIES)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the token says."""

    roles: frozenset[str]
    memberships: frozenset[str] = frozenset()
    subject: str | None = None
    """The claim `sub`; for telling callers apart alone."""
    expires_s: int | None = None
    """When the token ends, in seconds since 1970."""
    pseudonym: str = "unknown"
    """The same for the same subject of the same issuer, and not who that is."""
    who: str = ""
    """What stands for subject and roles of the token where requests are counted; no token can be told from it."""

    def sights(self, route: str) -> Iterator[Sight]:
        """What this caller may see of a route, the role that sees most first."""
        return iter(_sights(self.roles, route))

    def first_role(self) -> str:
        """The role that sees most of those that the token names; `other` where it names none of the table."""
        return next((role for role in TABLE if role in self.roles), "other")

    def known_role(self) -> bool:
        """Whether any of the token's roles is one of the table's."""
        return not self.roles.isdisjoint(TABLE)


@lru_cache(1_024)
def _sights(roles: frozenset[str], route: str) -> tuple[Sight, ...]:
    """What some roles see of a route; of tokens with the same roles come thousands of requests."""
    return tuple(routes[route] for role, routes in TABLE.items() if role in roles and route in routes)


def few_of(answer: object, way: str) -> None:
    """Leaves null in the place of a small number at a way in an answer that is plain JSON."""
    first, _, rest = way.partition(".")
    if not isinstance(answer, dict) or first not in answer:
        return
    if rest:
        few_of(answer[first], rest)
    elif isinstance(answer[first], int) and 0 < answer[first] < FEWEST:
        answer[first] = None


def day_of(answer: object, way: str) -> None:
    """Leaves the day of an instant at a way in an answer that is plain JSON, where there is one."""
    first, _, rest = way.partition(".")
    if not isinstance(answer, dict) or first not in answer:
        return
    if rest:
        day_of(answer[first], rest)
    elif isinstance(answer[first], str):
        answer[first] = answer[first][:10]
