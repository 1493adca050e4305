"""What a membership's stream and the rulebook say, folded from the stored events.

The form of each event is checked first (`form`), and what contradicts the stream is refuted: anything before the
enrolment or a second one, a second response of the same name, or with the token of one that is not void. What is said of
names of organisations: `organisations`.

A response or an evaluation is received at the occurred_at of its event. Level and competencies hold from the
occurred_at of the event that set them; of two with the same instant the later in the stream.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import NamedTuple

from ledger.proof.form import check_event
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import DAY_US, END_OF_TIME_US, Event, add_months, format_instant, parse_instant
from ledger.proof.survey.form import ANNOUNCED, FORMS, RULES_FORMS
from ledger.proof.survey.organisations import Key, Organisations, Regrouping

LEARNING = "learning"
LONGEST_MONTH_DAYS = 31
SHORTEST_MONTH_DAYS = 28
SHORTEST_YEAR_DAYS = 365

_instant = itemgetter(0)
_received = attrgetter("received_us")
_effective = attrgetter("effective_us")


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the rulebook."""

    name: str
    effective_us: int
    min_responses: int
    per_org_cap: int
    min_organisations: int
    window_months: int
    min_evaluations: int
    pool_locations: bool


class Response(NamedTuple):
    """One response, in the order in which responses are applied."""

    received_us: int
    seq: int
    response: str
    customer_org: str
    location: str


class Rulebook:
    """The editions published so far."""

    def __init__(self) -> None:
        self.editions: list[Edition] = []
        """By effective instant; of one instant the later published stands later."""
        self.longest_window = 0
        """In months."""
        self._names: set[str] = set()

    def publish(self, event: Event) -> Edition:
        """Takes an event of the rulebook, which has to be a new edition."""
        check_event(event, RULES_FORMS)
        figures = dict(event.data)
        name, effective_from = figures.pop("edition"), figures.pop("effective_from")
        edition = Edition(name, parse_instant(effective_from, event.where), **figures)
        if edition.name in self._names:
            raise RefutedError(f"{event.where}: edition", found=edition.name, expected=Words("a name not used before"))
        self._names.add(edition.name)
        self.longest_window = max(self.longest_window, edition.window_months)
        insort(self.editions, edition, key=_effective)
        return edition

    def next_us(self, instant_us: int) -> int:
        """When the next edition takes effect after an instant."""
        index = bisect_right(self.editions, instant_us, key=_effective)
        return self.editions[index].effective_us if index < len(self.editions) else END_OF_TIME_US

    def at(self, instant_us: int) -> Edition | None:
        """The edition in force at an instant."""
        index = bisect_right(self.editions, instant_us, key=_effective)
        return self.editions[index - 1] if index else None


