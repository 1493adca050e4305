"""Who has every figure of peers ever published, and those of one partner, does not learn what another partner's mean is.

For each other partner in the benchmark, and each partner that looks, a test shows another programme in which the partner
that looks sees the very same: its own figures, those of all groups, and its place. In it some answers are another partner's
customers'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.results.cells import OF_PEERS
from projections.results.grouping import Pile
from projections.results.releasing import Floor
from tests.oracle.survey.results import QUESTIONS, Oracle
from tests.projections.results.support import Story, drawn_story, oracle_of

Who = tuple[str, str]
Owners = dict[Who, str]
"""Whose customer each respondent is."""
TRIED = 5_000
FLOOR = Floor(3, 5)


def columns(oracle: Oracle, measure: str) -> dict[Who, frozenset[tuple[str, ...]]]:
    """Of each respondent that is in a figure of peers, which of them it is in."""
    found: dict[Who, set[tuple[str, ...]]] = {}
    for (key, of), versions in oracle.told.items():
        if of == measure and key[0] in OF_PEERS:
            assert len(versions) == 1, "a figure of peers is published once"
            for one in versions[0]:
                found.setdefault(one, set()).add(key)
    return {one: frozenset(keys) for one, keys in found.items()}


class Groups:
    """The quarters of the peer groups of a measure, and what each partner is seen to be in them."""

    def __init__(self, oracle: Oracle, measure: str) -> None:
        self.answers = {one: score for (of, one), score in oracle.answers.items() if of == measure}
        self.columns = columns(oracle, measure)
        self.quarters = {
            key: versions[0]
            for (key, of), versions in oracle.told.items()
            if of == measure and key[0] == "peer-group" and "Q" in key[4]
        }
        self.owners: Owners = {one: one[0] for one in self.columns}
        self.before = self.seen(self.owners)

    def seen(self, owners: Owners) -> dict[tuple[str, str], tuple[int, Fraction]]:
        """(partner, quarter) -> (its place, its mean)."""
        found = {}
        for key, who in self.quarters.items():
            scores: dict[str, list[int]] = {}
            for one in who:
                scores.setdefault(owners[one], []).append(self.answers[one])
            means = {name: Fraction(sum(of), len(of)) for name, of in scores.items()}
            for name, own in means.items():
                others = [other for one, other in means.items() if one != name]
                share = sum(other < own for other in others) + Fraction(sum(other == own for other in others), 2)
                found[name, key[4]] = (min(3, int(4 * share / len(others))), own)
        return found

    def could_be(self, owners: Owners) -> bool:
        """Whether the rules would have told the same of it: nobody is too small, or has more than half, or only one answer."""
        for who in self.quarters.values():
            scores: dict[str, list[int]] = {}
            for one in who:
                scores.setdefault(owners[one], []).append(self.answers[one])
            sizes = [len(of) for of in scores.values()]
            if min(sizes) < FLOOR.respondents or len(sizes) < FLOOR.partners or dominated(sizes):
                return False
            if any(len(set(of)) == 1 for of in scores.values()):
                return False
        return True

    def others(self, name: str, looking: str) -> Iterator[Owners]:
        """Other programmes: customers of a partner's are another's, or are exchanged with another's, or both of these twice."""
        yield from self._changes(self.owners, name, looking)
        for first in islice(self._changes(self.owners, name, looking), 200):
            yield from self._changes(first, name, looking)

    def _changes(self, owners: Owners, name: str, looking: str) -> Iterator[Owners]:
        names = sorted(set(self.owners.values()) - {name, looking})
        for one, owner in owners.items():
            if owner == looking:
                continue
            for other in names if owner == name else [name]:
                yield owners | {one: other}
            for other, theirs in owners.items():
                alike = self.columns[one] == self.columns[other] and self.answers[one] != self.answers[other]
                if owner == name and theirs not in (name, looking) and alike:
                    yield owners | {one: theirs, other: owner}


def dominated(sizes: list[int]) -> bool:
    """Whether one partner has more than half of a group, or of what is left of it when another takes its own away."""
    left = [sizes, *(sizes[:one] + sizes[one + 1 :] for one in range(len(sizes)))]
    return any(2 * max(rest) > sum(rest) for rest in left)


def learns(groups: Groups, name: str, looking: str) -> bool:
    """Whether who sees the figures and the place of one partner learns the mean of another in some quarter."""
    for key in [key for key in groups.before if key[0] == name]:
        for owners in islice(groups.others(name, looking), TRIED):
            seen = groups.seen(owners)
            same = all(
                seen.get(one, (None,))[0] == place for one, (place, _) in groups.before.items() if one[0] == looking
            )
            if same and seen[key][1] != groups.before[key][1] and groups.could_be(owners):
                break
        else:
            return True
    return False


def big_story(seed: int, partners: int, responses: int) -> Story:
    story = drawn_story(seed, partners, responses, 1)
    return Story(story.responses, dict.fromkeys(story.groups, ("data", "reseller")), story.runs, FLOOR)


STORIES = {"seed": st.integers(0, 1 << 40), "partners": st.integers(5, 8), "responses": st.integers(60, 120)}


@settings(max_examples=8, deadline=None)
@given(**STORIES)
def test_no_partner_learns_the_mean_of_another(seed: int, partners: int, responses: int) -> None:
    oracle = oracle_of(big_story(seed, partners, responses))
    for measure in QUESTIONS[:2]:
        groups = Groups(oracle, measure)
        names = sorted(set(groups.owners.values()))
        told = [
            (name, looking) for name in names for looking in names if name != looking and learns(groups, name, looking)
        ]
        assert told == []


@settings(max_examples=12, deadline=None)
@given(**STORIES)
def test_what_is_left_when_a_partner_takes_its_own_answers_away_is_not_mostly_anothers(
    seed: int, partners: int, responses: int
) -> None:
    oracle = oracle_of(big_story(seed, partners, responses))
    for (key, _), versions in oracle.told.items():
        if key[0] not in OF_PEERS:
            continue
        for who in versions:
            sizes = Counter(membership for membership, _ in who)
            assert not dominated(list(sizes.values())), (key, sizes)


def test_two_large_partners_beside_small_ones_are_told_of_together_with_nobody() -> None:
    counts = {"a": 100, "b": 95, "c": 5, "d": 5, "e": 5}
    pile = Pile({name: (0,) * 9 + (number, 0) for name, number in counts.items()})
    assert not pile.enough(Floor())
    pile.of["b"] = pile.of["a"] = (0,) * 9 + (10, 0)
    assert pile.enough(Floor())
