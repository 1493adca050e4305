"""Settings of the process for long work."""

from __future__ import annotations

import gc


def collect_garbage_seldom() -> None:
    """Makes the cyclic garbage collector run seldom.

    Facts, events and states are many small objects without cycles. With the standard thresholds the collector walks
    through them again and again: a third of the time of a bulk recording.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
