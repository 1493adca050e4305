"""A view: the projections as they stand in one transaction, and a reader of each. Every question is asked of one.

    with view(database) as seen:
        answer = status(seen, "m-1", at_us)

A reader gives rows and what is folded from them; what a user is told is made of that by the question's own module
(`projections.questions.status`, `.board`, …), and only the readers that it asks for are loaded. A view brings nothing up
to date: whoever asks catches up before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ledger.errors import StoreUnreachable
from projections.builds import STATE, load_build
from projections.database import Connection, Database
from projections.projection import Projection

if TYPE_CHECKING:
    from projections.build_reader import BuildReader
    from projections.capability.designations_reader import DesignationsReader
    from projections.capability.score_reader import ScoreReader
    from projections.survey.eligibility_reader import EligibilityReader
    from projections.survey.participation_reader import ParticipationReader
    from projections.survey.renewals_reader import RenewalsReader

Reader = TypeVar("Reader")


class View:
    """The projections as they stand in one transaction, each behind a reader of its own, which is made once.

    Where workers keep them, the position of a reader is the one up to which nothing is missing in any partition: what is
    asked of eligibility is answered as of that position, though some memberships may be further. Counts of participation
    and the list of renewal dates show whatever has been applied.

    Each method raises StoreUnreachable where that projection was never built.
    """

    def __init__(self, database: Database, connection: Connection) -> None:
        """`connection` reads from the database, in one transaction."""
        self._database = database
        self._connection = connection
        self._readers: dict[str, object] = {}

    @property
    def position(self) -> int:
        """The position up to which nothing is missing in any of the projections that were asked so far; 0 where none was."""
        readers = cast("dict[str, BuildReader]", self._readers)
        return min((reader.position for reader in readers.values()), default=0)

    def eligibility(self) -> EligibilityReader:
        """Of the eligibility projection: what counts for each membership, and what was announced."""
        from projections.survey.eligibility import Eligibility
        from projections.survey.eligibility_reader import EligibilityReader

        return self._reader(Eligibility(), EligibilityReader)

    def renewals(self) -> RenewalsReader:
        """Of the renewals projection: renewal dates and decisions."""
        from projections.survey.renewals import Renewals
        from projections.survey.renewals_reader import RenewalsReader

        return self._reader(Renewals(), RenewalsReader)

    def participation(self) -> ParticipationReader:
        """Of the participation projection: how the survey is taken up."""
        from projections.survey.participation import Participation
        from projections.survey.participation_reader import ParticipationReader

        return self._reader(Participation(), ParticipationReader)

    def scores(self) -> ScoreReader:
        """Of the projection of scores: what counts for each designation."""
        from projections.capability.score_reader import ScoreReader
        from projections.capability.scores import Scores

        return self._reader(Scores(), ScoreReader)

    def designations(self) -> DesignationsReader:
        """Of the designations projection: anniversaries and decisions, and what was announced."""
        from projections.capability.designations import Designations
        from projections.capability.designations_reader import DesignationsReader

        return self._reader(Designations(), DesignationsReader)

    def _reader(self, projection: Projection[Any], make: Callable[[Connection, str, int], Reader]) -> Reader:
        """What `make` makes of the connection, what the names of the tables start with, and the position."""
        reader = self._readers.get(projection.name)
        if reader is None:
            connection = self._connection
            any_built = self._database.table_exists(connection, STATE.name)
            build = load_build(connection, projection) if any_built else None
            if build is None:
                raise StoreUnreachable(f"projection {projection.name} was never built; `csat-ledger project` builds it")
            reader = self._readers[projection.name] = make(connection, build.prefix, build.position)
            of_build = cast("BuildReader", reader)
            of_build.place, of_build.mark = self._database.place, build.mark
        return cast(Reader, reader)


@contextmanager
def view(database: Database) -> Iterator[View]:
    """A view of all projections that does not change while it is used."""
    with database.reading() as connection:
        yield View(database, connection)
