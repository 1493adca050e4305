"""Stories of a small programme that are made up: who answered what when, when it became known, what was voided or erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import polars as pl

from projections.results.cells import OF_MEMBERSHIP, QUESTIONS, Cell, CellKey, Measure, PlaceRow
from projections.results.grouping import PROFILE
from projections.results.publication import Publication
from projections.results.releasing import Floor
from projections.results.rows import Closed, Earlier, ReleaseRow
from tests.oracle.survey.results import Key, Oracle, Said

MONTHS = [f"2010-{number:02}" for number in range(1, 10)]
SMALL = Floor(3, 3)
COLUMNS = {
    **dict.fromkeys(("membership", "response", "month", "location", "segment"), pl.String()),
    "void": pl.Boolean(),
    **dict.fromkeys(QUESTIONS, pl.Int8()),
}


@dataclass(frozen=True)
class Told:
    """A response, and in which run it is known, void, erased for the first time; a run beyond the last is never."""

    said: Said
    known_in: int = 0
    void_in: int = 99
    erased_in: int = 99


@dataclass(frozen=True)
class Story:
    """A programme, and the runs that close its months."""

    responses: tuple[Told, ...]
    groups: Mapping[str, tuple[str, str]]
    runs: tuple[str, ...]
    """The last month that each run closes."""
    floor: Floor = SMALL

    def known(self, run: int) -> list[Said]:
        """What is known in a run."""
        return [
            one.said._replace(void=run >= one.void_in, scores={} if run >= one.erased_in else one.said.scores)
            for one in self.responses
            if one.known_in <= run
        ]


def drawn_story(seed: int, memberships: int, responses: int, apart: int) -> Story:
    """A story out of a seed; the more `apart`, the more often answers come late, are voided or erased."""
    rng = Random(seed)
    names = [f"m-{number}" for number in range(memberships)]
    runs = tuple(sorted(rng.sample(MONTHS, rng.randrange(1, 4))))
    scores = rng.choice([(9, 10), (0, 10), (7, 8, 9, 10), tuple(range(11))])
    months = rng.choice((3, 6, 9))
    even = rng.choice((0.3, 0.8, 1))
    told = []
    for number in range(responses):
        answered = {question: rng.choice(scores) for question in QUESTIONS[:2] if rng.random() < 0.9}
        name = rng.choice(names if rng.random() < even else names[:2])
        said = Said(
            name, f"r-{number}", rng.choice(MONTHS[:months]), rng.choice("ab"), rng.choice("xy"), False, answered
        )
        late = rng.randrange(len(runs)) if rng.random() * 10 < apart else 0
        void = rng.randrange(late, len(runs) + 1) if rng.random() * 10 < apart else 99
        erased = rng.randrange(late, len(runs) + 1) if rng.random() * 20 < apart else 99
        told.append(Told(said, late, void, erased))
    areas, models = ["data", "data", "data", "security", ""], ["reseller"] * rng.randrange(1, 6) + ["hosting", ""]
    groups = {name: (rng.choice(areas), rng.choice(models)) for name in names}
    return Story(tuple(told), groups, runs)


@dataclass
class Book:
    """What was published by all closings of a story, in order, and what the next one goes on from."""

    closings: list[Closed] = field(default_factory=list)

    def earlier(self) -> Earlier:
        """As it would be read from where it is kept."""
        releases: dict[int, ReleaseRow] = {}
        cells: dict[tuple[CellKey, Measure], Cell] = {}
        for closed in self.closings:
            releases |= {row.release: row for row in closed.releases}
            cells |= {(cell.key, cell.measure): cell for cell in closed.cells if cell.key.scope in OF_MEMBERSHIP}
        groups = {row.membership: row for closed in self.closings for row in closed.groups}
        through = self.closings[-1].closing.month if self.closings else ""
        return Earlier(through, list(releases.values()), list(cells.values()), list(groups.values()))

    def cells(self) -> list[Cell]:
        """Every version of every figure."""
        return [cell for closed in self.closings for cell in closed.cells]

    def places(self) -> list[PlaceRow]:
        """Every place."""
        return [place for closed in self.closings for place in closed.places]


def frame(known: Sequence[Said]) -> pl.DataFrame:
    """Responses as `Publication` takes them."""
    rows = [(*said[:5], said.void, *(said.scores.get(question) for question in QUESTIONS)) for said in known]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def published(story: Story, oracle: Oracle | None = None) -> Book:
    """What a story publishes; an oracle that is given closes the same months."""
    book = Book()
    groups = [(name, 0, number, *group) for number, (name, group) in enumerate(story.groups.items())]
    profiles = pl.DataFrame(groups, schema=PROFILE, orient="row")
    done = 0
    for run, last in enumerate(story.runs):
        known = story.known(run)
        publication = Publication(frame(known), profiles, book.earlier(), story.floor)
        while done < len(MONTHS) and MONTHS[done] <= last:
            month = MONTHS[done]
            book.closings.append(publication.close(month, run + 1, run + 1))
            if oracle is not None:
                oracle.close(month, known, story.groups)
            done += 1
    return book


Shown = list[tuple[str, tuple[Key, str], tuple[tuple[int, ...], int]]]


def oracle_of(story: Story) -> Oracle:
    """The oracle after all closings of a story."""
    oracle, done = Oracle(*story.floor), 0
    for run, last in enumerate(story.runs):
        known = story.known(run)
        while done < len(MONTHS) and MONTHS[done] <= last:
            oracle.close(MONTHS[done], known, story.groups)
            done += 1
    return oracle


def told_by_brute_force(story: Story) -> Shown:
    """All figures that the oracle tells: (month of the closing, figure, (counts, partners)), in order."""
    oracle, shown, done = Oracle(*story.floor), Shown(), 0
    before: dict[tuple[Key, str], int] = {}
    for run, last in enumerate(story.runs):
        known = story.known(run)
        while done < len(MONTHS) and MONTHS[done] <= last:
            oracle.close(MONTHS[done], known, story.groups)
            for figure, versions in sorted(oracle.told.items()):
                for who in versions[before.get(figure, 0) :]:
                    counts = oracle.counts(figure[1], who)
                    shown.append((MONTHS[done], figure, (counts, oracle.partners_of.get(figure, 0))))
                before[figure] = len(versions)
            done += 1
    return shown
