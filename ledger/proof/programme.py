"""What a programme gives to whoever checks a book without trusting it: its streams, and its rules a second time.

The programmes of a book are handed in together as a value (`ledger.proof.registry` has ours); no check knows one by name.

A small one: all streams that begin with `lamp-` are its subjects, and `lamprules` holds the editions.

    class Lamps:
        name = "lamps"
        def owns(self, stream): return stream.startswith("lamp-") or stream == "lamprules"
        def rules_stream(self, stream): return "lamprules"
        def new_check(self, stream): return LampCheck(stream)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ledger.proof.log.event import Event


class Difference(Protocol):
    """Where a recorded event and its recomputation part: what was looked at, and both sides."""

    @property
    def what(self) -> str:
        """What was looked at."""
        ...

    @property
    def found(self) -> Any:
        """What is recorded."""
        ...

    @property
    def expected(self) -> Any:
        """What follows from the facts."""
        ...


class Check(Protocol):
    """Takes the events of one stream, and the editions that it goes by, in log order.

    `announcements` and `decisions` count what was compared.
    """

    announcements: int
    decisions: int

    def take(self, event: Event) -> None:
        """The next event. Keeps what does not follow, and never raises for what a host may have written."""
        ...

    def finish(self) -> Sequence[Difference]:
        """Everything that does not follow, once all events were taken."""
        ...


class ProofProgramme(Protocol):
    """One programme of a book."""

    name: str

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's: of a subject or of editions."""
        ...

    def rules_stream(self, stream: str) -> str:
        """The stream whose editions a stream goes by; of a stream of editions: itself."""
        ...

    def new_check(self, stream: str) -> Check:
        """A check of one stream, before its first event; of a stream of editions with that stream's own events alone."""
        ...


ProofProgrammes = Sequence[ProofProgramme]


def programme_of(programmes: ProofProgrammes, stream: str) -> ProofProgramme | None:
    """The programme that a stream belongs to; None where it is of none of them."""
    return next((programme for programme in programmes if programme.owns(stream)), None)
