"""Rows whose contacts go to the vault first: it names the subject, and their facts are complete then.

It is the code of `contacts upload` that takes them, many in one transaction; the facts of their consent are its own, with the
same ids as after an upload of the same list. Who is stopped imports the same export again: who is there is known then, has
the same subject, and makes the same facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import orjson

from console.importing.account import Account
from console.importing.converting import NOBODY, Made
from console.importing.running import Sorting
from ledger.vault.partner_list import ListLine, RefusedLine
from ledger.vault.uploading import BATCH, upload

if TYPE_CHECKING:
    from ledger.vault.uploading import LineTaken
    from ledger.vault.vault import Vault

REPEATED: Final = "repeated"
"""An address that stood in the export before: another row about the same person, who is known."""


class Uploading:
    """A sink that takes contacts into a vault, and hands facts on with the subjects that it names."""

    def __init__(self, account: Account, sorting: Sorting, vault: Vault, now_us: int) -> None:
        self._account = account
        self._sorting = sorting
        self._vault = vault
        self._now_us = now_us
        self._waiting: list[tuple[int, Made]] = []

    def take(self, place: int, made: Made, /) -> None:
        """Keeps what a row makes until a batch of them is full."""
        self._waiting.append((place, made))
        if len(self._waiting) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Takes the contacts of the rows that wait, a transaction for each membership, and hands their facts on."""
        lists: dict[str, list[ListLine | RefusedLine]] = {}
        for _, made in self._waiting:
            if made.contact is not None and made.membership is not None:
                lists.setdefault(made.membership, []).append(made.contact)
        outcomes: dict[int, LineTaken] = {}

        def taken(told: Sequence[LineTaken], facts: bytes) -> None:
            outcomes.update((one.line, one) for one in told)
            for line in facts.splitlines():
                self._sorting.keep(orjson.loads(line))

        for membership, lines in lists.items():
            upload(self._vault, membership, lines, self._now_us, taken)
        for place, made in self._waiting:
            self._hand_on(place, made, outcomes.get(place))
        self._waiting.clear()

    def _hand_on(self, place: int, made: Made, outcome: LineTaken | None) -> None:
        if outcome is not None:
            how = outcome.code if outcome.outcome == "refused" else outcome.outcome
            self._account.contacts[how or outcome.outcome] += 1
            if outcome.outcome == "refused" and outcome.code != REPEATED:
                self._account.made -= 1
                self._account.refuse(place, outcome.code or "contact", "contact", outcome.sentence or "")
                return
            for fact in made.facts:
                for name in ("subject", "person"):
                    if fact.get(name) == NOBODY:
                        fact[name] = outcome.subject
        self._sorting.take(place, made)
