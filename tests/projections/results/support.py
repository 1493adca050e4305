"""Stories of a small programme that are made up: who answered what when, when it became known, what was voided or erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import polars as pl

from projections.results.cells import OF_MEMBERSHIP, QUESTIONS, Cell, CellKey, Measure, PlaceRow
from projections.results.grouping import PROFILE
from projections.results.publication import Publication
from projections.results.releasing import Floor
from projections.results.rows import Closed, Earlier, ReleaseRow
from tests.oracle.survey.results import Oracle, Said

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
    told = []
    for number in range(responses):
        answered = {question: rng.choice(scores) for question in QUESTIONS[:2] if rng.random() < 0.9}
        name = rng.choice(names[: rng.randrange(1, memberships + 1)])
        said = Said(name, f"r-{number}", rng.choice(MONTHS), rng.choice("ab"), rng.choice("xy"), False, answered)
        late = rng.randrange(len(runs)) if rng.random() * 10 < apart else 0
        void = rng.randrange(late, len(runs) + 1) if rng.random() * 10 < apart else 99
        erased = rng.randrange(late, len(runs) + 1) if rng.random() * 20 < apart else 99
        told.append(Told(said, late, void, erased))
    groups = {name: (rng.choice(["data", "security", ""]), rng.choice(["reseller", "reseller", ""])) for name in names}
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

    def shown(self) -> list[tuple[object, ...]]:
        """All that anybody is ever shown: figures and places, closing by closing."""
        return [(closed.closing.month, closed.cells, closed.places) for closed in self.closings]


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


def changed(story: Story, number: int, told: Told | None) -> Story:
    """The same story with another response in the place of one; None: without it."""
    rest = [*story.responses]
    rest[number : number + 1] = [] if told is None else [told]
    return replace(story, responses=tuple(rest))
