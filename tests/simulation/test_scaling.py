"""Nothing is quadratic: each dimension of the scaling table at n, 2n and 4n (tests/benchmarks/scaling.py)."""

from __future__ import annotations

import pytest

from tests.benchmarks.scaling import DIMENSIONS, Dimension, measure
from tests.soak import SOAK

TRIES: int = 3
"""Other processes can hold up a measurement, they cannot speed it up: one try in which it grows slowly is enough."""


@pytest.mark.parametrize("dimension", [pytest.param(dimension, id=name) for name, dimension in DIMENSIONS.items()])
def test_twice_as_many_facts_cost_about_twice_as_much(dimension: Dimension) -> None:
    size = dimension.size * (4 if SOAK else 1)
    found = []
    for _ in range(TRIES):
        seconds = measure(dimension, size)
        found.append(seconds)
        if seconds[-1] <= dimension.growth_max * seconds[0]:
            return
    pytest.fail(
        f"found {found} CPU seconds at n, 2n and 4n (n = {size:,}), expected at most {dimension.growth_max} times"
    )
