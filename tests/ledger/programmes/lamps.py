"""A third programme, made up: a lamp is bright while enough of its bulbs burn. No file of the house knows of it.

    light-bulb {lamp, hours}                        a bulb burns from the fact's occurred_at for so many hours
    judge-lamp {lamp, day}                          whether it was bright at 00:00 UTC of a day, once that is reached; anew
                                                    where it would be otherwise
    publish-lamp-rules {edition, effective_from, needed}    how many bulbs make a lamp bright

Streams: `lamp-<lamp>` and `lamprules`. Announcement: LampChanged. Decision: LampJudged. `lamps_proof` has all of it a
second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import orjson
from pydantic import Field

from ledger.errors import refuse
from ledger.event import Event, EventTypes, NewEvent
from ledger.fact import Fact, Figure, Instant, Label, MembershipId
from ledger.instants import SECOND_US, format_instant, parse_instant
from ledger.programmes.programme import Span, State, check_not_in_the_future, fold_announcement
from ledger.programmes.schema_forms import FROM_ONE, EventSample, SchemaForms, StreamForm

NEVER = 1 << 62
HOUR_US = 3_600 * SECOND_US


class LightBulb(Fact):
    """A bulb is lit."""

    type: Literal["light-bulb"]
    lamp: MembershipId
    hours: Annotated[Figure, Field(ge=1)]

    @property
    def stream(self) -> str:
        return f"lamp-{self.lamp}"


class JudgeLamp(Fact):
    """Whether a lamp was bright when a day began."""

    type: Literal["judge-lamp"]
    lamp: MembershipId
    day: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]

    @property
    def stream(self) -> str:
        return f"lamp-{self.lamp}"


class PublishLampRules(Fact):
    """How many bulbs make a lamp bright."""

    publishes: ClassVar[bool] = True

    type: Literal["publish-lamp-rules"]
    edition: Label
    effective_from: Instant
    needed: Annotated[Figure, Field(ge=1)]

    @property
    def stream(self) -> str:
        return "lamprules"


class BulbLitData(TypedDict):
    """A bulb burns for so many hours."""

    hours: int


class LampChangedData(TypedDict):
    """A lamp becomes bright, or dark."""

    effective_at: str
    bright: bool
    previous: bool
    cause: str
    revises: bool


class LampJudgedData(TypedDict):
    """A decision."""

    day: str
    bright: bool
    burning: int
    revision: int


class LampRulesData(TypedDict):
    """An edition."""

    edition: str
    effective_from: str
    needed: int


class Entry(NamedTuple):
    """What was announced."""

    effective_us: int
    holds: bool
    cause: str

    @property
    def flip(self) -> tuple[int, bool]:
        """Its identity."""
        return self.effective_us, self.holds


@dataclass(slots=True)
class Lamp(State):
    """A lamp's bulbs: from when until when each burns; and what was judged last of each day."""

    bulbs: list[tuple[int, int]] = field(default_factory=list)
    judged: dict[str, dict[str, Any]] = field(default_factory=dict)


class Rules:
    """(effective_us, needed) by effective_us."""

    def __init__(self) -> None:
        self.editions: list[tuple[int, int]] = []
        self.names: set[str] = set()

    def needed(self, at_us: int) -> int | None:
        found = [needed for effective_us, needed in self.editions if effective_us <= at_us]
        return found[-1] if found else None

    def next_start(self, after_us: int) -> int | None:
        return min((effective_us for effective_us, _ in self.editions if effective_us > after_us), default=None)


