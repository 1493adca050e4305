"""What a writer has at hand from one transaction to the next."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.programmes.programme import Programmes
from ledger.writing.editions import EditionCache
from ledger.writing.linking import Linking
from ledger.writing.salts import SaltOf
from ledger.writing.setting_aside import Tries
from ledger.writing.state_cache import StateCache


@dataclass(frozen=True, slots=True)
class AtHand:
    """The programmes, the states, editions and link key as last seen, when a stream was last tried, where salts come from."""

    programmes: Programmes
    states: StateCache
    editions: EditionCache
    tries: Tries
    salts: SaltOf
    linking: Linking
