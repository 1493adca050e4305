"""Evidence over HTTP: the bundle of a decision, byte for byte what `csat-ledger evidence` writes, and how it is proved.

One bundle is made at a time, by a thread of its own: the largest ones take memory, and keep nobody else waiting. Bounded
are the events that one holds, and the time that the log is read for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.output import json_text
from console.evidence import WhichDecision, on_anniversary, on_renewal
from console.http.asking import FOR_NOW
from console.http.door import caller_for
from console.http.parameters import AREA, MEMBERSHIP, Parameter, Schema, Values, read_values, whole_number
from console.http.piecewise import LongAnswers, Piecewise
from console.http.problems import Problem
from console.http.proof_state import History, Judge, proof_state
from console.http.reading import Readers
from console.wiring import Ledger
from ledger.errors import LogDamaged, NotDecided, NotSealed
from ledger.instants import parse_renewal_date
from ledger.programmes.capability.calendar import parse_anniversary

if TYPE_CHECKING:
    from fastapi import Request, Response

    from ledger.proof.log.bundle import Bundle
    from ledger.seal.state import KeptState
    from ledger.store.base import Reader

EVENTS_MAX: Final = 100_000
"""Of the stream and its editions: some 50 MB of evidence. Of more `csat-ledger evidence` makes it."""
DEADLINE_S: Final = 30.0
"""So long the log is read for a bundle."""
WAITING_MAX: Final = 8
"""So many bundles are being made, waited for and sent."""
POSITION: Final = "Ledger-Position"
_DATE: Final[Schema] = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 10**12}

RENEWAL: Final = Parameter(
    "renewal", "The date of the renewal.", _DATE, lambda text: parse_renewal_date(text).isoformat(), "2011-03-01",
    required=True,
)  # fmt: skip
ANNIVERSARY: Final = Parameter(
    "anniversary", "The anniversary of the designation.", _DATE, lambda text: parse_anniversary(text).isoformat(),
    "2024-07-31", required=True,
)  # fmt: skip
REVISION: Final = Parameter(
    "revision",
    "Which decision on it: 1 is the first; default: the newest.",
    _NUMBER,
    whole_number(1, 10**12),
    1,
)
SIZE: Final = Parameter(
    "at",
    "The size of a published checkpoint, under which it is proved as it stood then; default: the latest.",
    _NUMBER,
    whole_number(1, 10**12),
    None,
)
OF_RENEWAL: Final = (MEMBERSHIP, RENEWAL, REVISION, SIZE)
OF_DESIGNATION: Final = (MEMBERSHIP, AREA, ANNIVERSARY, REVISION, SIZE)
PROOF_OF_RENEWAL: Final = (MEMBERSHIP, RENEWAL, REVISION)
PROOF_OF_DESIGNATION: Final = (MEMBERSHIP, AREA, ANNIVERSARY, REVISION)
Routed = tuple[str, str, str, tuple[Parameter, ...]]
ROUTES: Final[tuple[Routed, ...]] = (
    (
        "evidence", "/v1/memberships/{membership}/evidence", "What proves the decision on a renewal, to be verified offline.",
        OF_RENEWAL,
    ),
    (
        "designation-evidence", "/v1/memberships/{membership}/designations/{area}/evidence",
        "What proves the decision on a designation, to be verified offline.", OF_DESIGNATION,
    ),
)  # fmt: skip
"""Name, path, summary and parameters: of bundles."""
PROOFS: Final[tuple[Routed, ...]] = (
    (
        "proof", "/v1/memberships/{membership}/proof", "Whether the decision on a renewal is sealed, witnessed and verified.",
        PROOF_OF_RENEWAL,
    ),
    (
        "designation-proof", "/v1/memberships/{membership}/designations/{area}/proof",
        "Whether the decision on a designation is sealed, witnessed and verified.", PROOF_OF_DESIGNATION,
    ),
)  # fmt: skip
"""The same of proof states."""
Made = Callable[[Path, WhichDecision, Values, float, Ledger], tuple[bytes, int]]
"""A body, and the last position that it speaks for."""


class EvidenceDesk:
    """Makes bundles out of the book and the log in a folder."""

    def __init__(
        self, opened: Callable[[], Ledger], name: str, folder: Path | None, judge: Judge | None = None
    ) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it; without a folder there is no evidence.

        `judge` is the policy by which it is verified here, where there is one.
        """
        self._readers = Readers(opened, name, 1)
        self._folder = folder
        self._held = LongAnswers(WAITING_MAX)
        self._judge = judge
        self._history = History()
        self._kept: KeptState | None = None

    async def get(self, name: str, parameters: tuple[Parameter, ...], request: Request) -> Response:
        """The answer to a question for evidence, or for a proof state, by the route of a name. Raises Problem."""
        made = self._state if name in PROOF_NAMES else self._bundle
        caller_for(request.scope, name)
        values = read_values(parameters, request.path_params, request.scope["query_string"])
        if self._folder is None:
            raise Problem(404, "no-log", "found a service without a log, expected one with --tiles")
        which = (
            on_anniversary(values["membership"], values["area"], values["anniversary"])
            if "area" in values
            else on_renewal(values["membership"], values["renewal"])
        )
        asked = partial(_made, made, self._folder, which, values, time.monotonic() + DEADLINE_S)
        headers = {"Content-Type": "application/json", "Cache-Control": FOR_NOW}
        if name in PROOF_NAMES:  # a small answer, which need not wait for who takes bundles
            body, position = await self._readers.ask(asked)
            return Piecewise(body, 200, headers | {POSITION: str(position)}, lambda: None)
        with ExitStack() as held:
            self._held.begin()
            held.callback(self._held.end)
            body, position = await self._readers.ask(asked)
            return Piecewise(body, 200, headers | {POSITION: str(position)}, held.pop_all().close)

    def close(self) -> None:
        """Ends the thread."""
        self._readers.close()

    def _bundle(
        self, folder: Path, which: WhichDecision, values: Values, end_s: float, ledger: Ledger
    ) -> tuple[bytes, int]:
        """The bundle, and the last position that it speaks for."""
        from console.http.patient_log import PatientLog
        from ledger.proof.log.heads import parse_heads_entry
        from ledger.seal.evidence import collect_evidence

        bundle: Bundle = collect_evidence(
            ledger.store, PatientLog(folder, end_s), which.programme, which.stream, which.on,
            revision=values.get("revision"), at=values.get("at"), kept=self._keeping(),
        )  # fmt: skip
        return bundle.encoded(), parse_heads_entry(bundle.heads.entry).through

    def _state(
        self, folder: Path, which: WhichDecision, values: Values, end_s: float, ledger: Ledger
    ) -> tuple[bytes, int]:
        """The proof state, and the last position that the log covers."""
        from console.http.patient_log import PatientLog

        log = PatientLog(folder, end_s)
        found, through = proof_state(
            ledger.store, log, which, values.get("revision"), self._judge, self._keeping(), self._history
        )
        return json_text(found).encode(), through

    def _keeping(self) -> KeptState:
        from ledger.seal.state import KeptState

        if self._kept is None:
            self._kept = KeptState()
        return self._kept


PROOF_NAMES: Final = frozenset(name for name, *_ in PROOFS)


def _made(
    made: Made, folder: Path, which: WhichDecision, values: Values, end_s: float, ledger: Ledger
) -> tuple[bytes, int]:
    """What a thread makes of a question. Raises Problem, and LogDamaged for a log that is not what it should be."""
    from ledger.proof.log.errors import ProofError

    which.require_known(ledger.store)
    _require_bounded(ledger.store, which)
    try:
        return made(folder, which, values, end_s, ledger)
    except NotDecided as error:
        raise Problem(404, "not-decided", str(error)) from None
    except NotSealed as error:
        raise Problem(409, error.code, str(error)) from None
    except ProofError as error:
        raise LogDamaged(f"the log: {error}") from error


def _require_bounded(book: Reader, which: WhichDecision) -> None:
    events = book.last_seq(which.stream) + book.last_seq(which.programme.rules_stream(which.stream))
    if events > EVENTS_MAX:
        raise Problem(
            422, "too-long",
            f"found {events:,} events to prove, expected {EVENTS_MAX:,} at most: `csat-ledger evidence` writes them to a file",
        )  # fmt: skip
