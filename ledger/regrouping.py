"""Regrouping: what a join or a separation of organisations does to the evidence (DESIGN 4).

The receipts of two organisations are put together, or taken apart: the smaller ones are moved. The names of a group
keep their receipts apart as well, so that a separation finds what it has to take out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.evidence import Evidence
from ledger.organisations import Regrouping
from ledger.receipts import OrganisationReceipts, Pool

ONE_BY_ONE_MAX: Final = 256
"""So many receipts are moved each by itself; beyond that, all are put in order anew."""

Span = tuple[int, int]
"""The first and the last receipt between which, or whose windows, something can have changed."""


def join(evidence: Evidence, one: str, other: str) -> Span | None:
    """Two names, and with them their organisations, are one; None where that changes no count."""
    done = evidence.organisations.join(one, other)
    span = _span(evidence, done)
    for pool in evidence.all_pools():
        _join(pool, done)
    evidence.regrouped()
    return span


def separate(evidence: Evidence, one: str, other: str) -> Span | None:
    """The join of just these two is undone; None where that changes no count."""
    done = evidence.organisations.separate(one, other)
    for pool in evidence.all_pools():
        _separate(pool, done)
    evidence.regrouped()
    return _span(evidence, done)


def _span(evidence: Evidence, done: Regrouping) -> Span | None:
    """Where both parts have receipts, in whatever location: before they are put together, or after they were taken apart."""
    ends = []
    for part in (done.smaller, done.larger):
        kept = [pool.organisations.get(part.name) for pool in evidence.locations.values()]
        found = [receipts.instants for receipts in kept if receipts is not None and receipts.instants]
        if not found:
            return None
        ends.append((min(instants[0] for instants in found), max(instants[-1] for instants in found)))
    return max(first for first, _ in ends), min(last for _, last in ends)


def _join(pool: Pool, done: Regrouping) -> None:
    found = []
    for part in (done.smaller, done.larger):
        receipts = pool.organisations.pop(part.name, None)
        if receipts is None:
            continue
        if part.single:  # from now on they are kept apart too
            pool.names[part.name] = receipts
        found.append((receipts, part.single))
    if not found:
        return
    found.sort(key=lambda entry: len(entry[0].instants))
    largest, single = found[-1]
    if single:
        largest = largest.copy()
    pool.organisations[done.whole] = _with(largest, found[0][0]) if len(found) == 2 else largest


def _separate(pool: Pool, done: Regrouping) -> None:
    whole = pool.organisations.pop(done.whole, None)
    if whole is None:
        return
    apart = [pool.names[name] for name in done.moved if name in pool.names]
    if done.larger.single:
        stays = pool.names.pop(done.larger.name, None)
    else:
        stays = _without(whole, apart)
    if done.smaller.single:
        moved = pool.names.pop(done.smaller.name, None)
    else:
        moved = _together(apart)
    for part, receipts in ((done.larger, stays), (done.smaller, moved)):
        if receipts is not None and receipts.instants:
            pool.organisations[part.name] = receipts


def _with(receipts: OrganisationReceipts, more: OrganisationReceipts) -> OrganisationReceipts:
    if len(more.instants) > ONE_BY_ONE_MAX:
        return _together([receipts, more])
    for received_us, (seq, response) in zip(more.instants, more.responses, strict=True):
        receipts.add_response(received_us, seq, response)
    return receipts


def _without(receipts: OrganisationReceipts, apart: list[OrganisationReceipts]) -> OrganisationReceipts:
    if sum(len(one.instants) for one in apart) <= ONE_BY_ONE_MAX:
        for one in apart:
            for received_us, (seq, _) in zip(one.instants, one.responses, strict=True):
                receipts.remove_response(received_us, seq)
        return receipts
    gone = {seq for one in apart for seq, _ in one.responses}
    return _of(entry for entry in zip(receipts.instants, receipts.responses, strict=True) if entry[1][0] not in gone)


def _together(several: list[OrganisationReceipts]) -> OrganisationReceipts:
    entries = [entry for one in several for entry in zip(one.instants, one.responses, strict=True)]
    entries.sort()
    return _of(entries)


def _of(entries: Iterable[tuple[int, tuple[int, str]]]) -> OrganisationReceipts:
    """Receipts of (received_us, (seq, response)) in order."""
    made = OrganisationReceipts()
    for received_us, response in entries:
        made.instants.append(received_us)
        made.responses.append(response)
    return made
