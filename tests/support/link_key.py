"""The link key of books that are made up, and its tokens worked out by the standard library alone."""

from __future__ import annotations

import hmac
import json

from ledger.link_key import HeldKey, LinkKey

SECRET = bytes(range(32))
"""That of the worked example in `ledger.link_key`."""
KEY = LinkKey(SECRET)
KEYS = HeldKey(KEY)


def token_of(membership: str, invitation: str, secret: bytes = SECRET) -> str:
    """What a response to an invitation has in its place (DESIGN 13): HMAC-SHA-256 of the canonical JSON array of both."""
    message = json.dumps([membership, invitation], separators=(",", ":"), ensure_ascii=False)
    return hmac.new(secret, message.encode(), "sha256").hexdigest()
