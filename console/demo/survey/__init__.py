"""A seeded survey programme, from nothing: the facts that a survey operator would have sent over several years.

    for arrival_us, fact in generate(seed=1): ...

Facts come in the order in which the ledger learns them; `arrival_us` is that instant, never before the fact's
`occurred_at`. So a caller can feed them month by month with a clock of its own. A few come late, a few twice, and a few
are wrong. The seed alone decides: the same seed gives the same bytes anywhere.

`scale` makes any number of valid facts for benchmarks. Nobody in either is a person, and no company exists.
"""

from console.demo.survey.bulk import scale
from console.demo.survey.companies import Fact
from console.demo.survey.lives import DEMO_MEMBERSHIPS, END, START, generate
from console.demo.survey.scripted import Pick, picks

DEMO_PICKS = picks(END)

__all__ = ["DEMO_MEMBERSHIPS", "DEMO_PICKS", "END", "START", "Fact", "Pick", "generate", "picks", "scale"]
