"""Registers webhooks, to which `csat-ledger webhooks` (or `serve`) sends each announcement, signed (Standard Webhooks).

The secret lies in a file (0600), a line `whsec_…`; the ledger keeps the file's path, and never shows what is in it."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import position
from console.cli.output import Output, short
from console.cli.session import Session
from ledger.membership import can_be_membership
from ledger.programmes.registry import PROGRAMMES
from projections.questions.answer import Position

if TYPE_CHECKING:
    from consumers.webhooks import registry
    from consumers.webhooks.shown import WebhookShown
    from ledger.store.base import Store

EPILOG: Final = """\
examples:
  ( umask 077; echo "whsec_$(openssl rand -base64 32)" > hook.secret )
  csat-ledger webhook add https://crm.example/hooks --secret-file hook.secret
  csat-ledger webhook add https://crm.example/hooks --types EligibilityChanged --secret-file hook.secret --after 0
  csat-ledger webhook list                          how far behind each is
  csat-ledger webhook parked                        whose announcements wait since they could not be delivered for three days
  csat-ledger webhook waiting                       the same with those that are tried again
  csat-ledger webhook replay ID --after 4711        sends again from there on; what is parked is tried again too
  csat-ledger webhook replay ID --after 4711 --membership m-1        of one membership alone
  csat-ledger webhook remove ID

https:// to public addresses alone, unless --allow-private is given: then private networks and this machine too, and http://.
To exchange a secret, put the new one on a line before the old one; later take the old one out."""

ACTIONS: Final = ("add", "list", "remove", "replay", "parked", "waiting")
TAKES: Final = {"add": {"types", "secret_file", "allow_private", "after"}, "replay": {"after", "membership"}}
NEEDS: Final = {"add": {"secret_file"}, "replay": {"after"}}


@dataclass(frozen=True, slots=True)
class WebhookRemoved:
    """A webhook that was removed."""

    removed: str
    """Its id."""


@dataclass(frozen=True, slots=True)
class WebhookReplayed:
    """A webhook that starts again from a position."""

    replayed: str
    """Its id."""
    after: Position
    """All announcements after this position are sent again."""
    before: Position
    """The position that it had reached."""
    membership: str | None
    """The one membership of which they are; null: of all."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("what", nargs="?", metavar="URL|ID", help="add: the URL; else the webhook's id")
    parser.add_argument("--types", type=_types, metavar="TYPE,…", help="add: only these announcements; default: all")
    parser.add_argument("--secret-file", type=Path, metavar="FILE", help="add: the secret (0600), a line whsec_…")
    parser.add_argument(
        "--allow-private",
        action="store_const",
        const=True,
        help="add: may be sent to this machine and into private networks, and over http://",
    )
    parser.add_argument(
        "--after", type=position, metavar="P", help="start after this position; add: default is the end of the ledger"
    )
    parser.add_argument("--membership", type=_membership, metavar="M", help="replay: of this membership alone")


def run(session: Session) -> int:
    """Does what is asked."""
    from consumers.webhooks import registry
    from consumers.webhooks.shown import all_shown

    options, output = session.options, session.output
    action, what = options.action, options.what
    _require_options(session)
    with session.ledger() as ledger:
        match action:
            case "add":
                name = _add(session, ledger.store)
                (added,) = [one for one in all_shown(ledger.store) if one.id == name]
                _print(output, [added])
            case "list":
                _print(output, all_shown(ledger.store))
            case "remove":
                _remove(session, ledger.store, what)
                output.json(WebhookRemoved(what)) if output.as_json else output.text(f"{what} is removed")
            case "replay":
                before = registry.replay(ledger.store, what, options.after, session.clock(), options.membership)
                _print_replayed(output, WebhookReplayed(what, options.after, before, options.membership))
            case _:
                some = registry.webhooks(ledger.store) if what is None else [registry.webhook(ledger.store, what)]
                _print_waiting(output, ledger.store, some, parked=action == "parked")
    return DONE


