"""Regrouping: what a join or a separation of organisations does to the evidence (DESIGN 4).

The receipts of two organisations are put together, or taken apart: the smaller ones are moved. The names of a group
keep their receipts apart as well, so that a separation finds what it has to take out. A few receipts are moved one by
one, and the overviews are told of each; where they are many, all are put in order anew, and overviews made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ledger.programmes.survey.organisations import Part, Regrouping
from ledger.programmes.survey.overview import Overview
from ledger.programmes.survey.responses import OrganisationReceipts, Pool
from ledger.programmes.survey.tally import Evidence

ONE_BY_ONE_MAX: Final = 256
"""So many receipts are moved each by itself."""

Span = tuple[int, int]
"""The first and the last receipt between which, or whose windows, something can have changed."""


def join(evidence: Evidence, one: str, other: str) -> Span | None:
    """Two names, and with them their organisations, are one; None where that changes no count."""
    done = evidence.organisations.join(one, other)
    span = _span(evidence, done)
    for name, pool in evidence.all_pools().items():
        told = _Told(name, evidence.overviews_of(name))
        if not _join(pool, done, told):
            evidence.forget_overviews()
    return span


def separate(evidence: Evidence, one: str, other: str) -> Span | None:
    """The join of just these two is undone; None where that changes no count."""
    done = evidence.organisations.separate(one, other)
    for name, pool in evidence.all_pools().items():
        told = _Told(name, evidence.overviews_of(name))
        if not _separate(pool, done, told):
            evidence.forget_overviews()
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


class _Told:
    """The overviews of a pool, which are told of each receipt that changes its organisation."""

    def __init__(self, pool_name: str, overviews: list[Overview]) -> None:
        self._pool_name = pool_name
        self._overviews = overviews

    def move(self, source: OrganisationReceipts, target: OrganisationReceipts, moved: Iterable[_Entry]) -> None:
        """Takes receipts out of one organisation and adds them to another."""
        for received_us, (seq, response) in moved:
            source.remove_response(received_us, seq)
            for overview in self._overviews:
                overview.take(self._pool_name, source, received_us, -1)
            target.add_response(received_us, seq, response)
            for overview in self._overviews:
                overview.take(self._pool_name, target, received_us, 1)


_Entry = tuple[int, tuple[int, str]]
"""(received_us, (seq, response))"""


def _join(pool: Pool, done: Regrouping, told: _Told) -> bool:
    """False where overviews cannot be told what changed."""
    parts = [(part, pool.organisations.pop(part.name, None)) for part in (done.smaller, done.larger)]
    found = [(part, receipts) for part, receipts in parts if receipts is not None]
    for part, receipts in found:
        if part.single:  # from now on they are kept apart too
            pool.names[part.name] = receipts
    if not found:
        return True
    found.sort(key=lambda entry: len(entry[1].instants))
    largest = _of_its_own(*found[-1])
    few = True
    if len(found) == 2:
        part, fewer = found[0]
        few = len(fewer.instants) <= ONE_BY_ONE_MAX
        if few:
            told.move(_of_its_own(part, fewer), largest, list(_entries(fewer)))
        else:
            largest = _together([largest, fewer])
    pool.organisations[done.whole] = largest
    return few


def _separate(pool: Pool, done: Regrouping, told: _Told) -> bool:
    """False where overviews cannot be told what changed."""
    whole = pool.organisations.pop(done.whole, None)
    if whole is None:
        return True
    apart = [pool.names[name] for name in done.moved if name in pool.names]
    few = sum(len(one.instants) for one in apart) <= ONE_BY_ONE_MAX
    if few:
        moved = OrganisationReceipts()
        told.move(whole, moved, [entry for one in apart for entry in _entries(one)])
    else:
        moved = _together(apart)
        gone = {seq for one in apart for seq, _ in one.responses}
        whole = _of(entry for entry in _entries(whole) if entry[1][0] not in gone)
    for part, receipts in ((done.larger, whole), (done.smaller, moved)):
        kept = pool.names.pop(part.name, None) if part.single else receipts
        if kept is not None and kept.instants:
            pool.organisations[part.name] = kept
    return few


def _of_its_own(part: Part, receipts: OrganisationReceipts) -> OrganisationReceipts:
    """Receipts that may be changed: those of a single name are kept apart as they are."""
    return receipts.copy() if part.single else receipts


def _entries(receipts: OrganisationReceipts) -> Iterator[_Entry]:
    return zip(receipts.instants, receipts.responses, strict=True)


def _together(several: list[OrganisationReceipts]) -> OrganisationReceipts:
    return _of(sorted(entry for one in several for entry in _entries(one)))


def _of(entries: Iterable[_Entry]) -> OrganisationReceipts:
    """Receipts made of entries in order."""
    made = OrganisationReceipts()
    for received_us, response in entries:
        made.instants.append(received_us)
        made.responses.append(response)
    return made
