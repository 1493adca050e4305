"""What is posted from a page: a bounded form, with a mark that only a page of ours can have put into it.

The mark is an HMAC of a cookie that the browser got with the page, masked anew each time it is shown, so that what a page
weighs when it is packed tells nothing of it. A browser also says where a post comes from (`Sec-Fetch-Site`, `Origin`):
from another site none is taken.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes, token_urlsafe
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from console.http.bodies import read_body
from console.http.problems import Problem

COOKIE: Final = "csat_ledger_form"
FIELD: Final = "mark"
BODY_BYTES_MAX: Final = 65_536
FIELDS_MAX: Final = 50
MARK_BYTES: Final = 32
FORM: Final = "application/x-www-form-urlencoded"


def new_seed() -> str:
    """What the cookie of forms holds."""
    return token_urlsafe(24)


def mark(secret: bytes, seed: str) -> str:
    """What goes into a form of who has this cookie."""
    mask = token_bytes(MARK_BYTES)
    return urlsafe_b64encode(mask + _masked(_expected(secret, seed), mask)).decode()


def is_mark(secret: bytes, seed: str | None, text: str) -> bool:
    """Whether a form was ours, for who has this cookie."""
    if not seed:
        return False
    try:
        found = urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        return False
    if len(found) != 2 * MARK_BYTES:
        return False
    return hmac.compare_digest(_masked(found[MARK_BYTES:], found[:MARK_BYTES]), _expected(secret, seed))


def require_own_page(request: Request) -> None:
    """Raises Problem (403) for a post that another site had made.

    Where the browser says itself that it is of the same origin, that goes: `Origin` may be `null` for reasons of privacy, and a
    proxy may have left the port out of `Host`.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site == "same-origin":
        return
    if site is not None or (origin is not None and _netloc(origin) != request.headers.get("host")):
        raise _foreign()


def _netloc(origin: str) -> str | None:
    """Host and port in an origin; None for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def read_form(request: Request, secret: bytes, seed: str | None) -> dict[str, str]:
    """The fields of a form of our own, without its mark. Raises Problem (400, 403, 413, 415)."""
    require_own_page(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, "bad-input", f"found another content type, expected {FORM}", "Content-Type")
    body = await read_body(request, BODY_BYTES_MAX)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise Problem(400, "bad-input", "found a form that is none, expected fields in UTF-8") from None
    fields = dict(pairs)
    require_mark(secret, seed, fields.pop(FIELD, ""))
    return fields


def require_mark(secret: bytes, seed: str | None, text: str) -> None:
    """Raises Problem (403) for a form that is not ours."""
    if not seed:
        raise Problem(
            403, "stale-form",
            "found no cookie beside the form, expected the one that came with the page: let your browser keep the cookies of "
            "this service, and open the page again",
        )  # fmt: skip
    if not is_mark(secret, seed, text):
        raise Problem(403, "stale-form", "found a form of an earlier visit, expected one of this: open the page again")


def _foreign() -> Problem:
    return Problem(403, "foreign-form", "found a form that another site has sent, expected one of this service's pages")


def _expected(secret: bytes, seed: str) -> bytes:
    return hmac.digest(secret, seed.encode("utf-8", "replace"), "sha256")


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(value, mask, strict=True))
