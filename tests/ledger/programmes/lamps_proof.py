"""The made-up programme of `lamps` for the verifier, written from what its docstring says and from nothing of its code.

It is a value in a registry of the verifier's, beside the survey and the capability score; no file of the house knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.proof.facts import FactForm, compare_fact
from ledger.proof.log.errors import MalformedError, ProofError, RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_date, parse_instant
from ledger.proof.log.strictjson import first_difference, members, natural
from ledger.proof.programme import Difference, Light

RULES = "lamprules"
HOUR_US = 3_600_000_000
FACTS = {
    "light-bulb": FactForm("BulbLit", ("hours",), ("lamp",)),
    "judge-lamp": FactForm("LampJudged", ("day",), ("lamp",), derived=("bright", "burning", "revision")),
    "publish-lamp-rules": FactForm(
        "LampRulesPublished", ("edition", "effective_from", "needed"), instants=("effective_from",)
    ),
}


class Folded:
    """A lamp and the rules, as far as they were told."""

    def __init__(self) -> None:
        self.editions: list[tuple[int, int]] = []
        self.bulbs: list[tuple[int, int]] = []
        self.judged: list[Event] = []

    def apply(self, event: Event) -> None:
        """An edition, a bulb, a decision or an announcement."""
        if event.type == "LampRulesPublished":
            effective_us = parse_instant(event.data.get("effective_from"), f"{event.where}: effective_from")
            self.editions.append((effective_us, natural(event.data.get("needed"), f"{event.where}: needed")))
            self.editions.sort(key=lambda edition: edition[0])
        elif event.type == "BulbLit":
            self.bulbs.append((event.occurred_us, event.occurred_us + hours(event) * HOUR_US))
        elif event.type == "LampJudged":
            self.judged.append(event)
        elif event.type != "LampChanged":
            raise RefutedError(event.where, found=Words("a type that is none of lamps"), expected=Words("one that is"))

    def burning(self, at_us: int) -> int:
        """How many bulbs burn at an instant."""
        return sum(lit <= at_us < out for lit, out in self.bulbs)

    def bright(self, at_us: int) -> bool:
        """Whether they are enough."""
        needed = [needed for effective_us, needed in self.editions if effective_us <= at_us]
        return bool(needed) and self.burning(at_us) >= needed[-1]

    def flips(self, until_us: int) -> list[tuple[int, bool]]:
        """When it becomes bright or dark, up to an instant."""
        found: list[tuple[int, bool]] = []
        for at_us in sorted({at for bulb in self.bulbs for at in bulb} | {at for at, _ in self.editions}):
            if at_us <= until_us and self.bright(at_us) != (bool(found) and found[-1][1]):
                found.append((at_us, self.bright(at_us)))
        return found

    def decision(self, event: Event) -> dict[str, Any]:
        """The data that a decision has to have."""
        day = event.data.get("day")
        at_us = parse_date(day, f"{event.where}: day")
        if min(event.occurred_us, event.recorded_us) < at_us:
            raise RefutedError(event.where, found=format_instant(event.occurred_us), expected=Words(f"{day} or later"))
        before = [one for one in self.judged if one.data.get("day") == day]
        said = {"day": day, "bright": self.bright(at_us), "burning": self.burning(at_us)}
        if before and before[-1].data | said == before[-1].data:
            raise RefutedError(event.where, found=Words("another revision"), expected=Words("one that says more"))
        return said | {"revision": len(before) + 1}


def hours(event: Event) -> int:
    """For how long a bulb burns; version 1 said it in minutes."""
    if event.version not in (1, 2):
        raise MalformedError(f"{event.where}: version", found=event.version, expected=Words("1 or 2"))
    key, per_hour = ("minutes", 60) if event.version == 1 and "minutes" in event.data else ("hours", 1)
    return natural(event.data.get(key), f"{event.where}: {key}") // per_hour


class LampCheck:
    """Every announcement and every decision of a lamp, from its bulbs alone."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.announcements = 0
        self.decisions = 0
        self.differences: list[Difference] = []
        self._folded = Folded()
        self._announced: list[tuple[int, bool]] = []
        self._horizon_us = -(1 << 62)
        self._cause = ""

    def take(self, event: Event) -> None:
        """The next event, of the lamp or of the rules."""
        try:
            if event.type == "LampChanged":
                self._take_announcement(event)
                return
            self._compare()
            self._cause = event.where
            if event.type == "LampJudged":
                self.decisions += 1
                if differing := first_difference(event.data, self._folded.decision(event)):
                    key, found, expected = differing
                    raise RefutedError(f"{event.where}: {key}", found=found, expected=expected)
            self._folded.apply(event)
            if event.stream != RULES:
                self._horizon_us = max(self._horizon_us, event.occurred_us)
        except ProofError as error:
            self._differ(error.what, error.found, error.expected)

    def finish(self) -> Sequence[Difference]:
        """Everything that does not follow."""
        self._compare()
        return self.differences

    def next_change(self, until_us: int) -> int | None:
        """The first flip after the horizon, and up to an instant."""
        return next((at_us for at_us, _ in self._folded.flips(until_us) if at_us > self._horizon_us), None)

    def _take_announcement(self, event: Event) -> None:
        self.announcements += 1
        members(event.data, event.where, ("bright", "cause", "effective_at", "previous", "revises"))
        at_us = parse_instant(event.data["effective_at"], event.where)
        self._announced = [one for one in self._announced if one[0] < at_us]
        previous = bool(self._announced) and self._announced[-1][1]
        expected = {"bright": self._folded.bright(at_us), "previous": previous}
        for key, value in expected.items():
            if event.data[key] is not value:
                self._differ(f"{event.where}: {key}", event.data[key], value)
        if event.data["bright"] is not previous:
            self._announced.append((at_us, event.data["bright"]))
        self._horizon_us = max(self._horizon_us, at_us)

    def _compare(self) -> None:
        """What stands announced are the true flips up to the horizon."""
        true = self._folded.flips(self._horizon_us)
        if self._announced != true:
            self._differ(f"announcements after {self._cause}", self._announced, true)
            self._announced = true

    def _differ(self, what: str, found: Any, expected: Any) -> None:
        self.differences.append(Difference(what, found, expected))


class LampsProof:
    """The programme."""

    name = "lamps"
    decision = "LampJudged"
    announced = "LampChanged"
    light: Light | None = None

    def owns(self, stream: str) -> bool:
        return stream.startswith("lamp-") or stream == RULES

    def rules_stream(self, _stream: str) -> str:
        return RULES

    def decided_on(self, decision: Event) -> Any:
        return decision.data.get("day")

    def about(self, stream: str, on: str) -> Sequence[tuple[str, str]]:
        return ("lamp", stream.removeprefix("lamp-")), ("day", on)

    def recompute(self, before: Iterable[Event], decision: Event) -> dict[str, Any]:
        folded = Folded()
        for event in before:
            folded.apply(event)
        return folded.decision(decision)

    def says(self, data: Mapping[str, Any]) -> str:
        return f"{'bright' if data['bright'] else 'dark'}: {data['burning']} bulbs burn"

    def new_check(self, stream: str) -> LampCheck:
        return LampCheck(stream)

    def compare_fact(self, fact: Mapping[str, Any], event: Event) -> None:
        compare_fact(fact, event, FACTS, f"lamp-{fact['lamp']}" if "lamp" in fact else RULES)
