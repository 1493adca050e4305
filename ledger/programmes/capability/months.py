"""What was reported of each month, and what it amounts to under an edition's figures (C6 to C9, C12, C13).

A partner may have millions of reports, and a score needs a few sums of two months only. So each month keeps its latest
reports compactly, and the sums under each edition that was asked for, which a report changes by what it changes itself.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.programmes.capability.editions import Edition

ASSOCIATIONS: Final = ("cpor", "csp-1", "csp-2", "dpor", "pal")
WHATS: Final = ("revenue", "usage")
_KINDS: Final = len(ASSOCIATIONS) * len(WHATS)
PLACE: Final = {(what, name): w * 5 + a for w, what in enumerate(WHATS) for a, name in enumerate(ASSOCIATIONS)}
"""The place of a report among those of its (customer, workload, month), by what it is about and its association."""


class Report(NamedTuple):
    """The latest report of a month under its keys: units of usage, or cents of revenue."""

    what: str
    customer: str
    workload: str
    association: str
    amount: int


class Pairs:
    """The (customer, workload) pairs of a designation, each with a number."""

    def __init__(self, names: list[tuple[str, str]] | None = None) -> None:
        self.names: list[tuple[str, str]] = names or []
        self._numbers = {pair: number for number, pair in enumerate(self.names)}

    def number(self, customer: str, workload: str) -> int:
        """The number of a pair, a new one where it has none yet."""
        pair = (customer, workload)
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = len(self.names)
            self.names.append(pair)
        return number


class Eligible:
    """The places of the reports that count under an edition (C13), in the order of the associations' names."""

    __slots__ = ("_edition", "_usage", "revenue")

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        self._usage: dict[str, tuple[int, ...]] = {}
        self.revenue = tuple(PLACE["revenue", name] for name in ASSOCIATIONS if edition.counts_revenue(name))

    def usage(self, workload: str) -> tuple[int, ...]:
        """Those of usage of a workload; none where it has no rate."""
        places = self._usage.get(workload)
        if places is None:
            counted = [name for name in ASSOCIATIONS if self._edition.counts_usage(workload, name)]
            places = self._usage[workload] = tuple(PLACE["usage", name] for name in counted)
        return places


def largest(reports: Mapping[int, int], places: Sequence[int], base: int = 0) -> tuple[int, int]:
    """The largest amount at some places, and its place, of equal ones the first (C13); (0, -1) where there is none.

    `reports` has the amounts by base + place.
    """
    found, where = 0, -1
    for place in places:
        amount = reports.get(base + place, 0)
        if amount > found:
            found, where = amount, place
    return found, where


class Limits(NamedTuple):
    """The figures of an edition that a pair is held against, by track: values in thousandths, revenue in cents."""

    rates: Mapping[str, Any]
    deployed_milli: tuple[tuple[str, int], ...]
    customer_cents: tuple[tuple[str, int], ...]
    track_cents: int

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Limits:
        deployed = figures["deployments"]["threshold_mcv"].items()
        return cls(
            figures["rates"],
            tuple((track, threshold * 1_000) for track, threshold in deployed),
            tuple(figures["net_adds"]["threshold_cents"].items()),
            figures["track"]["threshold_cents"],
        )


class Sums:
    """What a month amounts to under one edition.

    mcv_milli      usage over all pairs, valued by the edition's rates, in thousandths (C6)
    deployments    by track, pairs whose value reaches the threshold (C8)
    customers      by track, pairs whose revenue reaches the threshold (C9)
    workloads      workloads on which some customer's revenue exceeds the track's figure (C12)
    """

    __slots__ = ("_above", "_edition", "_limits", "customers", "deployments", "mcv_milli")

    def __init__(self, edition: Edition, limits: Limits | None = None) -> None:
        """`limits` are those of the edition, where they are at hand."""
        self._edition = edition
        self._limits = limits
        self.mcv_milli = 0
        self.deployments = {"enterprise": 0, "smb": 0}
        self.customers = {"enterprise": 0, "smb": 0}
        self._above: Counter[str] = Counter()

    @classmethod
    def restored(cls, edition: Edition, kept: list[Any], limits: Limits | None = None) -> Sums:
        """What `kept` was made of."""
        sums = cls(edition, limits)
        mcv_milli, sums.deployments, sums.customers, above = kept
        sums.mcv_milli, sums._above = int(mcv_milli), Counter(above)
        return sums

    def kept(self) -> list[Any]:
        """As a snapshot holds them; the value as digits, since it may pass 64 bits."""
        return [str(self.mcv_milli), self.deployments, self.customers, self._above]

    @property
    def workloads(self) -> int:
        """How many workloads there are on which some customer's revenue exceeds the track's figure."""
        return len(self._above)

    def add(self, workload: str, usage: int, revenue: int, sign: int) -> None:
        """A pair comes in (1) or goes out (-1) with what counts of it: units, and cents."""
        limits = self._limits
        if limits is None:
            limits = self._limits = Limits.of(self._edition.figures)
        if usage:
            rate = limits.rates.get(workload)
            value = 0 if rate is None else usage * rate["rate_milli"]
            self.mcv_milli += sign * value
            for track, threshold in limits.deployed_milli:
                if value >= threshold:
                    self.deployments[track] += sign
        if revenue:
            for track, threshold in limits.customer_cents:
                if revenue >= threshold:
                    self.customers[track] += sign
            if revenue > limits.track_cents:
                self._above[workload] += sign
                if not self._above[workload]:
                    del self._above[workload]


