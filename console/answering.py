"""Facts that carry answers, a comment or an invitation: their way into two stores, of which the book is the truth.

    outcomes = answering.record(facts)      as `Writer.record`

1. What they say of a respondent goes into the vault as pending, one transaction for all (`ledger.vault.responses`).
2. The writer records the facts, which say nothing of it any more.
3. The vault keeps what the book has accepted. What it has refused waits there for as long as the refusal is kept.

Whoever is killed in between leaves what is pending, and the next one who opens the vault settles it (`console.settling`).
Without a vault a fact with answers is refused as `vault-needed`: nothing that somebody said is lost in silence. Where the
vault cannot be used now, such facts are put off and all others recorded. It is opened with the first fact that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Final

from console.wiring import driver_errors
from ledger.errors import (
    AnotherBook,
    ErasuresUnfinished,
    LedgerError,
    VaultDamaged,
    VaultError,
    VaultKeyMismatch,
    VaultKeyMissing,
    VaultKeyUnusable,
    VaultSwapped,
)
from ledger.programmes.survey.facts import ChooseAnonymity, RecordResponse
from ledger.writing.transaction import Outcome

if TYPE_CHECKING:
    from console.vault_place import VaultPlace
    from console.wiring import Clock
    from ledger.fact import Fact
    from ledger.store.base import Store
    from ledger.vault.responses import Pended, Responses, Said
    from ledger.writing.writer import Writer

NEVER: Final = frozenset(("id-reused", "response-exists"))
"""Refusals that nothing mends: what such a fact says is not kept for another try."""
UNREACHABLE: Final = "vault-unreachable"
UNUSABLE: Final = (
    VaultError, VaultKeyMissing, VaultKeyMismatch, VaultKeyUnusable, VaultDamaged, VaultSwapped, AnotherBook,
    ErasuresUnfinished,
)  # fmt: skip
PUT_OFF: Final = frozenset((UNREACHABLE, *(kind.code for kind in UNUSABLE)))
"""With these a fact is put off while the vault cannot be used. Others of the vault's codes are rules' as well."""
EXPIRE_EVERY_US: Final = 3_600 * 1_000_000


class Answering:
    """Records facts with a writer and a vault; for one thread at a time."""

    def __init__(
        self,
        writer: Writer,
        store: Store,
        clock: Clock,
        place: VaultPlace | None,
        retention_days: int,
        remark: Callable[[str], None],
    ) -> None:
        """`place` is None where no vault is named. `remark` is told where the vault fails after the book has recorded."""
        self._writer = writer
        self._store = store
        self._clock = clock
        self._place = place
        self._retention_days = retention_days
        self._remark = remark
        self._responses: Responses | None = None
        self._settled_us: int | None = None

    def record(self, facts: Sequence[Fact], *, lenient: bool = False) -> list[Outcome]:
        """As `Writer.record`; a fact for which the vault is needed and cannot be used now is `put-off`."""
        concerned = [place for place, fact in enumerate(facts) if self._is_concerned(fact)]
        if not concerned:
            outcomes = self._writer.record(facts, lenient=lenient)
        else:
            outcomes = self._record(facts, concerned, lenient)
        if self._place is not None and any(isinstance(fact, ChooseAnonymity) for fact in facts):
            self._hear_of_anonymity()
        return outcomes

    def open(self) -> None:
        """Opens the vault and settles what is pending there, where one is named and can be used; else the next fact does.

        Erasures that a process which died has begun are ended.
        """
        if self._place is not None:
            from console.erasures import BookOfWriter
            from ledger.vault.erasing import finish

            try:
                with self._errors():
                    finish(self._opened().vault, BookOfWriter(self._store, lambda: self._writer), self._clock)
            except LedgerError as error:
                self._give_up(error)

    def close(self) -> None:
        """Gives the connections to the vault back."""
        responses, self._responses, self._settled_us = self._responses, None, None
        if responses is not None:
            responses.vault.database.close()

    def _is_concerned(self, fact: Fact) -> bool:
        if not isinstance(fact, RecordResponse):
            return False
        links = self._place is not None and fact.invitation is not None and not fact.anonymous
        return links or fact.answered() is not None

    def _record(self, facts: Sequence[Fact], concerned: Sequence[int], lenient: bool) -> list[Outcome]:
        decided: dict[int, Outcome] = {}
        said: dict[int, Said] = {}
        pended: dict[int, Pended] = {}
        if self._place is None:
            decided = dict.fromkeys(concerned, _NEEDED)
        else:
            said = {place: _said(facts[place]) for place in concerned}
            try:
                pended = self._pend(said)
            except LedgerError as error:
                self.close()
                decided = dict.fromkeys(concerned, _put_off(error))
        decided |= {place: found for place, one in pended.items() if (found := _without_book(said[place], one))}
        for place, one in pended.items():
            _note_held(facts[place], place not in decided and one.how != "other")
        rest = [place for place in range(len(facts)) if place not in decided]
        recorded = self._writer.record([facts[place] for place in rest], lenient=lenient) if rest else []
        decided |= dict(zip(rest, recorded, strict=True))
        if pended:
            decided |= self._conclude(facts, said, pended, decided)
        return [decided[place] for place in range(len(facts))]

    def _pend(self, said: Mapping[int, Said]) -> dict[int, Pended]:
        from console.settling import recorded

        with self._errors():
            responses = self._opened()
            pended = responses.pend(list(said.values()), self._clock(), lambda ids: recorded(self._store, ids))
        return dict(zip(said, pended, strict=True))

    def _conclude(
        self,
        facts: Sequence[Fact],
        said: Mapping[int, Said],
        pended: Mapping[int, Pended],
        decided: Mapping[int, Outcome],
    ) -> dict[int, Outcome]:
        """Tells the vault what the book has decided; the outcomes that are others by what the vault knows."""
        kept: dict[str, tuple[Said, str]] = {}
        waiting: set[str] = set()
        dropped: set[str] = set()
        others: dict[int, Outcome] = {}
        for place, (how, mac) in pended.items():
            one, outcome = said[place], decided[place]
            if how in ("other", "missing"):
                continue
            is_first = how == "new" or one.fact in dropped
            if outcome.status == "accepted" or (outcome.status == "duplicate" and not is_first):
                kept[one.fact] = one, mac
            elif outcome.status == "duplicate":  # the book has it from before, and it said nothing of this then
                dropped.add(one.fact)
                if facts[place].answered() is not None:
                    others[place] = _other_answers(one.fact)
            elif outcome.code in NEVER or facts[place].answered() is None:
                dropped.add(one.fact)
            else:
                waiting.add(one.fact)
        for place, one in said.items():
            if one.fact in dropped and one.fact not in kept:
                _note_held(facts[place], False)
        try:
            with self._errors():
                self._opened().conclude(kept, waiting - kept.keys(), dropped - waiting - kept.keys(), self._clock())
        except LedgerError as error:
            self._give_up(error)
        return others

    def _hear_of_anonymity(self) -> None:
        from console.settling import hear_of_anonymity

        try:
            with self._errors():
                hear_of_anonymity(self._store, self._opened())
        except LedgerError as error:
            self._give_up(error)

    def _opened(self) -> Responses:
        """The responses in the vault, settled when it was opened and from time to time. Raises LedgerError."""
        from console.settling import settle

        if self._responses is None:
            assert self._place is not None
            from ledger.vault.responses import Responses

            self._responses = Responses(self._place.open())
        now_us = self._clock()
        if self._settled_us is None or not 0 <= now_us - self._settled_us < EXPIRE_EVERY_US:  # it may be set back
            with self._errors():
                if settle(self._store, self._responses, now_us, self._retention_days):
                    self._settled_us = now_us
        return self._responses

    def _errors(self) -> AbstractContextManager[None]:
        return driver_errors("the vault" if self._place is None else self._place.name)

    def _give_up(self, error: LedgerError) -> None:
        """What the book has recorded stays so; what is pending is settled by the next one who opens the vault."""
        with suppress(Exception):
            self.close()
        self._remark(f"the vault cannot be used, what is pending there is settled once it can be: {error}")


def _said(fact: Fact) -> Said:
    from ledger.vault.responses import Said

    assert isinstance(fact, RecordResponse)
    answered = fact.answered()
    answers, comment = (None, None) if answered is None else (answered.answers, answered.comment)
    return Said(
        fact.id, fact.membership, fact.response, fact.anonymous, fact.invitation, answers, comment,
        answered is not None and answered.from_vault,
    )  # fmt: skip


def _note_held(fact: Fact, held: bool) -> None:
    answered = fact.answered()
    if answered is not None:
        answered.held = held


def _without_book(said: Said, pended: Pended) -> Outcome | None:
    """What is said of a fact that the book need not hear of."""
    if pended.how == "other":
        return _other_answers(said.fact)
    if pended.how == "missing":
        return Outcome(
            "refused", 0, NEEDED,
            f"found no answers of fact {said.fact!r} in the vault any more, expected those with which it was refused; its "
            "source, or the file of refusals, has them",
        )  # fmt: skip
    return None


def _other_answers(fact: str) -> Outcome:
    return Outcome("refused", 0, "id-reused", f"fact {fact!r} was handed in before with other answers")


def _put_off(error: LedgerError) -> Outcome:
    code = error.code if isinstance(error, VaultError) else UNREACHABLE
    return Outcome("put-off", 0, code, str(error))


NEEDED: Final = "vault-needed"
_NEEDED: Final = Outcome(
    "refused", 0, NEEDED,
    "found answers or a comment and no vault, expected one to keep them in: --vault or CSAT_LEDGER_VAULT names it",
)  # fmt: skip