def _add(session: Session, store: Store) -> str:
    from consumers.webhooks import registry
    from consumers.webhooks.secrets import load_secrets

    options = session.options
    load_secrets(options.secret_file)  # what cannot be read is said now, and not by the sender
    webhook = registry.Webhook(
        registry.new_id(),
        options.what,
        options.types or (),
        str(options.secret_file.resolve()),
        bool(options.allow_private),
        "",
        session.clock(),
        registry.start_after(store, options.after),
    )
    registry.add(store, webhook)
    return webhook.id


def _remove(session: Session, store: Store, name: str) -> None:
    from console.webhook_rules import secrets_path
    from consumers.webhooks import registry

    found = registry.webhook(store, name)
    registry.remove(store, name)
    if Path(found.secret_file).parent == secrets_path(session.settings, session.where):
        Path(found.secret_file).unlink(missing_ok=True)  # the service made it, and it signs nothing any more


def _require_options(session: Session) -> None:
    """Raises Failure where an option does not go with the action, or one is missing."""
    options = session.options
    action: str = options.action
    if (options.what is None and action in ("add", "remove", "replay")) or (options.what and action == "list"):
        expected = {"add": "a URL", "list": "nothing"}.get(action, "the id of a webhook")
        raise Failure("usage", f"found {options.what or 'nothing'!r} after {action}, expected {expected}")
    given = {name for names in TAKES.values() for name in names if getattr(options, name) is not None}
    if wrong := given - TAKES.get(action, set()):
        raise Failure("usage", f"found --{min(wrong).replace('_', '-')} with {action}, which does not take it")
    if missing := NEEDS.get(action, set()) - given:
        raise Failure("usage", f"found {action} without --{min(missing).replace('_', '-')}, expected it")


def _print(output: Output, some: list[WebhookShown]) -> None:
    if output.as_json:
        for one in some:
            output.json(one)
        return
    columns = ("id", "url", "types", "position", "waiting", "oldest", "held", "parked", "trouble")
    output.table(
        columns,
        [
            (
                one.id,
                one.url,
                ", ".join(one.types) or "all",
                one.position,
                one.waiting,
                short(one.oldest_waiting_at) if one.oldest_waiting_at else None,
                one.held,
                one.parked,
                one.trouble,
            )
            for one in some
        ],
        wrap=("url", "trouble"),
        spare=("types", "position"),
    )


def _print_replayed(output: Output, replayed: WebhookReplayed) -> None:
    if output.as_json:
        output.json(replayed)
        return
    whose = "" if replayed.membership is None else f" for {replayed.membership}"
    output.text(f"{replayed.replayed} starts again after {replayed.after:,}{whose}; it had reached {replayed.before:,}")


def _print_waiting(output: Output, store: Store, some: list[registry.Webhook], *, parked: bool) -> None:
    from consumers.webhooks.shown import all_waiting

    found = all_waiting(store, some, parked=parked)
    if output.as_json:
        for one in found:
            output.json(one)
        return
    output.table(
        ("webhook", "membership", "position", "waiting", "since", "attempts", "next try", "reason"),
        [
            (
                one.webhook,
                one.membership,
                one.position,
                one.waiting,
                short(one.since),
                one.attempts,
                short(one.next_try_at) if one.next_try_at else "parked",
                one.reason,
            )
            for one in found
        ],
        wrap=("reason",),
        spare=("attempts",),
    )


def _types(text: str) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(text.split(",")))
    for one in types:
        if one not in PROGRAMMES.announcements:
            raise ArgumentTypeError(f"found {one[:60]!r}, expected {' or '.join(sorted(PROGRAMMES.announcements))}")
    return types


def _membership(text: str) -> str:
    if not can_be_membership(text):
        raise ArgumentTypeError(f"found {text[:64]!r}, expected the id of a membership")
    return text
