"""The books that the pages are looked at over: an ordinary one, one of names that are hard to show, none, and a large one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.vault_place import VaultPlace
from console.wiring import Ledger, open_store
from ledger.programmes.registry import fact_from_object
from tests.console.designation_story import ANNIVERSARY, AREA, qualified, told
from tests.console.http.support import NOW_US, make_book, make_vault, publish, seal
from tests.console.support import Fact, fact

RENEWAL: Final = "2011-03-01"
LARGE: Final = 50_000
LONG: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
HARD_NAMES: Final = (
    "شركة الأمل للحلول التقنية",
    'חברת הבדיקה 2000 בע"מ',
    "株式会社テスト・ソリューションズ",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} & \"quoted\" 'name'",
    "Zo\u0308e\u0301 Ἑλλάς 🚀 Ltd",
    LONG,
)
HARD_IDS: Final = ("m-1", "M.with:every-allowed_character." + "x" * 33)


@dataclass(frozen=True)
class Book:
    """A book, its vault, and the parameters that lead to something in it, or to nothing."""

    store: Path
    vault: VaultPlace | None
    membership: str
    there: bool = True
    """Whether there is anything under the parameters."""

    @property
    def parameters(self) -> dict[str, str]:
        """What stands in braces in the paths of pages."""
        return {
            "membership": self.membership, "area": AREA, "renewal": RENEWAL, "anniversary": ANNIVERSARY,
            "month": "2010-06",
        }  # fmt: skip


def ordinary(folder: Path) -> Book:
    """Both programmes, results published, a sealed log."""
    store = folder / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    publish(store, place)
    seal(store, folder / "log")
    return Book(store, place, "m-1")


def empty(folder: Path) -> Book:
    """Nothing at all."""
    store = folder / "ledger.db"
    open_store(str(store), create=True).close()
    return Book(store, None, "m-1", there=False)


def hard(folder: Path) -> Book:
    """Names in every script and direction, with markup in them, and longer than any screen is wide."""
    store = folder / "ledger.db"
    record(store, _hard_facts())
    return Book(store, None, HARD_IDS[1])


def large(folder: Path) -> Book:
    """50,000 memberships."""
    store = folder / "ledger.db"
    record(store, _many_facts())
    return Book(store, None, "m-1")


def record(store: Path, facts: Iterable[Fact]) -> None:
    """Records facts, all of which are accepted."""
    ledger = Ledger(open_store(str(store), create=True), lambda: NOW_US)
    for batch in _batched(facts, 5_000):
        outcomes = ledger.recorder.record([fact_from_object(one) for one in batch])
        assert {outcome.status for outcome in outcomes} == {"accepted"}, [
            one for one in outcomes if one.status != "accepted"
        ][:3]
    ledger.writer.review()
    ledger.catch_up()
    ledger.close()


def _batched(facts: Iterable[Fact], size: int) -> Iterator[list[Fact]]:
    held: list[Fact] = []
    for one in facts:
        held.append(one)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def _hard_facts() -> Iterator[Fact]:
    at = "2010-01-11T09:00:00Z"
    for number, name in enumerate(HARD_NAMES):
        membership = HARD_IDS[1] if number == 0 else f"hard-{number}"
        yield fact("enrol-membership", f"e-{number}", at, membership, name=name, level="gold")
        yield fact("set-renewal-date", f"d-{number}", at, membership, renewal_date=RENEWAL)
        for place, customer in enumerate(HARD_NAMES):
            yield fact(
                "record-response", f"r-{number}-{place}", f"2010-0{place % 8 + 1}-15T10:00:00.123456Z", membership,
                response=f"r-{number}-{place}", customer_org=customer[:64],
            )  # fmt: skip
        yield fact("decide-renewal", f"x-{number}", "2011-03-02T00:00:00Z", membership, renewal_date=RENEWAL)

    yield from qualified(HARD_IDS[1])
    yield told("decide-designation", "decided", "2024-08-02T00:00:00Z", HARD_IDS[1], anniversary=ANNIVERSARY)


def _many_facts() -> Iterator[Fact]:
    at = "2010-01-11T09:00:00Z"
    yield from qualified("m-1")
    yield told("decide-designation", "decided", "2024-08-02T00:00:00Z", "m-1", anniversary=ANNIVERSARY)
    for number in range(LARGE):
        membership = f"m-{number}"
        yield fact("enrol-membership", f"e-{number}", at, membership, name=f"Partner {number}", level="gold")
        yield fact(
            "set-renewal-date",
            f"d-{number}",
            at,
            membership,
            renewal_date=RENEWAL if number == 1 else f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        )
    yield fact("decide-renewal", "decided", "2024-12-01T00:00:00Z", "m-1", renewal_date=RENEWAL)
