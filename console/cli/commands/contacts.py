"""Contacts of customers, which stand in the vault and nowhere else; the book knows each by a random reference.

`upload FILE` takes a partner's list in: CSV with the columns email, customer_org, consent (given, withdrawn, none), and
where there are consent_at, name, phone, language. Each line is taken or refused by itself; what became of it is printed by
its number, and the facts for `record` go to --facts. Given again, a file changes nothing and makes the same facts.
`export` writes who is due an invitation, or the one reminder, for a mailing run, and the facts that record it.
`show SUBJECT` shows a contact. `find FILE` finds the subjects of addresses, one a line (`-` is stdin), and writes with
--facts that they withdraw. `exports` lists what was handed out, with --to-withdraw where somebody in it was erased since or
has chosen to stay anonymous. Each reading of a person needs a --reason, and is recorded before anything is shown."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Final

from console.cli.exits import Failure
from console.cli.options import days, instant
from console.cli.session import Session
from console.cli.vault_options import add_reading, add_vault, add_vault_key

ACTIONS: Final = {
    "upload": {"membership", "facts", "delimiter", "consent_at"},
    "export": {"membership", "all", "out", "facts", "location", "reminder_after", "again", "reason", "actor"},
    "show": {"reason", "actor"},
    "find": {"facts", "reason", "actor"},
    "exports": {"membership", "subject", "to_withdraw"},
}
"""The options of each action."""
TARGETS: Final = {"upload": "a FILE with a partner's list", "show": "a SUBJECT", "find": "a FILE of addresses, or -"}
REMINDER_AFTER_DAYS: Final = 7
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}

EPILOG: Final = """\
examples:
  csat-ledger contacts upload list.csv --membership m-1 --facts consents.jsonl && csat-ledger record consents.jsonl
  csat-ledger contacts export --membership m-1 --out mail.csv --facts sent.jsonl --reason "spring run"
  csat-ledger contacts export --all --out mail.csv --facts sent.jsonl --reason "spring run" --json
  csat-ledger contacts show 4f1c… --reason "request for access 12"
  csat-ledger contacts find - --facts withdrawn.jsonl --reason "opt-outs by mail" < addresses.txt
  csat-ledger contacts exports --to-withdraw        what was handed out and has to be asked back

Exit code 2: a file that is no such list; 3: done, but lines were refused, or memberships left out.
--vault and --vault-key name the vault and its keys, --store the ledger that says who is due."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("target", nargs="?", metavar="FILE|SUBJECT", help="what the action is about")
    add_vault(parser)
    add_vault_key(parser)
    add_reading(parser)
    parser.add_argument("--membership", metavar="M", help="whose list it is, or whose contacts are due")
    parser.add_argument(
        "--all", action="store_true", default=None, help="with export: of all memberships with contacts"
    )
    parser.add_argument("--facts", type=Path, metavar="FILE", help="a new file for the facts to record")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with export: a new CSV file, for its owner alone")
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        metavar="D",
        help=f"with upload: one of {', '.join(DELIMITERS)}; default: as the header",
    )
    parser.add_argument(
        "--consent-at",
        type=instant,
        metavar="T",
        help="with upload: when lines without consent_at gave or withdrew consent",
    )
    parser.add_argument("--subject", metavar="S", help="with exports: those with this subject in them")
    parser.add_argument(
        "--to-withdraw",
        action="store_true",
        default=None,
        help="with exports: those of which something is to be withdrawn",
    )
    parser.add_argument("--location", metavar="L", help="with export: the location, where the membership has several")
    parser.add_argument(
        "--reminder-after", type=days, metavar="DAYS", help=f"with export: not before; default: {REMINDER_AFTER_DAYS}"
    )
    parser.add_argument(
        "--again", action="store_true", default=None, help="with export: also whom an earlier export listed, unrecorded"
    )


def run(session: Session) -> int:
    """Does what is asked."""
    options = session.options
    action: str = options.action
    given = {name for name in set().union(*ACTIONS.values()) if getattr(options, name) is not None}
    if stray := sorted(given - ACTIONS[action]):
        raise Failure("usage", f"found --{stray[0].replace('_', '-')} with {action}, which does not take it")
    if (action in TARGETS) != (options.target is not None):
        raise Failure("usage", f"{action}: expected {TARGETS.get(action, 'nothing beside its options')}")
    if action == "upload":
        from console.cli.contacts_upload import upload_list

        return upload_list(session)
    if action == "export":
        from console.cli.contacts_export import export_due

        return export_due(session)
    if action == "exports":
        from console.cli.contacts_exports import list_exports

        return list_exports(session)
    from console.cli.contacts_reading import find_addresses, show_contact

    return show_contact(session) if action == "show" else find_addresses(session)


def _delimiter(text: str) -> str:
    found = DELIMITERS.get(text, text)
    if found not in DELIMITERS.values():
        raise ArgumentTypeError(f"found {text[:20]!r}, expected one of {', '.join(DELIMITERS)}")
    return found