class Membership:
    """What a membership's stream says so far."""

    def __init__(self) -> None:
        self.locations: list[str] = []
        self.levels: list[tuple[int, int, str]] = []
        self.learning: list[tuple[int, int, bool]] = []
        """(from when, seq, what): level, and whether the Learning competency is held."""
        self.responses: dict[str, Response] = {}
        self.by_time: list[Response] = []
        self.organisations = Organisations()
        self._by_name: dict[str, list[Response]] | None = None
        self.void: set[str] = set()
        self._answers: dict[str, str] = {}
        self.evaluations: list[tuple[int, int]] = []
        self.evaluation_ids: set[str] = set()
        self.renewal_dates: set[str] = set()
        self.decided: dict[str, list[Event]] = {}
        """The decisions on each renewal."""

    def apply(self, event: Event) -> Regrouping | None:
        """Takes the next event of the stream; one that contradicts the stream is refuted, and changes nothing."""
        check_event(event, FORMS, ANNOUNCED)
        if not self.locations and event.type != "MembershipEnrolled":
            raise RefutedError(
                event.where, found=Words("a membership that was never enrolled"), expected=Words("one that was")
            )
        handler = _HANDLERS.get(event.type)
        return None if handler is None else handler(self, event)

    def level_at(self, instant_us: int) -> str | None:
        """The level held at an instant."""
        index = bisect_right(self.levels, instant_us, key=_instant)
        return self.levels[index - 1][2] if index else None

    def holds_learning(self, instant_us: int) -> bool:
        """Whether the Learning competency is held at an instant."""
        index = bisect_right(self.learning, instant_us, key=_instant)
        return self.learning[index - 1][2] if index else False

    def changes_learning(self, instant_us: int) -> bool:
        """Whether the latest word on the competencies at an instant is another, as to Learning, than the one before it."""
        index = bisect_right(self.learning, instant_us, key=_instant) - 1
        return self.learning[index][2] != (index > 0 and self.learning[index - 1][2])

    def next_competencies_us(self, instant_us: int) -> int:
        """When the next word on the competencies holds, after an instant."""
        index = bisect_right(self.learning, instant_us, key=_instant)
        return self.learning[index][0] if index < len(self.learning) else END_OF_TIME_US

    def received_within(self, months: int, instant_us: int) -> Iterator[Response]:
        """The responses, void ones too, whose window holds the instant; earliest first."""
        first = bisect_left(self.by_time, earliest_us(months, instant_us), key=_received)
        last = bisect_right(self.by_time, instant_us, key=_received)
        received = map(self.by_time.__getitem__, range(first, last))
        return (response for response in received if instant_us < add_months(response.received_us, months))

    def number_within(self, months: int, instant_us: int) -> int:
        """How many responses, void ones too, have a window that holds the instant."""
        years, rest = divmod(months, 12)
        shortest_us = (years * SHORTEST_YEAR_DAYS + rest * SHORTEST_MONTH_DAYS) * DAY_US
        first = bisect_left(self.by_time, earliest_us(months, instant_us), key=_received)
        sure = bisect_right(self.by_time, instant_us - shortest_us, key=_received)
        last = bisect_right(self.by_time, instant_us, key=_received)
        return last - sure + sum(instant_us < add_months(r.received_us, months) for r in self.by_time[first:sure])

    def evaluations_within(self, months: int, instant_us: int) -> Iterator[int]:
        """The instants of the evaluations whose window holds the instant; earliest first."""
        first = bisect_left(self.evaluations, earliest_us(months, instant_us), key=_instant)
        last = bisect_right(self.evaluations, instant_us, key=_instant)
        return (us for us, _ in self.evaluations[first:last] if instant_us < add_months(us, months))

    def responses_of(self, key: Key) -> list[Response]:
        """The responses, void ones too, of an organisation, a name after the other."""
        if self._by_name is None:  # most memberships join no names, and need no such list
            self._by_name = {}
            for response in self.by_time:
                self._by_name.setdefault(response.customer_org, []).append(response)
        return [response for name in self.organisations.names(key) for response in self._by_name.get(name, ())]

    def _enrol(self, event: Event) -> None:
        if self.locations:
            raise RefutedError(event.where, found=Words("a second enrolment"), expected=Words("one"))
        self._update(event)
        self.locations = [*event.data["locations"]]

    def _update(self, event: Event) -> None:
        data = event.data
        if not data:
            raise RefutedError(event.where, found=data, expected=Words("something that changes"))
        if "level" in data:
            insort(self.levels, (event.occurred_us, event.seq, data["level"]))
        if "competencies" in data:
            held = any(name.casefold() == LEARNING for name in data["competencies"])
            insort(self.learning, (event.occurred_us, event.seq, held))

    def _add_location(self, event: Event) -> None:
        location = event.data["location"]
        if location in self.locations:
            raise RefutedError(f"{event.where}: location", found=location, expected=Words("one not added before"))
        self.locations.append(location)

    def _set_renewal_date(self, event: Event) -> None:
        self.renewal_dates.add(event.data["renewal_date"])

    def _name(self, event: Event) -> None:
        self.organisations.use(event.data, event.where)

    def _withdraw(self, event: Event) -> None:
        self.organisations.withdraw(event.data, event.where)

    def _tell_apart(self, event: Event) -> None:
        self.organisations.tell_apart(event.data, event.where)

    def _join(self, event: Event) -> Regrouping:
        return self.organisations.join(event.data, event.where)

    def _separate(self, event: Event) -> Regrouping:
        return self.organisations.separate(event.data, event.where)

    def _receive(self, event: Event) -> None:
        data = event.data
        name, location, organisation, token = (
            data[key] for key in ("response", "location", "customer_org", "answer_token")
        )
        if name in self.responses:
            raise RefutedError(f"{event.where}: response", found=name, expected=Words("one not received before"))
        if location not in self.locations:
            raise RefutedError(f"{event.where}: location", found=location, expected=sorted(self.locations))
        answer = self._answers.get(token)
        if answer is not None and answer not in self.void:
            expected = Words(f"another than that of {answer!a}, which is not void")
            raise RefutedError(f"{event.where}: answer_token", found=token, expected=expected)
        if "spelt" in data or organisation not in self.organisations.known:
            organisation = self.organisations.use(data, event.where)
        if token is not None:
            self._answers[token] = name
        response = self.responses[name] = Response(event.occurred_us, event.seq, name, organisation, location)
        if self._by_name is not None:
            self._by_name.setdefault(organisation, []).append(response)
        if self.by_time and response < self.by_time[-1]:
            insort(self.by_time, response)
        else:
            self.by_time.append(response)

    def _void(self, event: Event) -> None:
        data, where = event.data, event.where
        name = data["response"]
        response = self.responses.get(name)
        if response is None or name in self.void:
            raise RefutedError(f"{where}: response", found=name, expected=Words("one received and not void yet"))
        recorded = [data["received_at"], data["customer_org"], data["location"]]
        received = [format_instant(response.received_us), response.customer_org, response.location]
        if recorded != received:
            raise RefutedError(f"{where}: what is said of {name}", found=recorded, expected=received)
        self.void.add(name)

    def _evaluate(self, event: Event) -> None:
        name = event.data["evaluation"]
        if name in self.evaluation_ids:
            raise RefutedError(f"{event.where}: evaluation", found=name, expected=Words("one not received before"))
        self.evaluation_ids.add(name)
        insort(self.evaluations, (event.occurred_us, event.seq))

    def _decide(self, event: Event) -> None:
        self.decided.setdefault(event.data["renewal_date"], []).append(event)


_HANDLERS: dict[str, Callable[[Membership, Event], Regrouping | None]] = {
    "MembershipEnrolled": Membership._enrol,
    "MembershipUpdated": Membership._update,
    "LocationAdded": Membership._add_location,
    "ConsentGiven": Membership._name,
    "ConsentWithdrawn": Membership._withdraw,
    "InvitationSent": Membership._name,
    "OrganisationDistinguished": Membership._tell_apart,
    "OrganisationsJoined": Membership._join,
    "OrganisationsSeparated": Membership._separate,
    "RenewalDateSet": Membership._set_renewal_date,
    "ResponseReceived": Membership._receive,
    "ResponseVoided": Membership._void,
    "EvaluationReceived": Membership._evaluate,
    "RenewalDecided": Membership._decide,
}


def earliest_us(months: int, instant_us: int) -> int:
    """An instant before which nothing received can still count; a little early, never late."""
    return instant_us - (months * LONGEST_MONTH_DAYS + 1) * DAY_US
