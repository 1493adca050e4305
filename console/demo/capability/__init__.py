"""A seeded capability programme, from nothing: the facts of forty partners over three years.

    for arrival_us, fact in generate(seed=1): ...

Facts come in the order in which the ledger learns them; `arrival_us` is that instant, never before the fact's
`occurred_at`. Months are reported, closed about the 20th of the month after, restated; certificates are won, renewed and
lost; anniversaries come and are decided. A few facts come late, a few twice, and a few are wrong. The seed alone
decides: the same seed gives the same bytes anywhere. No fact has an id that one of the survey programme has, but some
partners are in both. Nobody in it is a person, and no company exists.
"""

from console.demo.capability.lives import DEMO_PARTNERS, END, START, generate
from console.demo.capability.refused import KINDS
from console.demo.capability.scripted import PICKS, RESTATEMENT, Pick, Restatement
from ledger.programmes.capability.editions import SHIPPED_AREA

AREA = SHIPPED_AREA

__all__ = ["AREA", "DEMO_PARTNERS", "END", "KINDS", "PICKS", "RESTATEMENT", "START", "Pick", "Restatement", "generate"]
