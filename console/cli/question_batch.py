"""A file of questions: each line is answered by itself, in order, whatever is wrong with the others.

A question is an object with what it is about, `{"membership", "at"?, "known_at"?}` for a status and with an `area` for a
score. What cannot be answered gets `{"error": code, "line", "sentence"}`.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import orjson

from console.cli.exits import DONE, SOME_REFUSED, Failure, failure_of
from console.cli.options import KnownAt, read_instant, read_known_at
from console.cli.standard_streams import standard_input
from ledger.errors import BadInput, LedgerError, StoreOutdated, StoreUnreachable
from ledger.telling import has_keys_once
from ledger.wording import no_utf8
from projections.questions.answer import Number

if TYPE_CHECKING:
    from console.cli.session import Session
    from console.wiring import Ledger
    from projections.questions.view import View

QUESTION_BYTES_MAX: Final = 4_096
"""A line is refused unread beyond this; a line without end is never held whole."""
SHOWN_MAX: Final = 200

Answer = TypeVar("Answer")
Named = dict[str, str]
"""What a question is about: a value for each of its names."""
Ask = Callable[["View", Named, int, "int | None"], Answer]
"""Answers one question, at an instant, as known at a position (None: all that is known)."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A line that could not be answered."""

    error: str
    """The code of what is wrong."""
    line: Number
    """The number of the line, counted from 1 on."""
    sentence: str
    """What was found, and what was expected."""


def answers(session: Session, name: str, names: Sequence[str], ask: Ask[Answer]) -> Iterator[Answer | Unanswered]:
    """The answer to each line of a file (`-`: stdin) that is not blank, or what is wrong with it.

    `names` are those that each question must have, with a text.
    """
    with _opened(name) as stream, session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            now_us = session.clock()

            def answer(line: bytes) -> Answer:
                named, at_us, known = read_question(line, names)
                return ask(view, named, now_us if at_us is None else at_us, _position(ledger, known))

            for number, line in _lines(stream):
                yield answered(number, line, answer)


def exit_code(errors: int) -> int:
    """How a batch ends in which so many lines could not be answered."""
    return SOME_REFUSED if errors else DONE


def _position(ledger: Ledger, known: KnownAt | None) -> int | None:
    return None if known is None else known.resolve(ledger.store)


def answered(number: int, line: bytes, answer: Callable[[bytes], Answer]) -> Answer | Unanswered:
    """One line that asks nonsense, or of something damaged, must not cost the others their answers."""
    try:
        return answer(line)
    except (StoreUnreachable, StoreOutdated):
        raise
    except BadInput as error:
        return Unanswered("malformed", number, str(error))
    except LedgerError as error:
        found = failure_of(error)
        return Unanswered(found.code, number, found.message)


def read_question(line: bytes, names: Sequence[str]) -> tuple[Named, int | None, KnownAt | None]:
    """What a question is about, at which instant, as known when; None where it does not say. Raises BadInput."""
    if len(line) > QUESTION_BYTES_MAX:
        raise BadInput(f"found a line of more than {QUESTION_BYTES_MAX:,} bytes, expected a question")
    try:
        question: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadInput(no_utf8(line) or f"found no JSON: {error}") from None
    if (
        not isinstance(question, dict)
        or not all(isinstance(question.get(name), str) for name in names)
        or set(question) - {*names, "at", "known_at"}
    ):
        raise BadInput(
            f"found {repr(question)[:SHOWN_MAX]}, expected an object with {' and '.join(names)}, and perhaps at and known_at"
        )
    if not has_keys_once(line):
        raise BadInput("found a member more than once, expected each once")
    at, known = question.get("at"), question.get("known_at")
    if at is not None and not isinstance(at, str):
        raise BadInput(f"found at {repr(at)[:SHOWN_MAX]}, expected an instant")
    if known is not None and (isinstance(known, bool) or not isinstance(known, int | str)):
        raise BadInput(f"found known_at {repr(known)[:SHOWN_MAX]}, expected a position or an instant")
    return (
        {name: question[name] for name in names},
        None if at is None else read_instant(at),
        None if known is None else read_known_at(str(known)),
    )


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := stream.readline(QUESTION_BYTES_MAX + 2):
        number += 1
        if len(line) > QUESTION_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := stream.readline(QUESTION_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if line.strip():
            yield number, line


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield standard_input("questions")
        return
    try:
        stream: BinaryIO = Path(name).open("rb")  # noqa: SIM115 - closed below, whoever has asked
    except OSError as error:
        raise Failure("unreadable", f"{name}: {error.strerror}") from None
    with stream:
        yield stream
