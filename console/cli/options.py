"""The pieces that the commands' arguments are made of, each checked while the command line is read."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from console.cli.exits import Failure
from console.cli.output import Unwritten
from ledger.errors import BadInput, PositionUnknown
from ledger.instants import DAY_US, midnight_us, parse_date, parse_instant, parse_renewal_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.store.base import Reader

Read = TypeVar("Read")
WITHIN_DAYS_MAX: Final = 36_500
POSITION_DIGITS_MAX: Final = 18
YEARS_END: Final = "-"
"""What stands after the four digits of a year in each date and instant."""
AN_INSTANT: Final = "a date or an RFC 3339 instant with an offset, such as 2010-06-15 or 2010-06-15T10:22:33Z"


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are errors of ours: one line, exit code 2."""

    def __init__(self, prog: str, description: str, epilog: str = "", usage: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def print_help(self, file: Any = None) -> None:
        """Prints the help to stdout, as answers are printed."""
        try:
            super().print_help(file)
        except (OSError, ValueError) as error:
            raise Unwritten(error) from error

    def error(self, message: str) -> NoReturn:
        """Raised instead of exiting, so that `main` alone decides how the program ends."""
        raise Failure("usage", f"{message}; `{self.prog} --help` shows how")


def add_common(parser: argparse.ArgumentParser, *, with_defaults: bool) -> None:
    """The options that stand before or after the command; the later ones must not undo the earlier ones."""
    default = None if with_defaults else argparse.SUPPRESS
    parser.add_argument(
        "--store",
        default=default,
        metavar="WHERE",
        help="the ledger: a file (SQLite) or a postgresql:// URL; default: CSAT_LEDGER_STORE, else csat-ledger.db",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        default=False if with_defaults else argparse.SUPPRESS,
        help="print one JSON object, or one a line for a list",
    )


class KnownAt(NamedTuple):
    """How far the ledger's knowledge goes: to a position, or to what was recorded by an instant."""

    position: int | None
    instant_us: int | None

    def resolve(self, book: Reader) -> int:
        """The position meant. Raises PositionUnknown for one that the book has not reached."""
        from ledger.book import position_at

        if self.position is None:
            return position_at(book, self.instant_us or 0)
        if self.position > (end := book.max_position()):
            raise PositionUnknown.to_know_up_to(self.position, end)
        return self.position


def read_instant(text: str) -> int:
    """An RFC 3339 instant, or a date for the instant at which it begins. Raises BadInput."""
    if text[4:5] != YEARS_END:
        raise BadInput(f"found {text[:40]!r}, expected {AN_INSTANT}")
    return midnight_us(parse_date(text)) if len(text) == 10 else parse_instant(text)


def read_known_at(text: str) -> KnownAt:
    """A position, or what `read_instant` takes. Raises BadInput."""
    if text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX:
        return KnownAt(int(text), None)
    if text[4:5] != YEARS_END:
        raise BadInput(f"found {text[:40]!r}, expected a position of the ledger, or {AN_INSTANT}")
    return KnownAt(None, read_instant(text))


def instant(text: str) -> int:
    """`read_instant` for argparse."""
    try:
        return read_instant(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def known_at(text: str) -> KnownAt:
    """`read_known_at` for argparse."""
    try:
        return read_known_at(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def side(text: str) -> tuple[int, KnownAt | None]:
    """An instant, perhaps with what was known: `T` or `T@K`, for argparse."""
    at, separator, known = text.partition("@")
    return instant(at), known_at(known) if separator else None


def renewal_date(text: str) -> str:
    """The date of a renewal, YYYY-MM-DD, for argparse."""
    try:
        return parse_renewal_date(text).isoformat()
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def anniversary(text: str) -> str:
    """The anniversary of a designation, YYYY-MM-DD, for argparse."""
    from ledger.programmes.capability.calendar import parse_anniversary

    try:
        return parse_anniversary(text).isoformat()
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def month(text: str) -> str:
    """A month, YYYY-MM, for argparse."""
    from projections.results.periods import parse_month

    try:
        return parse_month(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_area(parser: argparse.ArgumentParser, *, required: bool, text: str = "the area of the designation") -> None:
    """The option that names the area of a designation, as `business-applications`."""
    parser.add_argument("--area", required=required, metavar="A", help=text)


def add_times(parser: argparse.ArgumentParser, *, at: str = "seen from this instant; default: now") -> None:
    """The options of a question about what stands: at which instant, and as known when. `at` says what the instant is."""
    parser.add_argument("--at", type=instant, metavar="T", help=at)
    add_known_at(parser)


def add_known_at(parser: argparse.ArgumentParser) -> None:
    """The option that says what was known: see `KnownAt`."""
    parser.add_argument(
        "--known-at", type=known_at, metavar="K", help="a position, or an instant; default: all that is known"
    )


def position(text: str) -> int:
    """A position of the ledger, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a position: a whole number from 0 on")
    return int(text)


def number(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX and int(text)):
        raise argparse.ArgumentTypeError(f"found {text[:40]!r}, expected a whole number from 1 on")
    return int(text)


def number_up_to(most: int) -> Callable[[str], int]:
    """A whole number from 1 to a bound, for argparse."""

    def read(text: str) -> int:
        found = number(text)
        if found > most:
            raise argparse.ArgumentTypeError(f"found {found:,}, expected 1 to {most:,}")
        return found

    return read


def read_by(reader: Callable[[str], Read]) -> Callable[[str], Read]:
    """What a reader makes of a text, or the BadInput that it raises, for argparse."""

    def read(text: str) -> Read:
        try:
            return reader(text)
        except BadInput as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def days(text: str) -> int:
    """A number of days, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= WITHIN_DAYS_MAX):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of days from 0 to {WITHIN_DAYS_MAX:,}")
    return int(text)


def days_left(at_us: int, within: int) -> int:
    """`within`, but never beyond the last day of the calendar."""
    return min(within, (date.max - (date(1970, 1, 1) + timedelta(days=at_us // DAY_US))).days)
