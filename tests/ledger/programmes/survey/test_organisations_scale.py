"""Names, joins and separations cost about what they move: each dimension at n, 2n and 4n."""

from __future__ import annotations

import pytest

from tests.benchmarks.scaling import Dimension, measure
from tests.benchmarks.scaling_organisations import DIMENSIONS
from tests.support.soak import SOAK

GROWTH_MAX = 11
"""Of 4n against n. What is moved grows with n log n, and telling an overview of it with its root: 9.4 (quadratic: 16)."""
TRIES = 3
"""Other processes can hold a measurement up, not speed it up: one try in which it grows slowly is enough."""


@pytest.mark.parametrize("dimension", [pytest.param(dimension, id=name) for name, dimension in DIMENSIONS.items()])
def test_twice_as_many_names_or_joins_cost_about_twice_as_much(dimension: Dimension) -> None:
    size = 2_500 if SOAK else dimension.size  # 10,000 at the top
    found = []
    for _ in range(TRIES):
        found.append(measure(dimension, size))
        if found[-1][-1] <= GROWTH_MAX * found[-1][0]:
            return
    pytest.fail(
        f"found {found} CPU seconds at n, 2n and 4n (n = {size:,}), expected {GROWTH_MAX} times as many at most"
    )
