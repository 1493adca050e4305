"""Whether the service can answer: `/livez` says that the process is there, `/readyz` what it lacks.

    {"ready": false, "missing": [{"code": "store-unreachable", "sentence": "the store does not answer; …"}]}

    store-unreachable       the projections cannot be kept up, since the store is away
    projections-failed      they cannot be kept up for another reason, such as `different-book`, or are not there yet; or
                            a question has found them damaged within the last minute
    projections-stalled     the thread that keeps them up has not come round for a while: it waits for a store that says nothing
    projections-behind      they are far behind the book
    recording-failed        no group of facts could be recorded within the last minute, since the clock is wrong, say
    recording-stalled       facts wait, and none was recorded for a while: somebody else holds the store, or says nothing
    log-unreadable          the log's folder or its checkpoint is gone, or cannot be read: no decision can be shown to be sealed
    sealing-late            there is more to seal, and the last checkpoint is old
    <duty>-failed           a duty of this process, such as sealing or the clock, cannot be done

Whoever asks may be anybody: where the store lies, and what exactly is wrong, stands in the service's log alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from console.http.duties import Duty
    from console.http.reading import Following
    from console.http.recording import Recording
    from console.http.sealed import Sealing

BEHIND_MAX: Final = 10_000
"""A service whose projections are further behind the book than that is not ready."""
STALLED_S: Final = 15.0
"""A round of the projections takes a second or so, a group of facts as well."""
LOG_SAYS: Final = "the service's log says why"


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the service lacks."""

    code: str
    """What it is; it never changes."""
    sentence: str
    """What was found."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service can answer, and what it lacks."""

    ready: bool
    """Whether it can answer."""
    missing: tuple[Missing, ...]
    """What it lacks; empty where it is ready."""


def health(
    following: Following,
    recording: Recording | None = None,
    sealing: Sealing | None = None,
    duties: Iterable[Duty] = (),
    waited_s: float = 0.0,
    damaged: bool = False,
) -> Health:
    """How it stands with what answers, records and seals. It looks at what is known, and asks no store.

    `waited_s`: so long facts have been waiting and none was recorded. `damaged`: a question has found the projections so.
    """
    found = [*_projections(following)]
    if damaged and following.failed_with is None:
        found.append(Missing("projections-failed", f"found the projections damaged; {LOG_SAYS}"))
    if recording is not None and (code := recording.failing()) is not None:
        found.append(Missing("recording-failed", f"found {code}, and no fact is recorded; {LOG_SAYS}"))
    if waited_s >= STALLED_S:
        found.append(Missing("recording-stalled", f"facts wait, and none was recorded for {waited_s:.0f} s"))
    if sealing is not None and sealing.unreadable():
        found.append(
            Missing("log-unreadable", "the log's folder or its checkpoint is not there, or cannot be read: put it back")
        )
    if sealing is not None and (late_s := sealing.late_s(following.end)) is not None:
        found.append(Missing("sealing-late", f"there is more to seal, and the last checkpoint is {late_s:,.0f} s old"))
    for duty in duties:
        if duty.failed:
            found.append(Missing(f"{duty.name}-failed", duty.detail or f"{duty.name} cannot be done; {LOG_SAYS}"))
    return Health(not found, tuple(found))


def _projections(following: Following) -> Iterator[Missing]:
    behind = following.end - following.position
    quiet_s = time.monotonic() - following.turned_s
    if following.failed_with == "store-unreachable":
        yield Missing("store-unreachable", f"the store does not answer; {LOG_SAYS}")
    elif following.failed_with is not None:
        yield Missing("projections-failed", f"the projections cannot be kept up ({following.failed_with}); {LOG_SAYS}")
    elif quiet_s >= STALLED_S:
        yield Missing("projections-stalled", f"the projections have not been looked at for {quiet_s:.0f} s")
    if behind > BEHIND_MAX:
        yield Missing("projections-behind", f"the projections are {behind:,} positions behind the book")