class Lamps:
    """The programme."""

    name = "lamps"
    announcement = "LampChanged"
    edition_kind = "rules"
    opening: Sequence[str] = ()
    events = EventTypes(
        {
            ("BulbLit", 1): BulbLitData,
            ("BulbLit", 2): BulbLitData,
            ("LampChanged", 1): LampChangedData,
            ("LampJudged", 1): LampJudgedData,
            ("LampRulesPublished", 1): LampRulesData,
        },
        {("BulbLit", 1): lambda data: {"hours": data["minutes"] // 60}},
    )

    def facts(self) -> Sequence[type[Fact]]:
        return LightBulb, JudgeLamp, PublishLampRules

    def schema_forms(self) -> SchemaForms:
        lit, changed = "2020-01-01T10:00:00.000000Z", {"previous": False, "cause": "bulb", "revises": False}
        rules = {"edition": "2020-01", "effective_from": lit, "needed": 1}
        told = {"occurred_at": "2020-01-01T10:00:00Z", "id": "f-1"}
        judged = {"day": "2020-01-01", "bright": True, "burning": 1, "revision": 1}
        return SchemaForms(
            facts={
                "light-bulb": {"type": "light-bulb", **told, "lamp": "a", "hours": 10},
                "judge-lamp": {"type": "judge-lamp", **told, "lamp": "a", "day": "2020-01-01"},
                "publish-lamp-rules": {"type": "publish-lamp-rules", **told, **rules},
            },
            events={
                "BulbLit": EventSample(1, lit, lit, "f-1", None, {"hours": 10}),
                "LampChanged": EventSample(
                    2, lit, lit, "f-1", "csat-ledger", {"effective_at": lit, "bright": True, **changed}
                ),
                "LampJudged": EventSample(3, lit, lit, "f-3", None, judged),
                "LampRulesPublished": EventSample(1, lit, lit, "f-2", None, rules),
            },
            subjects=StreamForm({"type": "string", "pattern": "^lamp-"}, "lamp-a"),
            streams={"LampRulesPublished": StreamForm({"const": "lamprules"}, "lamprules")},
            event_fields={"hours": FROM_ONE, "needed": FROM_ONE},
        )

    def owns(self, stream: str) -> bool:
        return stream.startswith("lamp-") or stream == "lamprules"

    def rules_stream(self, _stream: str) -> str:
        return "lamprules"

    def shipped(self, _rules_stream: str) -> Sequence[tuple[str, NewEvent]]:
        data = {"edition": "one", "effective_from": format_instant(0), "needed": 1}
        return [("lamps/one", NewEvent("LampRulesPublished", format_instant(0), data))]

    def new_rules(self) -> Rules:
        return Rules()

    def add_edition(self, rules: Rules, event: Event) -> None:
        rules.names.add(event.data["edition"])
        rules.editions.append((self.effective_us(event), event.data["needed"]))
        rules.editions.sort(key=lambda edition: edition[0])

    def effective_us(self, event: Event) -> int:
        return parse_instant(event.data["effective_from"])

    def publish(self, fact: Any, rules: Rules, now_us: int, occurred_us: int) -> NewEvent:
        check_not_in_the_future(fact, occurred_us, now_us)
        if fact.edition in rules.names:
            refuse("edition-exists", f"edition {fact.edition!r} was published already")
        data = {"edition": fact.edition, "effective_from": fact.effective_from, "needed": fact.needed}
        return NewEvent("LampRulesPublished", fact.occurred_at, data)

    def new_state(self) -> Lamp:
        return Lamp()

    def evolve(self, state: Lamp, event: Event) -> None:
        if event.type == "BulbLit":
            state.bulbs.append((event.occurred_us, event.occurred_us + event.data["hours"] * HOUR_US))
        elif event.type == "LampJudged":
            state.judged[event.data["day"]] = event.data
        else:
            data = event.data
            fold_announcement(
                state.announced, Entry(parse_instant(data["effective_at"]), data["bright"], data["cause"])
            )

    def dump(self, state: Lamp) -> bytes:
        kept = (state.seq, state.head, state.first_position, state.horizon_us, state.announced, state.bulbs)
        return orjson.dumps([1, *kept[:4], [list(entry) for entry in kept[4]], kept[5], state.judged])

    def is_of(self, stored: bytes, state: Lamp, _rules: Any) -> bool:
        return stored == self.dump(state)

    def load(self, stored: bytes) -> Lamp | None:
        version, *kept, announced, bulbs, judged = orjson.loads(stored)
        entries = [Entry(*entry) for entry in announced]
        return Lamp(*kept, entries, [(lit, out) for lit, out in bulbs], judged) if version == 1 else None

    def decide(
        self,
        state: Lamp,
        fact: Any,
        rules: Rules,
        now_us: int,
        occurred_us: int,
        *,
        recorded_us: int,
        lenient: bool = False,
    ) -> NewEvent:
        check_not_in_the_future(fact, occurred_us, now_us)
        if isinstance(fact, JudgeLamp):
            return self.judge(state, fact, rules, min(recorded_us, occurred_us))
        if len(state.bulbs) >= 500 and not lenient:
            refuse("malformed", "found a lamp with 500 bulbs, expected no more")
        return NewEvent("BulbLit", fact.occurred_at, {"hours": fact.hours})

    def judge(self, state: Lamp, fact: JudgeLamp, rules: Rules, reached_us: int) -> NewEvent:
        at_us = parse_instant(f"{fact.day}T00:00:00Z")
        if at_us > reached_us:
            refuse("malformed", f"found day {fact.day}, expected one that is reached")
        burning = sum(lit <= at_us < out for lit, out in state.bulbs)
        before = state.judged.get(fact.day, {"revision": 0})
        said = {"day": fact.day, "bright": self.bright(state, rules, at_us), "burning": burning}
        if {**said, "revision": before["revision"]} == before:
            refuse("malformed", f"found day {fact.day} judged so already, expected one that would be judged otherwise")
        return NewEvent("LampJudged", fact.occurred_at, {**said, "revision": before["revision"] + 1})

    def span(self, _state: Lamp, _rules: Rules, event: Event, horizon_us: int) -> Span | None:
        if event.type != "BulbLit":
            return None
        end_us = event.occurred_us + event.data["hours"] * HOUR_US
        return Span(event.occurred_us, end_us, "bulb") if event.occurred_us <= horizon_us else None

    def disturbs(self, _state: Lamp, _event: Event) -> bool:
        return True

    def flips_at_once(self, _state: Lamp, _rules: Rules, _event: Event, _holds: bool, quiet: bool) -> bool:
        return not quiet

    def flips(self, state: Lamp, rules: Rules, after_us: int, until_us: int, holds: bool) -> tuple[list[Entry], int]:
        found: list[Entry] = []
        for at_us in sorted({*(at for bulb in state.bulbs for at in bulb), *(at for at, _ in rules.editions)}):
            if at_us > after_us and self.bright(state, rules, at_us) != holds:
                if at_us > until_us:
                    return found, at_us
                found.append(self.entry_at(state, rules, at_us, None))
                holds = not holds
        return found, NEVER

    def entry_at(self, state: Lamp, rules: Rules, at_us: int, kind: str | None) -> Entry:
        bright = self.bright(state, rules, at_us)
        natural = "rules" if any(at == at_us for at, _ in rules.editions) else "bulb" if bright else "burnt"
        return Entry(at_us, bright, natural if kind is None else kind)

    def announcement_data(
        self, _stream: str, entry: Entry, previous: bool, revises: bool, _kind: str
    ) -> dict[str, Any]:
        return {
            "bright": entry.holds, "cause": entry.cause, "effective_at": format_instant(entry.effective_us),
            "previous": previous, "revises": revises,
        }  # fmt: skip

    def quiet_until(self, state: Lamp, rules: Rules, at_us: int, holds: bool) -> int:
        return self.flips(state, rules, at_us, at_us, holds)[1]

    @staticmethod
    def bright(state: Lamp, rules: Rules, at_us: int) -> bool:
        needed = rules.needed(at_us)
        return needed is not None and sum(lit <= at_us < out for lit, out in state.bulbs) >= needed


LAMPS = Lamps()
