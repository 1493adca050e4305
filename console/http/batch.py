"""A batch of questions about statuses: each is answered by itself, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.cli.exits import failure_of
from console.cli.question_batch import Unanswered, read_question
from console.http.asking import NobodyWaits, admit, rendered
from console.http.parameters import Values
from console.http.problems import Problem
from console.http.roles import ALL, Caller, Sight
from console.wiring import Ledger
from ledger.errors import BadInput, LedgerError, StoreOutdated, StoreUnreachable
from projections.questions.status import status

ROUTE = "status-batch"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that may be asked, and the position up to which something is to be known; None: all."""

    number: int
    values: Values
    sight: Sight
    known: int | None


Still = Callable[[], bool]
"""Whether anybody waits for the answers."""


def read_batch(
    ledger: Ledger, caller: Caller, lines: Sequence[tuple[int, bytes]], still: Still
) -> list[Question | Unanswered]:
    """What each numbered line asks, or why it is not answered. Raises NobodyWaits."""
    found = []
    for number, line in lines:
        _require(still)
        found.append(_read(ledger, caller, number, line))
    return found


def answer_batch(
    ledger: Ledger, now_us: int, questions: Sequence[Question | Unanswered], still: Still
) -> tuple[list[bytes], int]:
    """The answers in their order, as lines of `--json`, and as of which position they are. Raises NobodyWaits.

    Of the past a question may take long, and ten thousand of them for longer than anybody waits, while others want the thread.
    """
    end = ledger.store.max_position()
    ledger.prove_projections()
    with ledger.view() as view:
        found = []
        for question in questions:
            _require(still)
            if isinstance(question, Unanswered):
                found.append(rendered(question, ALL))
                continue
            membership, at_us = question.values["membership"], question.values.get("at", now_us)
            try:
                found.append(rendered(status(view, membership, at_us, question.known), question.sight))
            except (StoreUnreachable, StoreOutdated):
                raise
            except LedgerError as error:
                found.append(rendered(_unanswered(question.number, error), ALL))
        ledger.require_reached(view.position, end)
        return found, view.position or end


def _read(ledger: Ledger, caller: Caller, number: int, line: bytes) -> Question | Unanswered:
    try:
        named, at_us, known = read_question(line, ("membership",))
        values: Values = {**named} | ({} if at_us is None else {"at": at_us})
        sight, values, _ = admit(caller, ROUTE, values | ({} if known is None else {"known_at": known}))
        return Question(number, values, sight, None if known is None else known.resolve(ledger.store))
    except Problem as problem:
        return Unanswered(problem.code, number, problem.detail)
    except (StoreUnreachable, StoreOutdated):
        raise
    except LedgerError as error:
        return _unanswered(number, error)


def _require(still: Still) -> None:
    if not still():
        raise NobodyWaits


def _unanswered(number: int, error: LedgerError) -> Unanswered:
    if isinstance(error, BadInput):
        return Unanswered("malformed", number, str(error))
    found = failure_of(error)
    return Unanswered(found.code, number, found.message)
