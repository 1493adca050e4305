"""How much the property tests try: a little each time, or much more with CSAT_LEDGER_TEST_SOAK=1."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("CSAT_LEDGER_TEST_SOAK"))
SOAK_FACTOR = 40


def scaled(examples: int) -> int:
    """So many examples, or many more when soaking."""
    return examples * SOAK_FACTOR if SOAK else examples
