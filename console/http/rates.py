"""Limits on rate: a caller that asks too often is told 429 and when to come again.

With a token that holds it is counted by subject and roles; else, also of the log, which is open to anybody, by the
address that the connection comes from (of IPv6 by the network of 64 bits, which one host has all of). A window begins with
the first request and ends as the rate says: `100/second` lets a hundred through at once, and the next a second after the
first of them.
"""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import Storage

from console.http.limits import Limits
from console.http.problems import Problem

CALLERS_MAX: Final = 20_000
"""So many windows are remembered; one more takes the place of the oldest."""
SWEEP_S: Final = 1.0


class Counts(Storage):
    """How often each key was counted within its window, in memory.

    The library's own storage in memory starts a thread for each hundredth of a second in which something is counted, which
    looks through all keys; this one looks through them only where they are too many.
    """

    STORAGE_SCHEME = ["csat-ledger-memory"]  # noqa: RUF012 (so the library has it)

    def __init__(self, keys_max: int = CALLERS_MAX) -> None:
        super().__init__()
        self._keys_max = keys_max
        self._windows: dict[str, list[float]] = {}  # key -> [end of the window, count]
        self._sweep_s = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Counts, in a window of so many seconds that begins now where there is none; how often it is by now."""
        now_s = time.monotonic()
        found = self._windows.get(key)
        if found is not None and now_s < found[0]:
            found[1] += amount
            return int(found[1])
        if found is None and len(self._windows) >= self._keys_max:
            self._make_room(now_s)
        self._windows[key] = [now_s + expiry, amount]
        return amount

    def _make_room(self, now_s: float) -> None:
        if now_s >= self._sweep_s:
            self._sweep_s = now_s + SWEEP_S
            self._windows = {key: one for key, one in self._windows.items() if now_s < one[0]}
        while len(self._windows) >= self._keys_max:
            del self._windows[next(iter(self._windows))]

    def get(self, key: str) -> int:
        """How often it was counted in the window that is open."""
        found = self._windows.get(key)
        return int(found[1]) if found is not None and time.monotonic() < found[0] else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970."""
        found = self._windows.get(key)
        return time.time() + (0.0 if found is None else max(0.0, found[0] - time.monotonic()))

    def check(self) -> bool:
        """Whether it can be used."""
        return True

    def reset(self) -> int:
        """Forgets all windows; how many there were."""
        number = len(self._windows)
        self._windows.clear()
        return number

    def clear(self, key: str) -> None:
        """Forgets a window."""
        self._windows.pop(key, None)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong with it."""
        return ValueError


class Rates:
    """Counts requests in windows as FixedWindowRateLimiter of the library does, but for the names that it makes of what is
    counted, which cost more than counting; not for several threads at once."""

    def __init__(self, limits: Limits) -> None:
        self._counts = Counts()
        self._caller = parse(limits.rate)
        self._address = parse(limits.rate_without_token)

    def count_caller(self, who: str) -> None:
        """Counts a request with a token that holds. Raises Problem (429)."""
        self._count(f"caller/{who}", self._caller)

    def count_open(self, address: str) -> None:
        """Counts a request for what is open to anybody. Raises Problem (429)."""
        self._count(f"open/{_network(address)}", self._caller)

    def count_address(self, address: str) -> None:
        """Counts a request without such a token. Raises Problem (429)."""
        self._count(f"address/{_network(address)}", self._address)

    def require_address(self, address: str) -> None:
        """Raises Problem (429) where this address has used up its rate; counts nothing."""
        key = f"address/{_network(address)}"
        if self._counts.get(key) >= self._address.amount:
            raise self._too_many(key, self._address)

    def _count(self, key: str, rate: RateLimitItem) -> None:
        if self._counts.incr(key, rate.get_expiry()) > rate.amount:
            raise self._too_many(key, rate)

    def _too_many(self, key: str, rate: RateLimitItem) -> Problem:
        left_s = self._counts.get_expiry(key) - time.time()
        return Problem(
            429, "too-many-requests", f"found too many requests, expected {rate} at most: come again later",
            headers={"Retry-After": str(max(1, ceil(left_s)))},
        )  # fmt: skip


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(ip_network((int(found) >> 64 << 64, 64)))
