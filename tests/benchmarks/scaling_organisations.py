"""The scaling table's dimensions of organisations: names, joins, separations, and what follows them.

python -m tests.benchmarks.scaling_organisations [--size 1000] [NAME…]
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from random import Random
from typing import Final

from tests.benchmarks.scaling import (
    BEGIN_US,
    HOUR_US,
    LONG_AGO,
    Dimension,
    Fact,
    asked,
    enrolled,
    folded,
    main,
    response,
    shuffled,
)

Pair = tuple[int, int]
SIZE: Final = 300


def name(number: int) -> str:
    return f"Customer {number} Ltd"


def answers(n: int, *, years: float = 8, at: int | None = None) -> list[Fact]:
    """A response of each of n names, or as many of one of them, in order."""
    step_us = int(years * 8766 * HOUR_US / n)
    return [response(i, BEGIN_US + i * step_us, name(i if at is None else at)) for i in range(n)]


def told(kind: str, pairs: Iterable[Pair]) -> list[Fact]:
    return [
        {"type": kind, "occurred_at": LONG_AGO, "organisation": name(one), "same_as": name(other)}
        for one, other in pairs
    ]


same, separate = partial(told, "same-organisation"), partial(told, "separate-organisations")


def chain(n: int) -> list[Pair]:
    return [(i, i + 1) for i in range(n - 1)]


def star(n: int) -> list[Pair]:
    return [(0, i) for i in range(1, n)]


def tree(n: int) -> list[Pair]:
    return [((i - 1) // 2, i) for i in range(1, n)]


def shuffled_pairs(pairs: list[Pair]) -> list[Pair]:
    Random(7).shuffle(pairs)
    return pairs


def joined(n: int, pairs: list[Pair], years: float = 8) -> list[Fact]:
    """Names that all answered, then are joined."""
    return [enrolled(), *answers(n, years=years), *same(pairs)]


def one_by_one(n: int) -> list[Fact]:
    """A name comes to a large organisation and leaves it, again and again."""
    back_and_forth = [fact for _ in range(n // 2) for fact in (*same([(n - 2, n - 1)]), *separate([(n - 2, n - 1)]))]
    return [*joined(n, chain(n - 1)), *back_and_forth]


def mergers_first(n: int) -> list[Fact]:
    """A list of mergers, then the answers."""
    return [enrolled(), *same(shuffled_pairs(chain(n))), *answers(n)]


def told_apart(n: int) -> list[Fact]:
    apart: list[Fact] = [
        {"type": "distinct-organisation", "occurred_at": LONG_AGO, "organisation": name(i).upper(), "from": name(i)}
        for i in range(n)
    ]
    return [enrolled(), *answers(n), *apart]


def one_subject(n: int) -> list[Fact]:
    """Consents and withdrawals of many subjects under names of one organisation, then invitations under others."""
    at = {"occurred_at": LONG_AGO}
    words: list[Fact] = [
        {"type": "record-consent", "subject": f"s-{i}", "customer_org": name(i), **at} for i in range(n)
    ]
    invitations: list[Fact] = [
        {"type": "record-invitation", "invitation": f"i-{i}", "subject": f"s-{i}", "customer_org": name(7 * i % n),
         "channel": "partner", **at} for i in range(n)
    ]  # fmt: skip
    return [enrolled(), *words, *same(chain(n)), *invitations]


DIMENSIONS: Final[dict[str, Dimension]] = {
    "names": Dimension(lambda n: [enrolled(), *answers(n)], SIZE),
    "names joined in a chain": Dimension(lambda n: joined(n, chain(n)), SIZE),
    "names joined in a chain, from its end": Dimension(lambda n: joined(n, chain(n)[::-1]), SIZE),
    "names joined in random order": Dimension(lambda n: joined(n, shuffled_pairs(chain(n))), SIZE),
    "names joined to the first": Dimension(lambda n: joined(n, star(n)), SIZE),
    "names joined within a year": Dimension(lambda n: joined(n, tree(n), years=1), SIZE),
    "names joined, and all separated": Dimension(
        lambda n: [*joined(n, tree(n)), *separate(shuffled_pairs(tree(n)))], SIZE
    ),
    "a chain of names separated in random order": Dimension(
        lambda n: [enrolled(), *same(chain(n)), *answers(n), *separate(shuffled_pairs(chain(n)))], SIZE
    ),
    "a name joined and separated again and again": Dimension(one_by_one, SIZE),
    "mergers first": Dimension(mergers_first, SIZE),
    "responses of a large organisation": Dimension(
        lambda n: [enrolled(), *same(chain(n)), *shuffled(answers(n, at=n // 2))], SIZE
    ),
    "names told apart": Dimension(told_apart, SIZE),
    "consents over a large organisation": Dimension(one_subject, SIZE),
    "fold of joins": Dimension(lambda n: joined(n, tree(n)), SIZE, folded),
    "questions about joins": Dimension(lambda n: joined(n, tree(n)), SIZE, asked),
}


if __name__ == "__main__":
    main(DIMENSIONS)
