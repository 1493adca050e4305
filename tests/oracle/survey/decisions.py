"""What a renewal decision says, and when something has changed so that it may be taken again.

Readings of the text:
- A decision lists the first hundred of `applied` and the first hundred of `left_out`, the earliest received first, and
  counts all of each. A listed entry is compared whole, its group's name included; what is beyond the hundredth is not.
- The group of an entry is named as it is known when the decision is taken, so a name that only joins a group, and was
  known earlier than the others of it, changes every listed entry of that group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracle.survey.organisations import groups
from tests.oracle.survey.time import MICROSECOND, stamp, start_of

if TYPE_CHECKING:
    from tests.oracle.survey.status import Accepted, Oracle

LISTED_MAX = 100


def decision(oracle: Oracle, membership: str, renewal_date: str, known: int | None = None) -> dict[str, Any]:
    """The decision as it would be taken with what is known, or as it was taken if nothing changed since."""
    made = decisions_made(oracle, membership, renewal_date, known)
    is_the_last_one = bool(made) and not has_changed(oracle, membership, renewal_date, known)
    revision = len(made) if is_the_last_one else len(made) + 1
    return {**decided(oracle, membership, renewal_date, known), "revision": revision}


def decisions_made(oracle: Oracle, membership: str, renewal_date: str, known: int | None = None) -> list[Accepted]:
    return [
        one
        for one in oracle.facts_of(membership, known)
        if one.type == "decide-renewal" and one.fact["renewal_date"] == renewal_date
    ]


def has_changed(oracle: Oracle, membership: str, renewal_date: str, known: int | None = None) -> bool:
    """Whether anything that a decision states is different from what the last one stated. True where there is none."""
    made = decisions_made(oracle, membership, renewal_date, known)
    if not made:
        return True
    then, now = (decided(oracle, membership, renewal_date, number) for number in (made[-1].number, known))
    fields = ("outcome", "via", "location", "counted", "organisations", "edition")
    if any(then[field] != now[field] for field in fields):
        return True
    return any(
        len(then[field]) != len(now[field]) or then[field][:LISTED_MAX] != now[field][:LISTED_MAX]
        for field in ("applied", "left_out")
    )


def decided(oracle: Oracle, membership: str, renewal_date: str, known: int | None = None) -> dict[str, Any]:
    """What is decided with what is known: `applied` and `left_out` hold all entries, not only the listed ones."""
    at = start_of(renewal_date) - MICROSECOND
    state = oracle.state(membership, at, known)
    edition = oracle.edition(at, known)
    voided = oracle.voided(membership, known)
    names_of = groups(oracle, membership, known)
    applied: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for one in oracle.in_window(membership, "record-response", at, known):
        response, organisation = one.fact["response"], one.fact["customer_org"]
        group = names_of[organisation][0]
        named = {"customer_org": organisation, "group": group}
        assert edition is not None
        if response in voided:
            left_out.append({"response": response, "reason": "void"})
        elif state["location"] not in ("*", one.location):
            left_out.append({"response": response, "reason": "other-location"})
        elif len([line for line in applied if line["group"] == group]) >= edition["per_org_cap"]:
            left_out.append({"response": response, "reason": "over-cap", **named})
        else:
            applied.append({"response": response, **named, "received_at": stamp(one.occurred_at)})
    outcome = "met" if state["satisfied"] else "not-met"
    return {
        "membership": membership,
        "renewal_date": renewal_date,
        "evaluated_at": stamp(at),
        "outcome": outcome if state["required"] else "not-required",
        **{field: state[field] for field in ("via", "location", "counted", "organisations", "edition")},
        "applied": applied,
        "left_out": left_out,
    }