class Month:
    """The reports of one month; unpacked when they are first needed."""

    __slots__ = ("_kept", "_packed", "_reports", "_sums")

    def __init__(self, packed: bytes = b"", kept: dict[str, list[Any]] | None = None) -> None:
        """`packed` is of `pack`, `kept` of `kept_sums`."""
        self._packed: bytes | None = packed
        self._kept = kept or {}
        self._reports: dict[int, int] = {}
        self._sums: dict[str, tuple[Eligible, Sums]] = {}

    def __len__(self) -> int:
        return len(self._reports) if self._packed is None else len(self._packed) // 12

    def report(self, pairs: Pairs, what: str, customer: str, workload: str, association: str, amount: int) -> None:
        """A report, in the place of an earlier one under the same keys."""
        reports = self._unpacked()
        number = pairs.number(customer, workload)
        key = number * _KINDS + PLACE[what, association]
        if reports.get(key, 0) == amount:
            return
        self._kept = {}  # of editions that nobody asked for since: worked out anew where somebody does
        before = [(sums, *_counting(reports, number, workload, eligible)) for eligible, sums in self._sums.values()]
        if amount:
            reports[key] = amount
        else:
            del reports[key]
        for (eligible, sums), (_, usage, revenue) in zip(self._sums.values(), before, strict=True):
            now = _counting(reports, number, workload, eligible)
            if now != (usage, revenue):
                sums.add(workload, usage, revenue, -1)
                sums.add(workload, *now, 1)

    def sums(self, pairs: Pairs, edition: Edition) -> Sums:
        """What the month amounts to under an edition; worked out once, and kept up from then on."""
        kept = self._sums.get(edition.edition)
        if kept is not None:
            return kept[1]
        if (restored := self._kept.pop(edition.edition, None)) is not None:
            sums = Sums.restored(edition, restored)
            self._sums[edition.edition] = (Eligible(edition), sums)
            return sums
        reports, sums, eligible = self._unpacked(), Sums(edition), Eligible(edition)
        for number in {key // _KINDS for key in reports}:
            workload = pairs.names[number][1]
            sums.add(workload, *_counting(reports, number, workload, eligible), 1)
        self._sums[edition.edition] = (eligible, sums)
        return sums

    def reports(self, pairs: Pairs) -> Iterator[Report]:
        """The latest reports that are not 0, in no order."""
        for key, amount in self._unpacked().items():
            number, kind = divmod(key, _KINDS)
            what, association = divmod(kind, 5)
            yield Report(WHATS[what], *pairs.names[number], ASSOCIATIONS[association], amount)

    def kept_sums(self) -> dict[str, list[Any]]:
        """The sums that were worked out so far, by the name of their edition."""
        return {**self._kept, **{name: sums.kept() for name, (_, sums) in self._sums.items()}}

    def pack(self) -> bytes:
        """The reports as bytes: all keys, four bytes each, then all amounts, eight each; sorted by key."""
        if self._packed is not None:
            return self._packed
        keys = sorted(self._reports)
        return array("I", keys).tobytes() + array("Q", [self._reports[key] for key in keys]).tobytes()

    def _unpacked(self) -> dict[int, int]:
        if self._packed is not None:
            count = len(self._packed) // 12
            keys, amounts = array("I"), array("Q")
            keys.frombytes(self._packed[: 4 * count])
            amounts.frombytes(self._packed[4 * count :])
            self._reports = dict(zip(keys, amounts, strict=True))
            self._packed = None
        return self._reports


def _counting(reports: dict[int, int], number: int, workload: str, eligible: Eligible) -> tuple[int, int]:
    """What counts of a pair: units of usage and cents of revenue."""
    base = number * _KINDS
    return largest(reports, eligible.usage(workload), base)[0], largest(reports, eligible.revenue, base)[0]
