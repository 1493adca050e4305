"""What an admin asks of the vault over HTTP: to erase subjects, and who read whom. It sees no contact and no answer.

    POST /v1/erasures          {"subjects":["4f1c…"],"reason":"request for erasure 31"}
    GET  /v1/access-report     ?subject=4f1c…&since=2012-01-01

Erasing is that of `csat-ledger erase` (`ledger.vault.erasing`): one request at a time, and all or, where a subject is
unknown, none. A request whose answer was lost is made again: what is over is told as `erased-before`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from console.cli.commands.access_report import PersonRead
from console.cli.options import read_instant
from console.cli.output import json_text
from console.erasures_shown import SubjectErasure
from console.http.door import caller_for
from console.http.parameters import INSTANT, Parameter, Values, read_values, whole_number_parameter
from console.http.people import actor_of
from console.http.problems import Problem
from console.http.reading import Readers
from console.http.webhooks import json_answer, read_model
from console.reasons import REASON_CHARACTERS_MAX, wrong_words
from console.wiring import Clock, Ledger
from ledger.errors import BadInput
from ledger.instants import format_instant

if TYPE_CHECKING:
    from fastapi import Request, Response

    from console.http.roles import Caller

PATHS: Final = {"erasures": ("/v1/erasures", "POST"), "access-report": ("/v1/access-report", "GET")}
"""Name -> path and method."""
SUBJECTS_MAX: Final = 1_000
SUBJECT_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}$"
WHOM_MAX: Final = 200
LIMIT: Final = 100
LIMIT_MAX: Final = 1_000
ENTRY_MAX: Final = 10**18


class NewErasure(BaseModel):
    """Subjects to be erased, and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    subjects: Annotated[
        list[Annotated[str, Field(pattern=SUBJECT_PATTERN)]],
        Field(min_length=1, max_length=SUBJECTS_MAX, description="The references."),
    ]
    reason: Annotated[
        str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX, description="Why; words that name nobody.")
    ]


@dataclass(frozen=True, slots=True)
class AccessReportPage:
    """Some entries of the vault's access log."""

    entries: tuple[PersonRead, ...]
    """In their order."""
    next: int | None
    """What to ask for with `after` for the next page; null where this is the last."""


def _whom(text: str) -> str:
    if not 1 <= len(text) <= WHOM_MAX or not text.isprintable():
        raise BadInput(
            f"found {len(text):,} characters, expected 1 to {WHOM_MAX} that can be seen: a subject's reference"
        )
    return text


SUBJECT: Final = Parameter(
    "subject",
    "The readings of one subject, or of a response as `response/<membership>/<response>`; default: all.",
    {"type": "string", "minLength": 1, "maxLength": WHOM_MAX},
    _whom,
    None,
)
FROM: Final = Parameter("since", "From this instant on.", INSTANT, read_instant, "2010-01-01")
AFTER: Final = whole_number_parameter("after", "The `next` of the page before.", 0, ENTRY_MAX, 0)
PAGE: Final = whole_number_parameter("limit", f"So many at most; default: {LIMIT}.", 1, LIMIT_MAX, LIMIT)
PARAMETERS: Final = (SUBJECT, FROM, PAGE, AFTER)
"""Of the access report."""


class VaultDesk:
    """Erases and reports in a thread of its own: one thing after the other."""

    def __init__(self, opened: Callable[[], Ledger], name: str, clock: Clock) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it, and knows where the vault is."""
        self._readers = Readers(opened, name, 1)
        self._clock = clock

    async def answer(self, name: str, request: Request) -> Response:
        """The answer to a request by the route of a name. Raises Problem."""
        caller = caller_for(request.scope, name)
        if name == "access-report":
            values = read_values(PARAMETERS, request.path_params, request.scope["query_string"])
            return json_answer(json_text(await self._readers.ask(partial(_report, values))))
        read_values((), request.path_params, request.scope["query_string"])
        wanted = await read_model(request, NewErasure)
        if wrong := wrong_words(wanted.reason, REASON_CHARACTERS_MAX):
            raise Problem(400, "bad-input", wrong, "reason")
        found = await self._readers.ask(partial(self._erase, caller, wanted))
        return json_answer("[" + ",".join(map(json_text, found)) + "]")

    def close(self) -> None:
        """Ends the thread, once what is under way is over."""
        self._readers.close()

    def _erase(self, caller: Caller, wanted: NewErasure, ledger: Ledger) -> list[SubjectErasure]:
        from console.erasures import book_of
        from console.erasures_shown import erasure_shown
        from ledger.vault import erasing
        from ledger.vault.access_log import Access

        subjects = list(dict.fromkeys(wanted.subjects))
        with ledger.require_vault().vault() as vault:
            before = erasing.asked_before(vault, subjects)
            book = book_of(ledger)
            if not vault.is_tied():
                book.begin()
            access = Access(self._clock(), actor_of(caller, "admin", vault), wanted.reason)
            erasing.erase(vault, book, subjects, access, self._clock)
            return [
                erasure_shown(one, before.get(one.subject) == one.completed_us)
                for one in erasing.erased(vault, subjects)
            ]


def _report(values: Values, ledger: Ledger) -> AccessReportPage:
    from ledger.vault.access_log import entries

    limit = values.get("limit", LIMIT)
    with ledger.require_vault().database() as database:
        log = entries(database, values.get("subject"), values.get("since"), values.get("after", 0))
        found = list(islice(log, limit))
    shown = (
        PersonRead(one.id, format_instant(one.at_us), one.actor, one.action, one.subject, one.reason) for one in found
    )
    return AccessReportPage(tuple(shown), found[-1].id if len(found) == limit else None)
