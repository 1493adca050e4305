"""What is kept of a fact that was refused (`ledger.store.refusals`), and the keeper that every way in hands them to.

The original is kept so that operators can see what was wrong, and take it again after a mend. It is kept as
`ledger.telling` tells it on, and with less:

* A field that its model hides, such as the invitation of a response, holds the token, or null (DESIGN 13). The operator's
  own file of refusals, or the source, is the only one that has the invitation itself.
* What could be a person's is left out or null, as it is on the topic of refused facts; members that no fact has are not kept
  at all, with their names.
* Answers and comments are not kept. Where the vault holds them, `"answers":"in the vault"` stands in their place, and the fact
  can be taken again from here; else it cannot.
* What looks like a mail address, a phone or an IP number is left out of the sentence and the source, too.
* Of more than ORIGINAL_MAX characters nothing is kept.

Where something is left out the row is not *whole*: it cannot be taken again from here. Two facts of which the same is
kept are one row that counts up, so that a sender of nonsense fills nothing. One that is whole and one that is not are two:
who sends a fact again with something more in it takes nobody's way to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from ledger.answers import IN_VAULT
from ledger.errors import LedgerError
from ledger.instants import DAY_US
from ledger.personal_data import LEFT_OUT, without_personal_data
from ledger.printable import printable
from ledger.refusal_fields import FIELDS
from ledger.store.base import Store
from ledger.store.refusal_rows import NewRefusal
from ledger.telling import OPAQUE, as_told, has_keys_once

if TYPE_CHECKING:
    from ledger.fact import Fact, FactParser

ORIGINAL_MAX: Final = 16_384
SENTENCE_MAX: Final = 2_000
NAME_MAX: Final = 200
RETENTION_DAYS: Final = 90
EXPIRE_EVERY_US: Final = 3_600 * 1_000_000
_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
"""A value that a sentence quotes."""
_HELD: Final = {"answers": IN_VAULT}


class TurnedAway(NamedTuple):
    """A fact that was turned away."""

    line: bytes
    """As it came."""
    fact: Fact | None
    """What it was parsed as; None where it is malformed."""
    code: str
    sentence: str
    field: str | None
    """The member that it is about, where its form says so; of what a rule refuses the code says it."""
    source: str
    """From where: the name of a file, a caller of the service, a place on a topic."""


def to_keep(refused: TurnedAway, parser: FactParser) -> NewRefusal:
    """What is kept of a refused fact."""
    found = _object_in(refused.line)
    told = as_told(refused.line, parser, refused.fact) if found is not None else None
    kept = _object_in(told) if told is not None else None
    if found is not None and kept is not None and refused.fact is not None and _is_held(refused.fact):
        found = {name: value for name, value in found.items() if name not in refused.fact.sealed} | _HELD
        kept |= _HELD
    original = None if kept is None else orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()
    if original is not None and len(original) > ORIGINAL_MAX:
        original = None
    whole = original is not None and kept == found and (refused.fact is not None or has_keys_once(refused.line))
    sentence = _sentence(refused)
    field = refused.field or FIELDS.get(refused.code)
    code, source = refused.code, without_personal_data(printable(refused.source))[-NAME_MAX:]
    fact, kind, membership = (_name(kept, member) for member in ("id", "type", "membership"))
    what = [original, whole] if original is not None else [None, fact, kind, membership, code, sentence]
    digest = sha256(orjson.dumps(what)).digest()
    return NewRefusal(digest, fact, kind, membership, code, sentence, field, source, original, whole)


def _is_held(fact: Fact) -> bool:
    answered = fact.answered()
    return answered is not None and answered.held


def _sentence(refused: TurnedAway) -> str:
    """What was said, without a value that is not kept either."""
    said = refused.sentence
    if refused.fact is None:
        said = _QUOTED.sub(lambda found: found[0] if OPAQUE.fullmatch(found[0][1:-1]) else f"'{LEFT_OUT}'", said)
    return sentence_to_keep(said)


def sentence_to_keep(sentence: str) -> str:
    """A sentence on a well-formed fact, as it is kept."""
    return without_personal_data(printable(sentence))[:SENTENCE_MAX]


def _object_in(content: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _name(content: Mapping[str, Any] | None, member: str) -> str | None:
    found = None if content is None else content.get(member)
    return printable(found)[:NAME_MAX] if isinstance(found, str) else None


class RefusalKeeper:
    """Keeps refusals in the store beside the book, some at a time, each batch in one transaction.

    Nothing is lost in silence: where a batch cannot be kept, `complain` is told why, once until one can be kept again, and
    `unkept` counts them. Whoever handed them in has been told of each in its own way. Several threads may call it.
    """

    def __init__(
        self,
        store: Store,
        parser: FactParser,
        clock: Callable[[], int],
        complain: Callable[[str], None],
        retention_days: int = RETENTION_DAYS,
        is_believed: Callable[[int], bool] = lambda _: True,
    ) -> None:
        """`clock` gives microseconds since 1970; what was refused last more than `retention_days` ago is deleted.

        `is_believed` says whether an instant of the clock can be: one that is ahead would have all deleted before its time.
        """
        self._store = store
        self._parser = parser
        self._clock = clock
        self._complain = complain
        self._retention_us = retention_days * DAY_US
        self._is_believed = is_believed
        self._lock = Lock()
        self._expired_us: int | None = None
        self._failing = False
        self.unkept = 0
        """Refusals that could not be kept, since this keeper began."""

    def keep(self, refused: Sequence[TurnedAway]) -> bool:
        """Keeps refusals; whether that worked."""
        if not refused:
            return True
        try:
            self.require_kept(refused)
        except Exception as error:
            if not isinstance(error, (LedgerError, OSError)) and not _is_of_a_driver(error):
                raise
            self.give_up(len(refused), error)
            return False
        self._failing = False
        return True

    def require_kept(self, refused: Sequence[TurnedAway]) -> None:
        """Keeps refusals. Raises what the store says where that fails: then none of them is kept."""
        rows = [to_keep(one, self._parser) for one in refused]
        with self._lock:
            now_us = self._clock()
            expires = self._expires(now_us)
            with self._store.keeping_refusals() as table:
                table.keep(rows, now_us)
                if expires:
                    table.expire(now_us - self._retention_us)
            self._expired_us = now_us if expires else self._expired_us

    def _expires(self, now_us: int) -> bool:
        """Whether it is time to delete what is old; also after the clock was set back."""
        recently = self._expired_us is not None and 0 <= now_us - self._expired_us < EXPIRE_EVERY_US
        return not recently and self._is_believed(now_us)

    def give_up(self, number: int, error: Exception) -> None:
        """Counts refusals that are not kept, and says why."""
        self.unkept += number
        if not self._failing:
            self._complain(f"refused facts cannot be kept in the ledger, {number:,} to begin with: {error}")
        self._failing = True


def _is_of_a_driver(error: Exception) -> bool:
    """Whether the store's driver says so; imported late, since nobody here knows a driver."""
    import sqlite3

    from eventsourcing.persistence import PersistenceError

    return isinstance(error, (sqlite3.Error, PersistenceError))
