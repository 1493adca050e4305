"""The decision on a renewal: what the rules say of a membership at the start of its renewal date, and by which responses.

It costs a few binary searches an organisation, whatever the number of responses. The first LISTED_MAX applied and as many
left-out responses are listed, fewer where their entries would take more than LISTED_BYTES_MAX of canonical JSON (an event
has at most 65,535 bytes); the totals always tell how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any, Final

import orjson

from ledger.instants import evaluation_us, format_instant, parse_date
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.events import LeftOutReason
from ledger.programmes.survey.flips import standing
from ledger.programmes.survey.responses import Pool
from ledger.programmes.survey.state import Membership
from ledger.programmes.survey.tally import Evidence

LISTED_MAX: Final = 100
LISTED_BYTES_MAX: Final = 30_000
"""For each of the two lists: the bytes of its entries, with a comma after each."""

Counting = tuple[int, int, str, str]
"""(received_us, seq, response, name of its organisation)"""
LeftOut = tuple[int, int, str, LeftOutReason, str]
"""(received_us, seq, response, reason, name of its organisation where it is over-cap, else nothing)"""


def decide_renewal(state: Membership, rulebook: Rulebook, renewal_date: str) -> dict[str, Any]:
    """The data of the RenewalDecided event but for its revision (R1, R2, R3, R7, R9, R11).

    Taken at the last microsecond before 00:00 UTC of `renewal_date`, from everything in the stream so far.
    `outcome` is not-required where no edition was in force or the level was not gold then.
    """
    at_us = evaluation_us(parse_date(renewal_date))
    evidence = state.evidence
    found = standing(evidence, rulebook, at_us)
    edition = rulebook.in_force(at_us)
    required = is_required(evidence, rulebook, at_us)
    applied: list[Counting] = []
    applied_total = left_out_total = 0
    left_out: list[LeftOut] = []
    if edition is not None and found.location is not None:
        pools = evidence.pools(edition)
        applied = list(islice(merge(*_applied(pools[found.location], edition, at_us)), LISTED_MAX))
        applied_total = found.counted
        months = edition.window_months
        voided = _with_reason("void", state.voided.counting_responses(at_us, months))
        counting_total = sum(
            receipts.counting(at_us, months) for pool in pools.values() for receipts in pool.organisations.values()
        )
        left_out_total = counting_total - applied_total + state.voided.counting(at_us, months)
        sources = [voided, *_not_applied(pools, found.location, edition, at_us)]
        left_out = list(islice(merge(*sources), LISTED_MAX))
    return {
        "applied": _listed(_applied_entry(state, one) for one in applied),
        "applied_total": applied_total,
        "counted": found.counted,
        "edition": found.edition,
        "evaluated_at": format_instant(at_us),
        "left_out": _listed(_left_out_entry(state, one) for one in left_out),
        "left_out_total": left_out_total,
        "location": found.location,
        "organisations": found.organisations,
        "outcome": ("met" if found.satisfied else "not-met") if required else "not-required",
        "renewal_date": renewal_date,
        "via": found.via,
    }


def _listed(entries: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many as an event has room for."""
    listed, size = [], 0
    for entry in entries:
        size += len(orjson.dumps(entry)) + 1
        if size > LISTED_BYTES_MAX:
            break
        listed.append(entry)
    return listed


def _applied_entry(state: Membership, applied: Counting) -> dict[str, Any]:
    received_us, seq, response, organisation = applied
    return {
        "customer_org": state.responses[response].customer_org,
        "group": organisation,
        "received_at": format_instant(received_us),
        "response": response,
        "seq": seq,
    }


def _left_out_entry(state: Membership, left_out: LeftOut) -> dict[str, Any]:
    _, _, response, reason, organisation = left_out
    if reason != "over-cap":
        return {"reason": reason, "response": response}
    name = state.responses[response].customer_org
    return {"customer_org": name, "group": organisation, "reason": reason, "response": response}


def is_required(evidence: Evidence, rulebook: Rulebook, at_us: int) -> bool:
    """Whether the requirement binds at an instant: an edition is in force and the level is gold."""
    return rulebook.in_force(at_us) is not None and evidence.levels.at(at_us, "") == "gold"


def _applied(pool: Pool, edition: Edition, at_us: int) -> list[Iterator[Counting]]:
    """Of each organisation the first `per_org_cap` counting responses, the earliest received first (R2)."""
    return [
        _with_organisation(
            organisation,
            islice(receipts.counting_responses(at_us, edition.window_months), edition.per_org_cap),
        )
        for organisation, receipts in pool.organisations.items()
    ]


def _with_organisation(organisation: str, responses: Iterator[tuple[int, int, str]]) -> Iterator[Counting]:
    for received_us, seq, response in responses:
        yield received_us, seq, response, organisation


def _not_applied(pools: dict[str, Pool], chosen: str, edition: Edition, at_us: int) -> Iterator[Iterator[LeftOut]]:
    for location, pool in pools.items():
        for organisation, receipts in pool.organisations.items():
            counting = receipts.counting_responses(at_us, edition.window_months)
            if location != chosen:
                yield _with_reason("other-location", counting)
            elif receipts.counting(at_us, edition.window_months) > edition.per_org_cap:
                yield _with_reason("over-cap", islice(counting, edition.per_org_cap, None), organisation)


def _with_reason(
    reason: LeftOutReason, responses: Iterator[tuple[int, int, str]], organisation: str = ""
) -> Iterator[LeftOut]:
    for received_us, seq, response in responses:
        yield received_us, seq, response, reason, organisation
