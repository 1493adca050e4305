"""A fact over which the program itself fails takes no other fact away: it is found out, and the others are recorded.

Nothing of a batch is recorded when one of its facts makes the program fail. So the batch is recorded in halves, and those
in halves again, until the fact is alone; it is refused as `fault`, which is none of the ledger's refusal codes, since no
rule refuses it: it can be handed in again once the fault is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ledger.errors import LedgerError
from ledger.writing.transaction import Outcome

if TYPE_CHECKING:
    from ledger.fact import Fact

FAULT_CODE: Final = "fault"
FAULT_SENTENCE: Final = "the ledger's program failed over this fact; it can be sent again once that is mended"


def record_apart(
    record: Callable[[Sequence[Fact]], list[Outcome]],
    facts: Sequence[Fact],
    on_fault: Callable[[Fact, Exception], None],
    check: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """The outcomes of facts in their order, each half of a batch that fails recorded by itself.

    `on_fault` is told of each fact over which the program fails, `check` is called between two transactions and may raise.
    What the store or the system says is raised as it is: all of the batch can come again.
    """
    if not facts:
        return []
    try:
        return record(facts)
    except (LedgerError, OSError, MemoryError):
        raise
    except Exception as error:
        if _is_of_the_store(error):
            raise
        if len(facts) == 1:
            on_fault(facts[0], error)
            return [Outcome("refused", 0, FAULT_CODE, FAULT_SENTENCE)]
    check()
    middle = len(facts) // 2
    first = record_apart(record, facts[:middle], on_fault, check)
    return first + record_apart(record, facts[middle:], on_fault, check)


def _is_of_the_store(error: Exception) -> bool:
    """Whether the store's driver failed for a reason of its own; imported late, since the writer knows no driver."""
    import sqlite3

    from eventsourcing.persistence import IntegrityError, PersistenceError

    return isinstance(error, (sqlite3.OperationalError, PersistenceError)) and not isinstance(error, IntegrityError)
