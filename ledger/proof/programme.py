"""What a programme gives to whoever checks a book without trusting it: its streams, its decisions, and its rules a second time.

The programmes of a book are handed in together as a value (`ledger.proof.registry` has ours); no check knows one by name.
The verifier of a bundle asks for one decision (`recompute`), the audit for every announcement and decision of a stream
(`new_check`). A programme imports its rules only when it is asked, so that who verifies a bundle loads those of one
programme, and no more of them than a decision takes.

A small one: a lamp is judged on a day. All streams that begin with `lamp-` are its subjects, `lamprules` has the editions.

    class Lamps:
        name, decision, announced, light = "lamps", "LampJudged", "LampChanged", None
        def owns(self, stream): return stream.startswith("lamp-") or stream == "lamprules"
        def rules_stream(self, stream): return "lamprules"
        def decided_on(self, decision): return decision.data.get("day")
        def about(self, stream, on): return ("lamp", stream.removeprefix("lamp-")), ("day", on)
        def recompute(self, before, decision): return judged(before, decision)
        def says(self, data): return "bright" if data["bright"] else "dark"
        def new_check(self, stream): return LampCheck(stream)
        def compare_fact(self, fact, event): ...    # raises RefutedError where the event is not what the fact became

`tests/ledger/programmes/lamps_proof.py` has one like it in full.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ledger.proof.log.event import Event


class Difference(NamedTuple):
    """Where a recorded event and its recomputation part: what was looked at, what is recorded, what follows from the facts."""

    what: str
    found: Any
    expected: Any


class Check(Protocol):
    """Takes the events of one stream, and the editions that it goes by, in log order.

    `announcements` and `decisions` count what was compared.
    """

    announcements: int
    decisions: int
    differences: list[Difference]
    """What does not follow so far, whatever comes next."""

    def take(self, event: Event) -> None:
        """The next event. Keeps what does not follow, and never raises for what a host may have written."""

    def finish(self) -> Sequence[Difference]:
        """Everything that does not follow, once all events were taken."""

    def next_change(self, until_us: int) -> int | None:
        """After `finish`: the first instant after the horizon, and up to another, at which the status changes by itself.

        None where it stays as it is until then if nothing more arrives, and for a stream of editions.
        """


class LightCheck(Check, Protocol):
    """The check of a programme that has light types: it takes their events without these being made."""

    known_labels: Container[str]
    """Labels of which it is nothing new that an event names them; kept up by the check."""

    def take_instant(self, occurred_us: int, cause: tuple[Any, ...]) -> None:
        """The next event, of a light type. `cause` begins with its stream, seq and type."""

    def take_label(self, label: str, cause: tuple[Any, ...]) -> None:
        """The label that this event names, where it is not known yet."""


class Light(NamedTuple):
    """Types of a programme's facts, version 1, of which an audit need not make the whole event: most of a book can be such.

    Of all of them it counts when they were so, and nothing else but what stands here. The first event of a stream is none.
    """

    nothing: frozenset[str]
    """Types that say nothing else that counts."""
    labels: Mapping[str, str]
    """Type -> the key of its data whose value is a label (a string) that becomes known by it."""
    unless: str
    """A key of the data: with it an event of `labels` counts in full."""
    sound: Callable[[str, Sequence[Any]], bool]
    """Whether the data of many events of a light type have its form; may raise a ValueError, TypeError or KeyError if not."""


class ProofProgramme(Protocol):
    """One programme of a book."""

    name: str
    """Lower-case letters; a bundle names its programme so."""
    decision: str
    """The type of the events that are decisions."""
    announced: str
    """The type of the events that announce a change; they name the fact that caused it, as its own event does."""

    @property
    def light(self) -> Light | None:
        """Its light types, for which its checks are `LightCheck`; None where every event counts in full."""

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's: of a subject or of editions."""

    def rules_stream(self, stream: str) -> str:
        """The stream whose editions a stream goes by; of a stream of editions: itself."""

    def decided_on(self, decision: Event) -> Any:
        """What a decision is on, of all that is decided in its stream: a date, as a string, if the event is in order.

        Of two decisions on the same, the later one supersedes the other.
        """

    def about(self, stream: str, on: str) -> Sequence[tuple[str, str]]:
        """What a decision is about, for people: words, and what they stand for: what a verifier can be asked for, each once."""

    def recompute(self, before: Iterable[Event], decision: Event) -> dict[str, Any]:
        """The data that a decision has to have.

        `before` are the events of its stream before it, and the editions that were in the log before it, in log order.
        Raises ProofError where one of them contradicts those before it, or no decision could be made at all then.
        """

    def says(self, data: Mapping[str, Any]) -> str:
        """What a recomputed decision says, for people: its outcome, and the figures that it rests on."""

    def new_check(self, stream: str) -> Check:
        """A check of one stream, before its first event; of a stream of editions with that stream's own events alone."""

    def compare_fact(self, fact: Mapping[str, Any], event: Event) -> None:
        """Passes if an event of one of its streams is what a fact became, field by field (see `ledger.proof.facts`).

        Raises RefutedError, or MalformedError, with the first thing that differs.
        """


ProofProgrammes = Sequence[ProofProgramme]


def programme_of(programmes: ProofProgrammes, stream: str) -> ProofProgramme | None:
    """The programme that a stream belongs to; None where it is of none of them."""
    return next((programme for programme in programmes if programme.owns(stream)), None)
