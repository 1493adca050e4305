"""Makes a token for a service of one's own machine: `csat-ledger serve --dev`.

It is signed with the key beside the store, which nobody else may read; a service of another store, or one with --jwks,
does not take it."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.session import Session
from console.http.dev_key import AUDIENCE
from console.http.roles import ROLES
from ledger.instants import format_instant
from ledger.membership import can_be_membership
from projections.questions.answer import Instant

EXPIRES_S: Final = 3_600
EXPIRES_MAX_S: Final = 366 * 86_400
UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

EPILOG: Final = """\
examples:
  csat-ledger token --role auditor
  csat-ledger token --role partner --membership m-1 --membership m-2 --expires 8h
  curl -H "Authorization: Bearer $(csat-ledger token --role auditor)" http://127.0.0.1:8080/v1/memberships

What each role may ask stands in the README."""


@dataclass(frozen=True, slots=True)
class TokenMade:
    """A token for `serve --dev`."""

    token: str
    """A JWT."""
    expires_at: Instant
    """Until when it holds."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument(
        "--role",
        action="append",
        required=True,
        choices=ROLES,
        metavar="R",
        help=f"one of {', '.join(ROLES)}; again for more",
    )
    parser.add_argument(
        "--membership", action="append", type=_membership, metavar="M", help="a partner's own; again for more"
    )
    parser.add_argument(
        "--expires", type=_seconds, default=EXPIRES_S, metavar="TIME", help="so long it holds: 30m, 8h, 7d; default: 1h"
    )
    parser.add_argument(
        "--audience", default=AUDIENCE, metavar="AUD", help=f"the service's --audience; default: {AUDIENCE}"
    )


def run(session: Session) -> int:
    """Prints the token."""
    from console.http.dev_key import dev_key, dev_key_path, dev_token
    from console.http.server import require_http

    require_http("joserfc")
    options, output = session.options, session.output
    memberships = options.membership or []
    if ("partner" in options.role) != bool(memberships):
        found = "--membership" if memberships else "the role partner"
        raise Failure("usage", f"found {found} alone, expected the role partner with --membership")
    now_s = session.clock() // 1_000_000
    key = dev_key(dev_key_path(session.where))
    token = dev_token(key, options.audience, options.role, memberships, now_s, options.expires)
    if output.as_json:
        output.json(TokenMade(token, format_instant((now_s + options.expires) * 1_000_000)))
    else:
        output.text(token)
    return DONE


def _membership(text: str) -> str:
    if not can_be_membership(text):
        raise ArgumentTypeError(f"found {text[:64]!r}, expected the id of a membership")
    return text


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text, re.ASCII)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 1 <= seconds <= EXPIRES_MAX_S:
        raise ArgumentTypeError(f"found {text[:20]!r}, expected a time such as 30m, 8h or 7d, up to 366d")
    return seconds
