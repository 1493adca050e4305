"""Settings of the process for long work, and for work without end."""

from __future__ import annotations

import gc


def collect_garbage_seldom() -> None:
    """Makes the cyclic garbage collector run seldom.

    Facts, events and states are many small objects without cycles. With the standard thresholds the collector walks
    through them again and again: a third of the time of a bulk recording.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def collect_garbage_less() -> None:
    """The same for a process that goes on for months, in which cycles are to be found at last.

    What stands when it begins is looked at no more: with the modules of a service that alone is a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
