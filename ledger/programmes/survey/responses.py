"""Receipts: the responses of organisations and locations, kept so that any instant can be asked about.

A response received at r counts at t where r <= t < r + window (R5). So at t, of a sorted list of receipts and the
sorted list of their expiries, (receipts <= t) - (expiries <= t) are counting: two binary searches, whatever the
history's length. The two are sorted apart, because expiry is not monotone in receipt (see `instants.add_months`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from typing import Final

from ledger.instants import add_months, add_months_to_each, earliest_counting_us
from ledger.programmes.survey.blocks import place_after, put
from ledger.programmes.survey.editions import Edition
from ledger.programmes.survey.organisations import Group

LOOK_BACK_MAX: Final = 256
FEW_ORGANISATIONS: Final = 24
_NEVER: Final = 1 << 62
NO_GROUPS: Final[Mapping[str, Group]] = {}


class Receipts:
    """Instants of receipt, sorted, with their expiries under each window asked for, sorted."""

    __slots__ = ("_expiries", "instants")

    def __init__(self) -> None:
        self.instants: MutableSequence[int] = []
        self._expiries: dict[int, MutableSequence[int]] = {}

    def add(self, received_us: int) -> int:
        """Adds a receipt after all of the same instant; returns its place."""
        instants = self.instants
        for months, expiries in self._expiries.items():
            expires_us = add_months(received_us, months)
            if not expiries or expires_us >= expiries[-1]:
                expiries.append(expires_us)
            else:
                self._expiries[months] = put(expiries, place_after(expiries, expires_us), expires_us)
        if not instants or received_us >= instants[-1]:
            instants.append(received_us)
            return len(instants) - 1
        place = place_after(instants, received_us)
        self.instants = put(instants, place, received_us)
        return place

    def remove(self, received_us: int) -> None:
        """Takes one receipt of that instant out."""
        del self.instants[bisect_left(self.instants, received_us)]
        for months, expiries in self._expiries.items():
            del expiries[bisect_left(expiries, add_months(received_us, months))]

    def expiries(self, months: int) -> Sequence[int]:
        """The expiries under a window of so many months, sorted."""
        expiries = self._expiries.get(months)
        if expiries is None:
            expiries = self._expiries[months] = sorted(add_months_to_each(self.instants, months))
        return expiries

    def counting(self, at_us: int, months: int) -> int:
        """How many count at an instant."""
        return bisect_right(self.instants, at_us) - bisect_right(self.expiries(months), at_us)


class OrganisationReceipts(Receipts):
    """Receipts of responses, each with its seq in the stream and its response's reference.

    They are those of one organisation, or of one of its names, in one pool; a membership keeps its voided responses in
    the same way.
    """

    __slots__ = ("responses",)

    def __init__(self) -> None:
        super().__init__()
        self.responses: MutableSequence[tuple[int, str]] = []

    def add_response(self, received_us: int, seq: int, response: str) -> None:
        """Adds a response. Those of one instant are kept in the order of their seq."""
        last = self.add(received_us)
        if last and self.instants[last - 1] == received_us:
            last = bisect_left(self.responses, (seq,), bisect_left(self.instants, received_us), last)
        self.responses = put(self.responses, last, (seq, response))

    def remove_response(self, received_us: int, seq: int) -> None:
        """Takes a response out."""
        first, end = bisect_left(self.instants, received_us), bisect_right(self.instants, received_us)
        del self.responses[bisect_left(self.responses, (seq,), first, end)]
        self.remove(received_us)

    def copy(self) -> OrganisationReceipts:
        """The same receipts, to be added to apart from these."""
        copied = OrganisationReceipts()
        copied.instants, copied.responses = list(self.instants), list(self.responses)
        copied._expiries = {months: list(expiries) for months, expiries in self._expiries.items()}
        return copied

    def counting_responses(self, at_us: int, months: int) -> Iterator[tuple[int, int, str]]:
        """(received_us, seq, response) of those counting at an instant, the earliest received first (R2)."""
        first = bisect_left(self.instants, earliest_counting_us(at_us, months))
        for place in range(first, bisect_right(self.instants, at_us)):
            received_us = self.instants[place]
            if add_months(received_us, months) > at_us:
                seq, response = self.responses[place]
                yield received_us, seq, response


NO_RECEIPTS: Final = OrganisationReceipts()
"""Of an organisation of which nothing is left. Nobody adds to it."""


class Pool:
    """The responses that are counted together: those of a location, or of all of them where an edition pools (R11).

    `organisations` has the receipts of each organisation, `names` those of each name of a group of several, apart.
    """

    __slots__ = ("_groups", "_senders", "names", "organisations", "receipts")

    def __init__(self, groups: Mapping[str, Group] = NO_GROUPS) -> None:
        self.organisations: dict[str, OrganisationReceipts] = {}
        self.names: dict[str, OrganisationReceipts] = {}
        self.receipts = Receipts()
        self._groups = groups
        self._senders: MutableSequence[str] = []  # the name under which each receipt came

    def add(self, name: str, received_us: int, seq: int, response: str) -> None:
        """Adds a response that came under a name."""
        for receipts in self._kept_in(name):
            receipts.add_response(received_us, seq, response)
        self._senders = put(self._senders, self.receipts.add(received_us), name)

    def load(self, names: list[str], received: list[int], responses: list[tuple[int, str]]) -> None:
        """Adds responses to a pool without any: their names, receipts and (seq, response), in the order of receipt."""
        kept = {
            name: [(each.instants.append, each.responses.append) for each in self._kept_in(name)]
            for name in dict.fromkeys(names)
        }
        for name, received_us, response in zip(names, received, responses, strict=True):
            for keep_instant, keep_response in kept[name]:
                keep_instant(received_us)
                keep_response(response)
        self.receipts.instants = received
        self._senders = names

    def remove(self, name: str, received_us: int, seq: int) -> None:
        """Takes a response out."""
        for receipts in self._kept_in(name):
            receipts.remove_response(received_us, seq)
        del self._senders[self._senders.index(name, bisect_left(self.receipts.instants, received_us))]
        self.receipts.remove(received_us)

    def by_name(self) -> Iterator[tuple[str, OrganisationReceipts]]:
        """The receipts of each name, groups or not."""
        for organisation, receipts in self.organisations.items():
            if organisation not in self._groups:
                yield organisation, receipts
        yield from self.names.items()

    def _kept_in(self, name: str) -> tuple[OrganisationReceipts, ...]:
        """Where the receipts of a name are kept: with its organisation, and in a group of several apart as well."""
        group = self._groups.get(name)
        if group is None:
            return (_receipts_of(self.organisations, name),)
        return _receipts_of(self.organisations, group.name), _receipts_of(self.names, name)

    def count(self, at_us: int, edition: Edition) -> tuple[int, int]:
        """(applied responses, organisations) at an instant: the sum of min(cap, counting) over organisations (R1-R3)."""
        cap, months = edition.per_org_cap, edition.window_months
        if self.receipts.counting(at_us, months) < len(self.organisations):
            counts: Counter[str] = Counter(
                organisation for _, organisation in self._counting_latest_first(at_us, months)
            )
            return sum(min(cap, counting) for counting in counts.values()), len(counts)
        applied = organisations = 0
        for receipts in self.organisations.values():
            counting = receipts.counting(at_us, months)
            if counting > 0:
                organisations += 1
                applied += counting if counting < cap else cap
        return applied, organisations

    def satisfied(self, at_us: int, edition: Edition) -> bool:
        """Whether the responses of this pool satisfy the requirement by themselves."""
        return self.satisfied_until(at_us, edition) is not None

    def satisfied_until(self, at_us: int, edition: Edition) -> int | None:
        """An instant before which the requirement, met at `at_us`, surely stays met; None where it is not met.

        Of many organisations the latest responses are enough to look at: as long as those that suffice by themselves
        all count, it is met. Few organisations, or where one sent nearly everything, are counted one by one.
        """
        if len(self.organisations) <= FEW_ORGANISATIONS:
            return self._satisfied_until_by_count(at_us, edition)
        cap, months = edition.per_org_cap, edition.window_months
        counts: dict[str, int] = {}
        applied, until_us = 0, _NEVER
        for looked_at, (received_us, organisation) in enumerate(self._counting_latest_first(at_us, months)):
            if looked_at >= LOOK_BACK_MAX:
                return self._satisfied_until_by_count(at_us, edition)
            counting = counts.get(organisation, 0)
            if counting < cap:
                counts[organisation] = counting + 1
                applied += 1
                until_us = min(until_us, add_months(received_us, months))
                if applied >= edition.min_responses and len(counts) >= edition.min_organisations:
                    return until_us
        return None

    def _satisfied_until_by_count(self, at_us: int, edition: Edition) -> int | None:
        """Each expiry takes at most one from the count, and at most one organisation."""
        applied, organisations = self.count(at_us, edition)
        spare = min(applied - edition.min_responses, organisations - edition.min_organisations)
        if spare < 0:
            return None
        expiries = self.receipts.expiries(edition.window_months)
        return expiries[bisect_right(expiries, at_us) + spare]

    def _counting_latest_first(self, at_us: int, months: int) -> Iterator[tuple[int, str]]:
        """(received_us, organisation) of those counting at an instant."""
        instants, groups = self.receipts.instants, self._groups
        first = bisect_left(instants, earliest_counting_us(at_us, months))
        for place in range(bisect_right(instants, at_us) - 1, first - 1, -1):
            received_us = instants[place]
            if add_months(received_us, months) > at_us:
                group = groups.get(self._senders[place])
                yield received_us, self._senders[place] if group is None else group.name


def _receipts_of(kept: dict[str, OrganisationReceipts], name: str) -> OrganisationReceipts:
    receipts = kept.get(name)
    if receipts is None:
        receipts = kept[name] = OrganisationReceipts()
    return receipts
