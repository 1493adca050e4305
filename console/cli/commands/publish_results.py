"""Closes months and publishes their results, for ever as they are then.

Each month that is over is closed, one after the other, up to --through or the last one. Closing the last month of a
quarter closes the quarter, and makes the benchmark of it. A month that is closed is closed: what arrives later changes a
figure only where at least five respondents change in it. It may be stopped at any moment, and goes on when it is run again.
So leave late facts time to arrive: a month that is closed a week later holds them."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import month
from console.cli.output import plural
from console.cli.session import Session
from console.cli.vault_options import add_vault, add_vault_key, open_vault
from ledger.errors import ExtraMissing
from projections.questions.answer import Count, Position
from projections.results.periods import month_after, month_end_us, months_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.vault.vault import Vault
    from projections.results.book import Answered

EPILOG: Final = """\
examples:
  csat-ledger publish-results --vault people.db --vault-key keys/vault
  csat-ledger publish-results --through 2010-06 --json

CSAT_LEDGER_RESULTS_RESPONDENTS and CSAT_LEDGER_RESULTS_PARTNERS say how few are told: 5 where nothing is said, 3 at least."""


@dataclass(frozen=True, slots=True)
class ResultsPublished:
    """What closing months has published."""

    closed: tuple[str, ...]
    """The months that were closed now, YYYY-MM."""
    closed_through: str | None
    """The last month that is closed; null where none is."""
    known_at: Position
    """The position of the ledger up to which was tabulated."""
    figures: Count
    """Figures published now, for the first time or anew."""
    restated: Count
    """Those of them that were published before."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_vault(parser)
    add_vault_key(parser)
    parser.add_argument(
        "--through", type=month, metavar="YYYY-MM", help="the last month to be closed; default: the last that is over"
    )


def run(session: Session) -> int:
    """Closes the months."""
    try:
        import polars  # noqa: F401 - what tabulates
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "results") from None
    from console.believing import require_clock
    from console.published import Published
    from console.publishing import require_published, tell_published
    from console.settling import settle_to_show
    from ledger.vault.responses import Responses
    from projections.results.book import profiles_frame, responses_frame
    from projections.results.publication import Publication
    from projections.results.releasing import Floor

    now_us = session.clock()
    last = _last_month(session.options.through, now_us)
    floor = Floor(session.settings.results_respondents, session.settings.results_partners)
    with session.ledger() as ledger, open_vault(session) as vault:
        require_clock(ledger.store, now_us)  # what it closes stays closed
        ledger.catch_up()
        published = Published(vault.database)
        with ledger.view() as view:
            reader = view.eligibility()
            known = reader.position
            # After the position: what the book has recorded by then is pending no more, and its answers are not left out.
            settle_to_show(ledger.store, Responses(vault), now_us, session.settings.refusals_days)
            responses = responses_frame(reader, known, _answers(vault))
        require_published(ledger, [one.month for one in published.closings()])
        earlier = published.earlier()
        publication = Publication(responses, profiles_frame(ledger.store, known), earlier, floor)
        begin = month_after(earlier.closed_through) if earlier.closed_through else publication.first_month()
        months = list(months_from(begin, last)) if begin is not None and last is not None else []
        closed, figures, restated = [], 0, 0
        with session.output.progress("closing") as advance:
            for number, one in enumerate(months, 1):
                made = publication.close(one, known, now_us)
                if not published.keep(made):
                    raise Failure(
                        "already-closed", f"found {one} closed meanwhile, expected nobody else to close months"
                    )
                tell_published(ledger, [one])
                closed.append(one)
                figures += len(made.cells)
                restated += sum(cell.version > 1 for cell in made.cells)
                advance(number, len(months))
        through = closed[-1] if closed else earlier.closed_through or None
    answer = ResultsPublished(tuple(closed), through, known, figures, restated)
    if session.output.as_json:
        session.output.json(answer)
    else:
        what = f"closed {plural(len(closed), 'month')}" if closed else "nothing to close"
        session.output.text(
            f"{what}; {plural(figures, 'figure')} published, {restated:,} of them anew; closed through {through}"
        )
    return DONE


def _last_month(through: str | None, now_us: int) -> str | None:
    """The last month to be closed. Raises Failure for one that is not over."""
    from ledger.instants import format_instant
    from projections.results.periods import month_before

    present = format_instant(now_us)[:7]
    last = month_before(present) if present > "0001-01" else None
    if through is None:
        return last
    if month_end_us(through) > now_us:
        raise Failure(
            "month-not-over", f"--through: found {through}, expected a month that is over: {last} is the last"
        )
    return through


def _answers(vault: Vault) -> Iterator[list[Answered]]:
    """The core answers of all responses that are kept, page by page."""
    from ledger.vault.columns import PAGE, columns

    after = ""
    while True:
        page = columns(vault, after)
        yield [*page]
        if len(page) < PAGE:
            return
        after = page[-1].fact
