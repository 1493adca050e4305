"""Results and benchmark by brute force: sets of respondents and loops, from the text of the rules alone (projections.results).

Nothing here is fast, and nothing is shared with what it is compared with. A figure is told as the set of respondents that it
counts; what they answered is looked up at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

QUESTIONS = ("overall", "continue", "re_engage", "recommend")
MEASURES = ("responses", *QUESTIONS)


class Said(NamedTuple):
    """A response as it is known."""

    membership: str
    response: str
    month: str
    location: str
    segment: str
    void: bool
    scores: Mapping[str, int]

    @property
    def id(self) -> tuple[str, str]:
        return self.membership, self.response

    @property
    def quarter(self) -> str:
        return f"{self.month[:4]}-Q{(int(self.month[5:]) - 1) // 3 + 1}"


@dataclass
class Release:
    """Respondents that no figure tells apart, and what they have in common."""

    measure: str
    membership: str
    who: frozenset[tuple[str, str]]
    quarter: str = ""
    month: str = ""
    location: str = ""
    segment: str = ""
    removed: bool = False


Key = tuple[str, str, str, str, str]
"""Scope, membership, part, group, period."""


@dataclass
class Oracle:
    """All that was ever told, closing by closing."""

    respondents: int
    partners: int
    releases: list[Release] = field(default_factory=list)
    told: dict[tuple[Key, str], list[frozenset[tuple[str, str]]]] = field(default_factory=lambda: defaultdict(list))
    """Of each figure the respondents of each version."""
    partners_of: dict[tuple[Key, str], int] = field(default_factory=dict)
    places: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(membership, period, question) -> place."""
    answers: dict[tuple[str, tuple[str, str]], int] = field(default_factory=dict)
    """What was ever known to be answered: erasing takes nothing out of a sum."""

    def close(self, month: str, known: Sequence[Said], groups: Mapping[str, tuple[str, str]]) -> None:
        """Closes a month; `groups` says the solution area and the business model of each at its end."""
        by_id = {said.id: said for said in known}
        for said in known:
            for question, score in said.scores.items():
                self.answers[question, said.id] = score
            self.answers["responses", said.id] = 0
        over = month[5:] in ("03", "06", "09", "12")
        quarter = next(said.quarter for said in [Said("", "", month, "", "", False, {})])
        for measure in MEASURES:
            new = self._release(measure, month, over, quarter, known)
            self.releases += new
            lost = self._lose_void(measure, by_id, set(map(id, new))) if over else []
            self._tell(measure, quarter if over else None, new + lost, known)
        if over:
            self._tell_peers(quarter, groups)

    # what is released

    def _release(self, measure: str, month: str, over: bool, quarter: str, known: Sequence[Said]) -> list[Release]:
        waiting = self._waiting(measure, month, known)
        made: list[Release] = []
        if over:
            left = []
            for (membership, period), some in _by(waiting, lambda said: (said.membership, said.quarter)).items():
                if self._enough(measure, some):
                    made += self._apart(Release(measure, membership, _ids(some), period), "month", some)
                else:
                    left += some
            for (membership,), some in _by(left, lambda said: (said.membership,)).items():
                counts = [len(part) for part in _by(some, lambda said: (said.quarter,)).values()]
                ordered = sorted(some, key=lambda said: (said.month, said.response))
                due = ordered[:-1] if all(count == self.respondents - 1 for count in counts) else ordered
                if self._enough(measure, due):
                    made.append(Release(measure, membership, _ids(due)))
        else:
            among = [said for said in waiting if said.quarter == quarter]
            for (membership, one), some in _by(among, lambda said: (said.membership, said.month)).items():
                if self._enough(measure, some):
                    made.append(Release(measure, membership, _ids(some), quarter, one))
        for column in ("location", "segment"):
            split = []
            for release in made:
                some = [said for said in waiting if said.id in release.who]
                split += self._apart(release, column, some) if column == "location" or release.location else [release]
            made = split
        return made

    def _waiting(self, measure: str, month: str, known: Sequence[Said]) -> list[Said]:
        released = {one for release in self.releases if release.measure == measure for one in release.who}
        counted = {one for release in self.releases if release.measure == "responses" for one in release.who}
        return [
            said
            for said in known
            if not said.void
            and said.month <= month
            and said.id not in released
            and (measure == "responses" or (said.id in counted and measure in said.scores))
        ]

    def _enough(self, measure: str, some: Sequence[Said]) -> bool:
        several = measure == "responses" or len({said.scores[measure] for said in some}) > 1
        return len(some) >= self.respondents and several

    def _apart(self, release: Release, column: str, some: Sequence[Said]) -> list[Release]:
        parts = {key[0]: part for key, part in _by(some, lambda said: (getattr(said, column),)).items()}
        told = {name: part for name, part in parts.items() if self._enough(release.measure, part)}
        rest = [said for name, part in parts.items() if name not in told for said in part]
        told_by_sum = all(len(part) == self.respondents - 1 for name, part in parts.items() if name not in told)
        if rest and (told_by_sum or not self._enough(release.measure, rest)) and told:
            smallest = min(told, key=lambda name: (len(told[name]), name))
            rest += told.pop(smallest)
        same = {
            "quarter": release.quarter, "month": release.month, "location": release.location, "segment": release.segment
        }  # fmt: skip
        made = [
            Release(release.measure, release.membership, _ids(part), **(same | {column: name}))
            for name, part in told.items()
        ]
        return [*made, Release(release.measure, release.membership, _ids(rest), **same)] if rest else made

    def _lose_void(self, measure: str, known: Mapping[Any, Said], new: set[int]) -> list[Release]:
        changed = []
        for release in [
            one for one in self.releases if one.measure == measure and not one.removed and id(one) not in new
        ]:
            void = frozenset(one for one in release.who if one in known and known[one].void)
            if len(void) < self.respondents:
                continue
            if void == release.who:
                release.removed = True
                changed.append(release)
                continue
            erased = measure != "responses" and any(measure not in known[one].scores for one in void)
            if erased or not all(self._scores_enough(measure, part) for part in (void, release.who - void)):
                continue
            gone = Release(
                measure,
                release.membership,
                void,
                release.quarter,
                release.month,
                release.location,
                release.segment,
                True,
            )
            release.who -= void
            self.releases.append(gone)
            changed += [release, gone]
        return changed

    def _scores_enough(self, measure: str, who: frozenset[tuple[str, str]]) -> bool:
        several = measure == "responses" or len({self.answers[measure, one] for one in who}) > 1
        return len(who) >= self.respondents and several

    # which figures that makes

    def _tell(self, measure: str, quarter: str | None, changed: Sequence[Release], known: Sequence[Said]) -> None:
        mine = [release for release in self.releases if release.measure == measure]

        def keys_of(release: Release) -> list[Key]:
            periods = [release.month, *([release.quarter, "life"] if quarter else [])]
            return _keys(release.membership, release.location, release.segment, [one for one in periods if one])

        looked_at = {key for release in changed for key in keys_of(release)}
        if quarter:
            looked_at |= {key for release in mine for key in keys_of(release) if key[4] == "life"}
        figures: dict[Key, set[tuple[str, str]]] = defaultdict(set)
        for release in mine:
            for key in keys_of(release):
                if key in looked_at:
                    figures[key] |= set() if release.removed else release.who
        for key, who in figures.items():
            versions = self.told[key, measure]
            if versions:
                if self.counts(measure, who) != self.counts(measure, versions[-1]):
                    versions.append(frozenset(who))
            elif who and self._whole(key, measure, known, mine) and (
                measure == "responses" or self.told.get((key, "responses"))
            ):  # fmt: skip
                versions.append(frozenset(who))

    def _whole(self, key: Key, measure: str, known: Sequence[Said], mine: Sequence[Release]) -> bool:
        scope, membership, part, group, period = key
        if period == "life":
            return True
        release_of = {one: release for release in mine for one in release.who}
        for said in known:
            if said.void or said.membership != membership or period not in (said.month, said.quarter):
                continue
            if measure != "responses" and measure not in said.scores:
                continue
            if (scope != "membership" and said.location != part) or (scope == "segment" and said.segment != group):
                continue
            release = release_of.get(said.id)
            if release is None or period not in (release.month, release.quarter):
                return False
            if (scope != "membership" and release.location != part) or (
                scope == "segment" and release.segment != group
            ):
                return False
        return True

    def counts(self, measure: str, who: Iterable[tuple[str, str]]) -> tuple[int, ...]:
        """How many of some respondents answered 0, 1, … 10."""
        scores = [self.answers[measure, one] for one in who]
        return tuple(scores.count(score) for score in range(11))

    # peers

    def _tell_peers(self, quarter: str, groups: Mapping[str, tuple[str, str]]) -> None:
        months = [f"{quarter[:4]}-{3 * int(quarter[6]) - less:02}" for less in (2, 1, 0)]
        for measure in MEASURES:
            of = self._last("membership", quarter, measure)
            leaf: dict[str, str] = {}
            sets: dict[Key, set[str]] = {}
            areas = {groups.get(one, ("", "")) for one in of}
            for area, model in sorted(areas):
                inside = {one for one in of if groups.get(one, ("", "")) == (area, model)}
                if area and model and self._pile([of[one] for one in inside]):
                    sets["peer-group", "", area, model, quarter] = inside
                    leaf |= dict.fromkeys(inside, f"group {area} {model}")
            for model in sorted({model for _, model in areas if model}):
                inside = {one for one in of if groups.get(one, ("", ""))[1] == model}
                rest = {one for one in inside if one not in leaf}
                if not rest or self._pile([of[one] for one in rest]):
                    sets["business-model", "", "", model, quarter] = inside
                    leaf |= dict.fromkeys(rest, f"rest {model}")
            rest = {one for one in of if one not in leaf}
            if of and (not rest or self._pile([of[one] for one in rest])):
                sets["programme", "", "", "", quarter] = set(of)
                leaf |= dict.fromkeys(rest, "rest")
            by_month = {month: self._last("membership", month, measure) for month in months}
            told_in = {name: self._months_told(name, leaf, of, by_month) for name in set(leaf.values())}
            for key, inside in list(sets.items()):
                for month, of_month in by_month.items():
                    there = {one for one in inside if one in of_month}
                    fine = all(
                        month in told_in[name] or not any(leaf[one] == name for one in there)
                        for name in {leaf[one] for one in inside}
                    )
                    if there and fine:
                        sets[(*key[:4], month)] = there
            for key, inside in sets.items():
                if measure != "responses" and (key, "responses") not in self.partners_of:
                    continue
                figures = of if key[4] == quarter else by_month[key[4]]
                self.told[key, measure].append(frozenset(one for name in inside for one in figures[name]))
                self.partners_of[key, measure] = len(inside)
                if measure != "responses" and key[0] == "peer-group" and key[4] == quarter:
                    self._place(measure, quarter, {name: figures[name] for name in inside})

    def _last(self, scope: str, period: str, measure: str) -> dict[str, frozenset[tuple[str, str]]]:
        return {
            key[1]: versions[-1]
            for (key, of), versions in self.told.items()
            if of == measure and key[0] == scope and key[4] == period and versions and versions[-1]
        }

    def _pile(self, figures: Sequence[frozenset[tuple[str, str]]]) -> bool:
        sizes = [len(one) for one in figures if one]
        if len(sizes) < self.partners:
            return False
        for leaver in range(len(sizes)):
            others = sizes[:leaver] + sizes[leaver + 1 :]
            if max(others) * 2 > sum(others):
                return False
        return True

    def _months_told(
        self, name: str, leaf: Mapping[str, str], of: Mapping[str, Any], by_month: Mapping[str, Mapping[str, Any]]
    ) -> set[str]:
        inside = [one for one in leaf if leaf[one] == name]
        parts = {month: [figures[one] for one in inside if one in figures] for month, figures in by_month.items()}
        told = {month for month, part in parts.items() if part and self._pile(part)}
        while told:
            taken = {one for month in told for part in parts[month] for one in part}
            rest = [figure - taken for figure in (of[one] for one in inside) if figure - taken]
            if not rest or self._pile(rest):
                break
            told.remove(min(told, key=lambda month: (sum(map(len, parts[month])), month)))
        return told

    def _place(self, question: str, quarter: str, figures: Mapping[str, frozenset[tuple[str, str]]]) -> None:
        means = {
            name: Fraction(sum(self.answers[question, one] for one in who), len(who)) for name, who in figures.items()
        }
        for name, mean in means.items():
            others = [other for one, other in means.items() if one != name]
            share = Fraction(
                sum(other < mean for other in others) * 2 + sum(other == mean for other in others), 2 * len(others)
            )
            self.places[name, quarter, question] = (
                "upper-quarter" if share >= Fraction(3, 4)
                else "upper-middle" if share >= Fraction(1, 2)
                else "lower-middle" if share >= Fraction(1, 4)
                else "lower-quarter"
            )  # fmt: skip


def _by(some: Iterable[Said], key: Callable[[Said], tuple[str, ...]]) -> dict[tuple[str, ...], list[Said]]:
    found: dict[tuple[str, ...], list[Said]] = defaultdict(list)
    for said in some:
        found[key(said)].append(said)
    return dict(sorted(found.items()))


def _ids(some: Iterable[Said]) -> frozenset[tuple[str, str]]:
    return frozenset(said.id for said in some)


def _keys(membership: str, location: str, segment: str, periods: Iterable[str]) -> list[Key]:
    found: list[Key] = []
    for period in periods:
        found.append(("membership", membership, "", "", period))
        if location:
            found.append(("location", membership, location, "", period))
        if segment:
            found.append(("segment", membership, location, segment, period))
    return found
