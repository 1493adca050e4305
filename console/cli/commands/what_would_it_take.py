"""What it would take to be qualified: the score with more of what brings points, and how much of each alone is enough.

Each --more-… is so many more of one metric's unit, all else staying as it is. What a further deployment is used makes growth
as well: whoever supposes that names the percents, too."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import POSITION_DIGITS_MAX, add_area, add_times
from console.cli.output import Output, short
from console.cli.points import NAMES, NO_EDITION, WIDTH, named, points, qualified
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.what_would_it_take import WhatWouldItTake

AMOUNTS: Final = {
    "net-adds": ("more_net_adds", "so many more net customer adds"),
    "intermediate": ("more_intermediate", "so many more people with an intermediate certificate"),
    "advanced": ("more_advanced", "so many more people with an advanced certificate"),
    "usage-growth": ("more_percent", "so many more whole percents of usage growth"),
    "deployments": ("more_deployments", "so many more deployments"),
}
EPILOG: Final = """\
examples:
  csat-ledger what-would-it-take m-1 --area business-applications
                                                    what of each metric alone would be enough
  csat-ledger what-would-it-take m-1 --area business-applications --more-deployments 3 --more-advanced 1
  csat-ledger what-would-it-take m-1 --area business-applications --more-percent 20 --at 2024-07-31 --known-at 4711

A dash stands where not all that brings a metric points is enough."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=True)
    for name, text in AMOUNTS.values():
        parser.add_argument(f"--{name.replace('_', '-')}", type=amount, default=0, metavar="N", help=text)
    add_times(parser, at="the instant asked for; default: now")


def amount(text: str) -> int:
    """How much more is supposed, for argparse."""
    from projections.questions.what_would_it_take import MORE_MAX

    if not (text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX and int(text) <= MORE_MAX):
        raise ArgumentTypeError(f"found {text[:40]!r}, expected a whole number from 0 to {MORE_MAX:,}")
    return int(text)


def run(session: Session) -> int:
    """Answers the question."""
    from projections.questions.what_would_it_take import MORE, what_would_it_take

    options = session.options
    more = {metric: getattr(options, name) for metric, name in MORE.items()}
    with session.ledger() as ledger:
        ledger.catch_up(asked=options.membership)
        with ledger.view() as view:
            found = what_would_it_take(
                view.scores(), options.membership, options.area, session.at_us(), session.known_at(ledger), more
            )
    if session.output.as_json:
        session.output.json(found)
    else:
        _print(session.output, found)
    return DONE


def _print(output: Output, found: WhatWouldItTake) -> None:
    output.flowing(f"{found.membership} in {found.area} at {short(found.at)}, as known at position {found.known_at:,}")
    output.flowing(f"  points      {points(found.centipoints)}, {qualified(found.qualified)}")
    output.flowing(
        f"  with these  {points(found.supposed_centipoints)}, {qualified(found.supposed_qualified)}{_lacking(found)}"
    )
    output.text()
    rows = [
        (NAMES[metric], points(one.centipoints).rjust(WIDTH), one.more, points(one.supposed_centipoints).rjust(WIDTH),
         one.alone, one.beside_others)
        for metric, one in found.metrics.items()
    ]  # fmt: skip
    columns = ("metric", "points", "more", "then", "alone enough", "beside the others")
    output.table(columns, rows, spare=("beside the others",))


def _lacking(found: WhatWouldItTake) -> str:
    if found.supposed_missing_centipoints is None:
        return f": {NO_EDITION}"
    lacking = [f"{points(found.supposed_missing_centipoints)} missing"] if found.supposed_missing_centipoints else []
    lacking += [f"no points for {named(found.supposed_zero)}"] if found.supposed_zero else []
    return f": {', '.join(lacking)}" if lacking else ""
