"""Copies a ledger from one store to another, from SQLite to PostgreSQL or back, byte for byte.

Every chain is checked on the way. The target must be empty or the beginning of the same book, event by event: so a copy
that was stopped goes on where it was, and a copy made again compares the two.

The link key is not copied: book and key together name the author of each answer to an invitation, so they are kept apart.
The copy needs the same key, in a file of its own, before it takes facts that name an invitation."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, NOT_SO, Failure
from console.cli.output import plural
from console.cli.session import Session
from projections.questions.answer import Count, Position

EPILOG: Final = """\
examples:
  csat-ledger copy --from csat-ledger.db --to postgresql://csat_ledger_writer@db.example.org/ledger
  csat-ledger copy --from postgresql://db.example.org/ledger --to rescued.db --json

Exit code 1 says that a chain is broken, that the target holds another book, or that the two differ at the end."""


@dataclass(frozen=True, slots=True)
class StoreAt:
    """A store after a copy."""

    store: str
    """Its name: the file, or the URL without a password."""
    events: Count
    """Events in it."""
    position: Position
    """The last event's position."""


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """What was copied, and whether the two are the same now."""

    from_: StoreAt
    """The source."""
    to: StoreAt
    """The target."""
    compared: Count
    """Events that were there already, and are the same in both."""
    copied: Count
    """Events copied."""
    link_key: str | None
    """The id of the link key that the book is bound to, which is not copied; null where it has none yet."""
    same: bool
    """Whether both have the same events; false where the source has moved on meanwhile."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--from", required=True, dest="source", metavar="STORE", help="a file or a postgresql:// URL")
    parser.add_argument(
        "--to", required=True, dest="target", metavar="STORE", help="the same; made where it is not there"
    )


def run(session: Session) -> int:
    """Copies, then compares what the two say of themselves."""
    from console.wiring import driver_errors, open_store
    from ledger.store.copying import copy_book
    from ledger.store.urls import without_password

    output, options = session.output, session.options
    if options.store is not None:
        raise Failure("usage", "found --store, expected none: --from and --to name the two stores")
    with ExitStack() as stack:
        stack.enter_context(driver_errors(f"copying {without_password(options.source)}"))
        source = stack.enter_context(closing(open_store(options.source, create=False)))
        target = stack.enter_context(closing(open_store(options.target, create=True)))
        if source.name == target.name:
            raise Failure("usage", f"found {source.name} as source and target, expected two stores")
        with output.progress("copying") as advance:
            copied = copy_book(source, target, advance)
        link_key = target.link_key_id()
        sides = [(store.name, store.count_events(), store.max_position()) for store in (source, target)]
    same = all(events == position == copied.position for _, events, position in sides)
    if output.as_json:
        before, after = (StoreAt(*side) for side in sides)
        output.json(CopyAnswer(before, after, copied.compared, copied.copied, link_key, same))
    else:
        for name, events, position in sides:
            output.text(f"{name}: {plural(events, 'event')}, the last at position {position:,}")
        output.text(
            f"{plural(copied.copied, 'event')} copied, {copied.compared:,} compared, all chains whole; "
            + ("the two are the same" if same else "the two are NOT the same: the source has moved on, copy again")
        )
    if link_key is not None:
        where = (
            f"{target.link_key_path}, or where CSAT_LEDGER_LINK_KEY_FILE says"
            if target.link_key_path
            else ("the file that CSAT_LEDGER_LINK_KEY_FILE names")
        )
        output.words(f"the link key {link_key} was not copied: the new book expects it in {where}")
    return DONE if same else NOT_SO
