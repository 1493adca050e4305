"""The names of customers in the eligibility projection: since when each is known, and the joins that say which are one.

Which names were one organisation as known at a position is folded from the joins and separations up to there, so that an
answer for an earlier position never changes. Where a membership has none, nothing but that is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ledger.errors import BrokenHistory
from ledger.programmes.survey.organisations import Organisations
from projections.database import Table
from projections.look_up import look_up
from projections.projection import RawEvent, membership_of

NAMES: Final = Table(
    "names",  # where a name became known: the position, and the place within that event
    {"membership": "TEXT", "name": "TEXT", "position": "BIGINT", "place": "BIGINT"},
    ("membership", "name"),
)
JOINS: Final = Table(
    "joins",  # what was joined, or separated
    {"membership": "TEXT", "position": "BIGINT", "organisation": "TEXT", "same_as": "TEXT", "joined": "INTEGER"},
    ("membership", "position"),
)

Known = dict[tuple[str, str], tuple[int, int]]
"""(membership, name) -> (position, place), the first of each."""
Query = Callable[[str, Sequence[Any]], list[Any]]


def know(known: Known, event: RawEvent, position: int) -> None:
    """Takes note of the names that an event holds."""
    data, membership = event["data"], membership_of(event)
    for place, field in enumerate(NAMED_BY[event["type"]]):
        key = (membership, data[field])
        found = (position, place)
        if found < known.get(key, (position, place + 1)):
            known[key] = found


NAMED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "ConsentGiven": ("customer_org",),
    "ConsentWithdrawn": ("customer_org",),
    "InvitationSent": ("customer_org",),
    "ResponseReceived": ("customer_org",),
    "OrganisationsJoined": ("organisation", "same_as"),
    "OrganisationDistinguished": ("from", "organisation"),
}
"""The fields that make a name known, by type of event, in their order."""


def join_row(event: RawEvent, position: int) -> tuple[Any, ...]:
    """The row that a join or a separation becomes."""
    data, joined = event["data"], event["type"] == "OrganisationsJoined"
    return membership_of(event), position, data["organisation"], data["same_as"], int(joined)


def require_joins(query: Query, prefix: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Raises BrokenHistory where one of the rows, in the order of the ledger, undoes a join that does not stand."""
    undone = [(row[0], *pair) for row in rows if not row[4] for pair in ((row[2], row[3]), (row[3], row[2]))]
    if not undone:
        return
    before = look_up(
        query,
        f"SELECT j.position, j.membership, j.organisation, j.same_as, j.joined FROM {{wanted}} CROSS JOIN {prefix}joins "
        "AS j WHERE j.membership = wanted.column1 AND j.organisation = wanted.column2 AND j.same_as = wanted.column3",
        undone,
    )
    stands = {(membership, frozenset(pair)): joined for _, membership, *pair, joined in sorted(set(before))}
    for membership, _, one, other, joined in sorted(rows, key=lambda row: int(row[1])):
        key = (membership, frozenset((one, other)))
        if not joined and not stands.get(key):
            raise BrokenHistory(
                f"found {one!r} and {other!r} of {membership} told apart, expected two that were joined"
            )
        stands[key] = joined


def load_organisations(
    query: Query, prefix: str, loaded: Mapping[str, Organisations], among: str, memberships: Iterable[str], known: int
) -> None:
    """Puts names together as they were known to be one organisation at a position; names that stand alone are left out."""
    joins = query(
        f"SELECT membership, organisation, same_as, joined FROM {prefix}joins "
        f"WHERE membership {among} AND position <= ? ORDER BY membership, position",
        [*memberships, known],
    )
    regrouped = sorted({membership for membership, *_ in joins})
    for membership in regrouped:
        for (name,) in query(
            f"SELECT name FROM {prefix}names WHERE membership = ? AND (name IN "
            f"(SELECT organisation FROM {prefix}joins WHERE membership = ?) OR name IN "
            f"(SELECT same_as FROM {prefix}joins WHERE membership = ?)) ORDER BY position, place",
            [membership, membership, membership],
        ):
            loaded[membership].know(name)
    for membership, one, other, joined in joins:
        if joined:
            loaded[membership].join(one, other)
        else:
            loaded[membership].separate(one, other)
