"""Ids of requests that name none: drawn many at once, and each given out once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from console.http.request_id import DRAWN_AT_ONCE, request_id


def test_ids_are_32_hex_digits_and_no_two_are_the_same_whoever_draws_them() -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: request_id([]), range(10 * DRAWN_AT_ONCE)))
    assert len(set(drawn)) == len(drawn)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in drawn)
