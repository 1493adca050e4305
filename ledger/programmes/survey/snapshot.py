"""Snapshots: the state of a long stream as bytes, so that nobody has to fold 100,000 events to add one.

A snapshot is one JSON object of columns (a list for each attribute, not an object for each response), which loads
several times faster than the objects would. It is a cache of the fold and nothing else: it names the `seq` and the leaf
hash it was taken at, and is dropped without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import fields
from itertools import repeat
from operator import attrgetter, gt
from sys import intern
from typing import Any, Final

import orjson

from ledger.programmes.survey.state import Announcement, Invitation, Membership, Renewal, Response
from ledger.programmes.survey.tally import Timeline

FORMAT: Final = 4
"""Part of every snapshot; one of another format is ignored, and the stream folded."""

_ATTRIBUTES: Final = attrgetter(*(one.name for one in fields(Response)))


def dump_state(state: Membership) -> bytes:
    """The state as bytes."""
    consents = [
        (subject, name, *word)
        for subject, said in state.consents.items()
        for name, words in said.items()
        for word in words
    ]
    return orjson.dumps(
        {
            "format": FORMAT,
            "seq": state.seq,
            "head": state.head,
            "enrolled": state.enrolled,
            "first_position": state.first_position,
            "horizon_us": state.horizon_us,
            "organisations": [list(column) for column in zip(*state.organisations.folds(), strict=True)],
            "joins": state.organisations.joins(),
            "locations": list(state.evidence.locations),
            "levels": state.evidence.levels.entries,
            "learning": state.evidence.learning.entries,
            "renewals": [(day, renewal.revision, renewal.decided) for day, renewal in state.renewals.items()],
            "consents": [list(column) for column in zip(*consents, strict=True)],
            "invitations": [
                list(state.invitations),
                [invitation.subject for invitation in state.invitations.values()],
                [invitation.customer_org for invitation in state.invitations.values()],
                [invitation.by_operator for invitation in state.invitations.values()],
                [invitation.reminded for invitation in state.invitations.values()],
            ],
            "answers": [list(state.answers), list(state.answers.values())],
            "responses": _columns_of(state.responses),
            "evaluations": [sorted(state.evaluations), list(state.evidence.evaluations.instants)],
            "announced": [list(entry) for entry in state.announced],
        }
    )


def load_state(stored: bytes) -> Membership | None:
    """The state that bytes hold; None where they are of another format."""
    raw: dict[str, Any] = orjson.loads(stored)
    if raw.get("format") != FORMAT:
        return None
    state = Membership(
        seq=raw["seq"],
        head=raw["head"],
        enrolled=raw["enrolled"],
        first_position=raw["first_position"],
        horizon_us=raw["horizon_us"],
    )
    evidence = state.evidence
    _load_organisations(state, raw)
    for location in raw["locations"]:
        evidence.add_location(location)
    evidence.levels = Timeline((at, order, value) for at, order, value in raw["levels"])
    evidence.learning = Timeline((at, order, value) for at, order, value in raw["learning"])
    state.renewals = {day: Renewal(revision, decided) for day, revision, decided in raw["renewals"]}
    if raw["consents"]:
        for subject, name, *word in zip(*raw["consents"], strict=True):
            state.consents.setdefault(subject, {}).setdefault(name, []).append(tuple(word))
    state.invitations = {name: Invitation(*attributes) for name, *attributes in zip(*raw["invitations"], strict=True)}
    state.answers = dict(zip(*raw["answers"], strict=True))
    _load_responses(state, raw["responses"])
    references, instants = raw["evaluations"]
    state.evaluations = set(references)
    evidence.evaluations.instants = instants
    state.announced = [Announcement(*entry) for entry in raw["announced"]]
    return state


def _load_organisations(state: Membership, raw: dict[str, Any]) -> None:
    organisations = state.organisations
    if raw["organisations"]:
        for name, fold in zip(*raw["organisations"], strict=True):
            organisations.know(name, fold)
    for one, other in raw["joins"]:
        organisations.join(one, other)


def _load_responses(state: Membership, columns: list[list[Any]]) -> None:
    for column in (1, 2):  # few names, each of them in memory once
        columns[column] = [*map(intern, columns[column])]
    names, locations, organisations, received, seqs, _, voided = columns
    state.responses = _LoadedResponses(columns)
    # By receipt, so that everything is appended and nothing has to be moved. Most often they came in that order.
    order: Sequence[int] = range(len(names))
    if any(map(gt, received, received[1:])):
        order = sorted(order, key=received.__getitem__)
    elif len(state.evidence.locations) == 1 and not any(voided):
        (pool,) = state.evidence.locations.values()
        pool.load([*organisations], [*received], [*zip(seqs, names, strict=True)])
        return
    places: dict[str, list[int]] = {}
    for place in order:
        if voided[place]:
            state.voided.instants.append(received[place])
            state.voided.responses.append((seqs[place], names[place]))
        else:
            places.setdefault(locations[place], []).append(place)
    for location, found in places.items():
        state.evidence.locations[location].load(
            [organisations[place] for place in found],
            [received[place] for place in found],
            [(seqs[place], names[place]) for place in found],
        )


def _columns_of(responses: Mapping[str, Response]) -> list[Any]:
    """A column of names, and one for each attribute."""
    if isinstance(responses, _LoadedResponses):
        return responses.columns()
    columns = (
        zip(*map(_ATTRIBUTES, responses.values()), strict=True) if responses else repeat([], len(fields(Response)))
    )
    return [list(responses), *columns]


class _LoadedResponses(MutableMapping[str, Response]):
    """Responses as they stand in a snapshot's columns; an object is made of one when it is asked for.

    Most of 100,000 never are, and making all of them would cost more than all the rest of a decision.
    """

    def __init__(self, columns: list[list[Any]]) -> None:
        names, *self._columns = columns
        self._places: dict[str, int] = dict(zip(names, range(len(names)), strict=True))
        self._made: dict[str, Response] = {}

    def __getitem__(self, name: str) -> Response:
        response = self._made.get(name)
        if response is None:
            place = self._places[name]
            response = self._made[name] = Response(*(column[place] for column in self._columns))
        return response

    def __setitem__(self, name: str, response: Response) -> None:
        if name not in self._places:
            self._places[name] = len(self._places)
            for column in self._columns:
                column.append(None)  # until all columns are asked for
        self._made[name] = response

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"found that the response {name} is to be taken out, and none ever is")

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def columns(self) -> list[Any]:
        """A column of names, and one for each attribute; of the objects that were made, as they are by now."""
        for name, response in self._made.items():
            place = self._places[name]
            for column, value in zip(self._columns, _ATTRIBUTES(response), strict=True):
                column[place] = value
        return [list(self._places), *self._columns]
