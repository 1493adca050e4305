"""The vault of a demo that is served: made-up answers to the survey, so that there are results to look at.

    for arrival_us, fact in answered(generate(seed), seed): ...

The seed alone decides what is answered. Nobody in it is a person; the key lies beside the vault, as no key should.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

from console.demo.arrivals import Fact
from console.demo.folder import VAULT, VAULT_KEY
from console.vault_place import VaultPlace

QUESTIONS: Final = ("overall", "continue", "re_engage", "recommend")


def make_vault(folder: Path) -> VaultPlace:
    """An empty vault in a folder, and its key. Raises ExtraMissing where what encrypts is not installed."""
    place = VaultPlace(str(folder / VAULT), folder / VAULT_KEY)
    from console.vault_place import require_extra

    require_extra()
    from ledger.vault.keys import make_key_file
    from ledger.vault.vault import Vault

    make_key_file(folder / VAULT_KEY)
    with place.database(create=True) as database:
        Vault(database, place.keyring(), create=True)
    return place


def answered(arrivals: Iterable[tuple[int, Fact]], seed: int) -> Iterator[tuple[int, Fact]]:
    """The same facts, each response with answers: every partner has its own level, and drifts."""
    for arrival_us, fact in arrivals:
        is_answer = fact["type"] == "record-response" and "response" in fact
        yield arrival_us, {**fact, "answers": _answers(seed, fact)} if is_answer else fact


def _answers(seed: int, fact: Fact) -> dict[str, int]:
    """Answers of 0 to 10; the same fact that is sent twice is answered alike."""
    rng = Random(sha256(f"{seed} {fact['id']}".encode()).digest())
    level = 5.5 + Random(sha256(f"{seed} {fact.get('membership')}".encode()).digest()).random() * 3
    return {question: max(0, min(10, round(rng.gauss(level, 1.6)))) for question in QUESTIONS}
