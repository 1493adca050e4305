"""Two whole programmes from nothing to checked decisions, in one book, in a folder of its own.

Some years of a seeded, made-up survey programme are recorded month by month with a clock of their own; then the board, one
renewal that is met and one that is not, and both decisions replayed. Seven years later the same book takes the capability
programme: a score that a restatement takes and a correction gives back, explained, and two anniversaries decided. What is
decided is proven, and verified. The same seed prints the same.

With --serve the survey's responses have answers, kept in a vault, its results are published, and what was made is served on
this machine, with pages for every role."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.proof_files import address
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger demo                                  200 memberships over five years and 40 partners over three, in ./demo
  csat-ledger demo --seed 7 --folder /tmp/demo
  csat-ledger demo --memberships 20 --partners 5    smaller and faster
  csat-ledger demo --serve                          and then pages for people; it prints where

A folder that is a demo already is made anew. Where somebody added to it, and in any other folder that exists, --force is
needed; only files of the demo's own names are touched."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where; default: ./demo")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another programme; default: 1")
    parser.add_argument("--memberships", type=_number, metavar="N", help="of the survey programme; default: 200")
    parser.add_argument("--partners", type=_number, metavar="N", help="of the capability programme; default: 40")
    parser.add_argument("--force", action="store_true", help="use a folder that is no demo, or has more in it")
    parser.add_argument("--serve", action="store_true", help="serve what was made, with pages, until Ctrl-C")
    parser.add_argument(
        "--listen",
        type=address,
        default=("127.0.0.1", 8080),
        metavar="HOST:PORT",
        help="with --serve: where; default: 127.0.0.1:8080",
    )


def run(session: Session) -> int:
    """Runs the demo."""
    from console.demo.demonstration import Demonstration
    from console.demo.serving import require_console, serve_demo

    options = session.options
    if options.store is not None:
        raise Failure("usage", "found --store, expected none: the demo makes a ledger of its own; --folder says where")
    if options.serve:
        require_console()
    demonstration = Demonstration(
        session, options.folder, options.seed, options.memberships, options.partners, with_answers=options.serve
    )
    demonstration.run(force=options.force)
    if options.serve:
        host, port = options.listen
        serve_demo(session.output, options.folder, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return DONE


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 2 <= int(text[:9]) <= 10_000):
        raise ArgumentTypeError(f"found {text!r}, expected a number from 2 to 10,000")
    return int(text)
