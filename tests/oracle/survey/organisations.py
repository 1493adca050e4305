"""Which customers' names a membership knows, which of them are one organisation, and why a name is refused.

All of it is found again from the accepted facts each time. `known` is the number of accepted facts that are known.

Readings of the text:
- Of two names that one fact makes known, the one in the field that stands first in the list of facts comes first:
  `organisation` before `same_as`.
- `same-organisation` may bring new names, but a name of it that folds like a known one and is spelt otherwise is
  refused with `organisation-spelling` as anywhere else; so are two new names in one fact that fold alike.
- A join or a separation names an unordered pair: what was joined as (a, b) may be separated as (b, a).
- A withdrawal that stands for several known names (`also`) is the subject's word under each of them.
- `distinct-organisation`: `from` must be spelt as known (`unknown-organisation`); `organisation` is the new name. It
  is `already-distinct` where it is known already, or folds otherwise than `from`.
- `--known-spelling` holds for consents, invitations and responses. It does not hold for facts about names.
- A name that stands in the group only because it was joined is one of the group's names, whether or not it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tests.oracle.survey.fold import fold
from tests.oracle.survey.form import Fact

if TYPE_CHECKING:
    from tests.oracle.survey.status import Accepted, Oracle

ABOUT_A_CUSTOMER = ("record-consent", "withdraw-consent", "record-invitation", "record-response")
NAME_FIELDS = {
    **dict.fromkeys(ABOUT_A_CUSTOMER, ("customer_org",)),
    "same-organisation": ("organisation", "same_as"),
    "separate-organisations": ("organisation", "same_as"),
    "distinct-organisation": ("from", "organisation"),
}


@dataclass(frozen=True)
class Spelling:
    """A fact as it is taken in: under the known spelling where it was told under another one."""

    fact: Fact
    spelt: bool = False
    also: tuple[str, ...] = ()


# What is known


def known_names(oracle: Oracle, membership: str, known: int | None = None) -> list[str]:
    """Every name in an accepted fact of the membership, by the position of the first fact that has it."""
    names: list[str] = []
    for one in oracle.facts_of(membership, known):
        for field in NAME_FIELDS.get(one.type, ()):
            if one.fact[field] not in names:
                names.append(one.fact[field])
    return names


def alike(names: list[str], name: str) -> list[str]:
    """The names that fold like a name and are spelt otherwise; none where the name itself is among them."""
    if name in names:
        return []
    return [one for one in names if fold(one) == fold(name)]


def joins(oracle: Oracle, membership: str, known: int | None = None) -> list[set[str]]:
    """The pairs that were joined and not separated since, by position alone."""
    standing: list[set[str]] = []
    for one in oracle.facts_of(membership, known):
        if one.type == "same-organisation":
            standing.append({one.fact["organisation"], one.fact["same_as"]})
        if one.type == "separate-organisations":
            standing.remove({one.fact["organisation"], one.fact["same_as"]})
    return standing


def connected(name: str, pairs: list[set[str]]) -> set[str]:
    """The name and every name that pairs lead to from it."""
    members = {name}
    for _ in pairs:
        for pair in pairs:
            if pair & members:
                members |= pair
    return members


def groups(oracle: Oracle, membership: str, known: int | None = None) -> dict[str, list[str]]:
    """For each known name, all names of its organisation by position. The first name of a group names the group."""
    names = known_names(oracle, membership, known)
    pairs = joins(oracle, membership, known)
    return {name: [one for one in names if one in connected(name, pairs)] for name in names}


def are_one(oracle: Oracle, membership: str, one: str, other: str) -> bool:
    """Whether two names are names of one organisation, as far as is known now."""
    return one == other or other in groups(oracle, membership).get(one, [])


# Taking a fact in


def as_known(oracle: Oracle, fact: Fact, known_spelling: bool) -> Spelling:
    """The fact under the spelling that is known, where that is how it is taken."""
    if fact.get("membership") not in oracle.memberships() or fact["type"] not in ABOUT_A_CUSTOMER:
        return Spelling(fact)
    found = alike(known_names(oracle, fact["membership"]), fact["customer_org"])
    is_withdrawal = fact["type"] == "withdraw-consent"
    if not found or not (is_withdrawal or (known_spelling and len(found) == 1)):
        return Spelling(fact)
    return Spelling({**fact, "customer_org": found[0]}, True, tuple(found[1:]))


def name_refusals(oracle: Oracle, fact: Fact) -> Iterator[str]:
    """Why the names in a fact are refused, in the order of the checks."""
    membership, kind = fact["membership"], fact["type"]
    names = known_names(oracle, membership)
    if kind in ABOUT_A_CUSTOMER and alike(names, fact["customer_org"]):
        yield "organisation-spelling"
    if kind == "same-organisation":
        one, other = fact["organisation"], fact["same_as"]
        if alike(names, one) or alike([*names, one], other):
            yield "organisation-spelling"
        if are_one(oracle, membership, one, other):
            yield "already-joined"
    if kind == "separate-organisations":
        if fact["organisation"] not in names or fact["same_as"] not in names:
            yield "unknown-organisation"
        if {fact["organisation"], fact["same_as"]} not in joins(oracle, membership):
            yield "not-joined"
    if kind == "distinct-organisation":
        if fact["from"] not in names:
            yield "unknown-organisation"
        if fact["organisation"] in names or fold(fact["organisation"]) != fold(fact["from"]):
            yield "already-distinct"


# Consent


def has_consent(oracle: Oracle, invitation: Fact, moment: datetime) -> bool:
    """Whether the subject's last word by then, under any name of the organisation, is consent."""
    name = invitation["customer_org"]
    group = groups(oracle, invitation["membership"]).get(name, [name])
    latest: Accepted | None = None
    for one in oracle.facts_of(invitation["membership"]):
        if (
            one.type in ("record-consent", "withdraw-consent")
            and one.fact["subject"] == invitation["subject"]
            and any(word in group for word in (one.fact["customer_org"], *one.also))
            and one.occurred_at <= moment
            and (latest is None or one.occurred_at >= latest.occurred_at)
        ):
            latest = one
    return latest is not None and latest.type == "record-consent"
