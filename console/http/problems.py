"""What goes wrong, as RFC 9457 problems: `code` never changes, `detail` is the sentence, `field` what it is about.

{"type": "urn:csat-ledger:problem:unknown-membership", "title": "Not Found", "status": 404,
 "code": "unknown-membership", "detail": "no membership 'm-2' is enrolled …"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from console.cli.exits import failure_of
from console.cli.output import json_text
from ledger.errors import LedgerError, Refused
from ledger.refusal_fields import FIELDS
from projections.questions.answer import LEFT_OUT, MayBeLeftOut

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = "1"
UNUSABLE: Final = "the ledger cannot be used at present: ask again later"


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """A request that was not answered, or a fact that was refused (RFC 9457)."""

    type: str
    """A URN that ends in the code."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    code: str
    """What it is: a code of the ledger (`csat-ledger help refusal-codes`), or of the service. It never changes."""
    detail: str
    """What was found, and what was expected."""
    field: str | MayBeLeftOut = LEFT_OUT
    """The parameter, the header or the member of the fact that it is about; only where it is one."""


class Problem(Exception):
    """An answer that is a problem."""

    def __init__(
        self, status: int, code: str, detail: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """What is sent."""
        details = ProblemDetails(
            f"urn:csat-ledger:problem:{self.code}",
            HTTPStatus(self.status).phrase,
            self.status,
            self.code,
            self.detail,
            LEFT_OUT if self.field is None else self.field,
        )
        return json_text(details).encode()


STATUSES: Final[Mapping[str, int]] = {
    "usage": 400,
    "bad-input": 400,
    "unknown-membership": 404,
    "unknown-designation": 404,
    "no-vault": 404,
    "unknown-response": 404,
    "unknown-subject": 404,
    "erasures-unfinished": 503,
    "position-unknown": 409,
    "clock-behind": 503,
    "clock-ahead": 503,
    "link-key": 503,
    "link-key-missing": 503,
    "link-key-mismatch": 503,
    "link-key-unusable": 503,
    "vault-key-missing": 503,
    "vault-key-mismatch": 503,
    "vault-key-unusable": 503,
    "vault-of-another-book": 503,
    "stream-set-aside": 503,
    "store-unreachable": 503,
    "store-outdated": 503,
    "different-book": 503,
}
"""The status of each code of an error; of what stands here not, such as a damaged history, it is 500."""

ASKED_ABOUT: Final[Mapping[str, str]] = {
    "unknown-membership": "membership",
    "unknown-designation": "area",
    "position-unknown": "known_at",
}
"""The parameter that an error about a question is about."""


def problem_of(error: LedgerError) -> Problem:
    """An error of the ledger as an answer. Where the store lies, and what it holds, is named in the log alone."""
    if isinstance(error, Refused):
        return Problem(422, error.code, error.sentence, error.field or FIELDS.get(error.code))
    found = failure_of(error)
    status = STATUSES.get(found.code, 500)
    if status == 503:
        return Problem(status, found.code, UNUSABLE, headers={"Retry-After": RETRY_AFTER_S})
    if found.code == "log-damaged":
        return Problem(
            status,
            found.code,
            "the sealed log is gone, or does not hold together; the service's log says what is wrong",
        )
    if status == 500:
        return Problem(status, found.code, "the ledger holds what cannot be read; the service's log says what")
    return Problem(status, found.code, found.message, ASKED_ABOUT.get(found.code))


def is_passing(error: BaseException) -> bool:
    """Whether an error is of what is away for a while, such as the store: its sentence says all, and no traceback more."""
    return isinstance(error, LedgerError) and problem_of(error).status == HTTPStatus.SERVICE_UNAVAILABLE


def fault() -> Problem:
    """What is said of a fault of the program; the log says more."""
    return Problem(500, "fault", "the service failed over this request; its log says why")


def forbidden(detail: str = "found a token that may not ask this, expected one whose role may") -> Problem:
    """The same answer whatever there is or is not: it tells nothing of what was asked for."""
    return Problem(403, "forbidden", detail)
