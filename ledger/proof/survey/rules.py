"""The programme's rules, implemented a second time, over what the stored events say (`replay`).

This is the auditor's own reading of the rules. It shares no code with the ledger's, and is written to be read.

    edition      the latest whose effective_from is at or before T; of two with one instant the later published
    counting     a response received at r counts at T if r <= T < r + window months (same day and time of day; a day
                 that the month lacks becomes its last) and it is not void; a void response counts at no instant
    organisation a group of names (see `organisations`), as joined and separated up to then
    applied      of each organisation the first `per_org_cap` of a location, by instant received, then by seq
    satisfied    by responses: one location has min_responses applied, from min_organisations organisations (all
                 locations together, named "*", where the edition pools them); by evaluations: min_evaluations counting
                 over the membership, while it holds the competency whose name casefolds to "learning"
    location     the satisfied one with the highest count, else the one with the highest count; ties by name
    required     an edition is in force and the membership's level is gold
    decision     the status at the last microsecond before 00:00 UTC of the renewal date, from what the stream holds
                 before the decision: met, not-met, or not-required where it is not required. Listed are at most 100
                 applied and 100 left out, by instant received, then by seq, of each list as many as take at most
                 30,000 bytes (their canonical JSON, a comma after each); the totals count all. Left out is what lay
                 inside the window: void, else of another location, else over the cap. What is applied or over the cap
                 is listed with its name and its organisation's, the earliest known of the group. Of one renewal
                 there is another only where it says something else than the one before, its revision apart
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_date
from ledger.proof.log.strictjson import canonical, text
from ledger.proof.survey.form import POOLED
from ledger.proof.survey.organisations import Key
from ledger.proof.survey.replay import Edition, Membership, Response, Rulebook

GOLD = "gold"
LISTED_MAX = 100
LISTED_BYTES_MAX = 30_000

Counts = dict[str, tuple[int, int]]
"""How many responses count for each location, and of how many organisations; where there are none it may be left out."""


class Status(NamedTuple):
    """What holds at an instant."""

    required: bool
    satisfied: bool
    via: str | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    evaluations: int


def status(membership: Membership, rulebook: Rulebook, instant_us: int, counts: Counts | None = None) -> Status:
    """What holds at an instant, from what the membership and the rulebook say so far; `counts`: if known already."""
    edition = rulebook.at(instant_us)
    if edition is None:
        return Status(False, False, None, min(membership.locations, default=None), 0, 0, None, 0)
    if counts is None:
        counts = _counts(membership, edition, instant_us)
    location, counted, organisation_count, enough = best_location(edition, membership.locations, counts)
    evaluations = 0
    if membership.holds_learning(instant_us):
        evaluations = sum(1 for _ in membership.evaluations_within(edition.window_months, instant_us))
        enough_evaluations = evaluations >= edition.min_evaluations
    else:
        enough_evaluations = False
    via = "responses" if enough else "evaluations" if enough_evaluations else None
    required = membership.level_at(instant_us) == GOLD
    return Status(required, via is not None, via, location, counted, organisation_count, edition.name, evaluations)


def _counts(membership: Membership, edition: Edition, instant_us: int) -> Counts:
    by_org: dict[str, dict[Key, int]] = {}
    for response in membership.received_within(edition.window_months, instant_us):
        if response.response not in membership.void:
            organisations = by_org.setdefault(place(edition, response), {})
            key = membership.organisations.key(response.customer_org)
            organisations[key] = organisations.get(key, 0) + 1
    return {
        location: (sum(min(edition.per_org_cap, n) for n in organisations.values()), len(organisations))
        for location, organisations in by_org.items()
    }


def place(edition: Edition, response: Response) -> str:
    """The location for which a response counts."""
    return POOLED if edition.pool_locations else response.location


def best_location(edition: Edition, locations: list[str], counts: Counts) -> tuple[str | None, int, int, bool]:
    """The location that a status names, its count, its organisations, and whether it satisfies the edition."""
    best: tuple[bool, int, str, int] | None = None
    for location in [POOLED] if edition.pool_locations else locations:
        counted, organisations = counts.get(location, (0, 0))
        candidate = (not enough_responses(edition, counted, organisations), -counted, location, organisations)
        if best is None or candidate < best:
            best = candidate
    if best is None:
        return None, 0, 0, False
    return best[2], -best[1], best[3], not best[0]


def enough_responses(edition: Edition, counted: int, organisations: int) -> bool:
    """Whether a location with these figures satisfies the edition."""
    return counted >= edition.min_responses and organisations >= edition.min_organisations


def decision(
    membership: Membership, rulebook: Rulebook, renewal_date: str, counts: Counts | None = None
) -> dict[str, Any]:
    """The data that a RenewalDecided event has to have, if it is the next event of the stream."""
    at_us = parse_date(renewal_date, "renewal date") - 1
    at, edition = status(membership, rulebook, at_us, counts), rulebook.at(at_us)
    within = membership.number_within(edition.window_months, at_us) if edition else 0
    applied, left_out = _applied_and_left_out(membership, edition, at, at_us)
    outcome = ("met" if at.satisfied else "not-met") if at.required else "not-required"
    return {
        "renewal_date": renewal_date,
        "evaluated_at": format_instant(at_us),
        "outcome": outcome,
        "via": at.via,
        "location": at.location,
        "counted": at.counted,
        "organisations": at.organisations,
        "edition": at.edition,
        "applied": _listed(applied),
        "applied_total": at.counted,
        "left_out": _listed(left_out),
        "left_out_total": within - at.counted,
        "revision": len(membership.decided.get(renewal_date, ())) + 1,
    }


def _listed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    listed, size = [], 0
    for entry in entries[:LISTED_MAX]:
        size += len(canonical(entry)) + 1
        if size > LISTED_BYTES_MAX:
            break
        listed.append(entry)
    return listed


def _applied_and_left_out(
    membership: Membership, edition: Edition | None, at: Status, instant_us: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was applied and what was left out, by instant received, then by seq; of each as many as can be listed."""
    applied: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    named = cache(membership.organisations.named)
    for response in membership.received_within(edition.window_months, instant_us) if edition else ():
        if len(applied) >= min(at.counted, LISTED_MAX) and len(left_out) >= LISTED_MAX:
            break
        reason, group = None, named(response.customer_org)
        if response.response in membership.void:
            reason = "void"
        elif edition is not None and place(edition, response) != at.location:
            reason = "other-location"
        elif edition is not None and used.get(group, 0) >= edition.per_org_cap:
            reason = "over-cap"
        if reason is not None:
            organisation = {"customer_org": response.customer_org, "group": group} if reason == "over-cap" else {}
            left_out.append({"response": response.response, "reason": reason} | organisation)
            continue
        used[group] = used.get(group, 0) + 1
        applied.append(
            {
                "response": response.response,
                "customer_org": response.customer_org,
                "group": group,
                "received_at": format_instant(response.received_us),
                "seq": response.seq,
            }
        )
    return applied, left_out


def check_decision(
    membership: Membership, rulebook: Rulebook, event: Event, known: Callable[[int], Counts | None] = lambda _: None
) -> dict[str, Any]:
    """The recomputed data of a RenewalDecided event; raises if it could not be made at all.

    The membership and the rulebook are as they were just before the event; `known` are the counts of an instant.
    """
    date = text(event.data.get("renewal_date"), f"{event.where}: renewal_date")
    due_us = parse_date(date, f"{event.where}: renewal_date")
    if date not in membership.renewal_dates:
        raise RefutedError(f"{event.where}: renewal_date", found=date, expected=sorted(membership.renewal_dates))
    decided_us = min(event.occurred_us, event.recorded_us)
    if decided_us < due_us:
        raise RefutedError(
            f"{event.where}: instant of the decision",
            found=format_instant(decided_us),
            expected=Words(f"{format_instant(due_us)} or later"),
        )
    made = decision(membership, rulebook, date, known(due_us - 1))
    before = membership.decided.get(date, [event])[-1]
    if before is not event and event.data == made == before.data | {"revision": made["revision"]}:
        raise RefutedError(
            event.where, found=Words("another revision"), expected=Words(f"none: nothing changed since {before.where}")
        )
    return made
