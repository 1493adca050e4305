"""What respondents said, which stands in the vault: comments are cleared for the partner, and handed out without who withholds.

`list` shows the comments of a membership, with --to-clear those of anonymous responses that the partner does not see yet.
`clear RESPONSE…` clears such comments for the partner, `withhold RESPONSE…` takes that back; choosing anonymity does, too.
`show RESPONSE` shows all that was said in one response. `export` writes the partner's view into a CSV file: comments, and
links to invitations, of responses that are not anonymous, and the comments that were cleared, without whose they are.
Each reading needs a --reason, and is recorded before anything is shown; what was handed out `contacts exports` lists."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.cli.exits import Failure
from console.cli.session import Session
from console.cli.vault_options import add_reading, add_vault, add_vault_key

ACTIONS: Final = {
    "list": {"to_clear"},
    "clear": {"responses"},
    "withhold": {"responses"},
    "show": {"responses"},
    "export": {"out"},
}
"""The options of each action, beside --membership, --reason and --actor."""
RESPONSES_MAX: Final = 1_000

EPILOG: Final = """\
examples:
  csat-ledger comments list --membership m-1 --to-clear --reason "monthly clearing"
  csat-ledger comments clear r-7 r-9 --membership m-1 --reason "monthly clearing: names nobody"
  csat-ledger comments show r-7 --membership m-1 --reason "request for access 12"
  csat-ledger comments export --membership m-1 --out comments.csv --reason "asked for by the partner"

--vault and --vault-key name the vault and its keys, --store the ledger that says who is anonymous."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("responses", nargs="*", metavar="RESPONSE", help="the responses that it is about")
    add_vault(parser)
    add_vault_key(parser)
    add_reading(parser)
    parser.add_argument("--membership", metavar="M", help="whose responses")
    parser.add_argument(
        "--to-clear", action="store_true", default=None, help="with list: those that the partner does not see yet"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="with export: a new CSV file, for its owner alone")


def run(session: Session) -> int:
    """Does what is asked."""
    from console.cli import comments

    options = session.options
    action: str = options.action
    given = {name for name in ("to_clear", "out") if getattr(options, name) is not None}
    if stray := sorted(given - ACTIONS[action]):
        raise Failure("usage", f"found --{stray[0].replace('_', '-')} with {action}, which does not take it")
    number = len(options.responses)
    most = {"clear": RESPONSES_MAX, "withhold": RESPONSES_MAX, "show": 1}.get(action, 0)
    if number > most or (most and not number):
        raise Failure("usage", f"{action}: found {number} responses, expected {f'1 to {most:,}' if most else 'none'}")
    if action == "export" and options.out is None:
        raise Failure("usage", "export: expected --out with a new file")
    return {
        "list": comments.list_comments,
        "clear": comments.clear,
        "withhold": comments.withhold,
        "show": comments.show,
        "export": comments.export,
    }[action](session)
