"""What events say, read as strictly as the offline verifier reads it, and faster.

Rows are read in runs, a column at a time: what holds for a whole run is asked once. A run in which anything is not as
it should be is read again row by row, and what then is not as it should be by the verifier's own strict reading.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from ledger.instants import EPOCH, MICROSECOND
from ledger.proof.fold import is_label
from ledger.proof.log import strictjson
from ledger.proof.log.errors import ProofError, shown
from ledger.proof.log.event import FACT_ID, KEYS, SALT, Event, format_instant, parse_event
from ledger.proof.log.merkle import ENTRY_MAX_BYTES
from ledger.proof.programme import Light
from ledger.seal.findings import Finding, finding_of

Leafed = tuple[str, int, str, int, bytes, bytes]
"""An event: stream, seq, type, position, stored bytes, leaf hash."""
RUN: Final = 256
NESTING_MAX: Final = 8
CANONICAL: Final = orjson.OPT_STRICT_INTEGER | orjson.OPT_SORT_KEYS
USUAL_VERSION: Final = 1
"""The version of nearly all events; what is of another one is read by itself."""
NONE_LIGHT: Final = Light(frozenset(), {}, "", lambda _type, _data: True)
OPTIONAL_TEXT: Final = frozenset((str, type(None)))
NESTED: Final = frozenset((dict, list))
SALT_CHARS: Final = 24
SALTS: Final = re.compile(f"(?:{SALT.pattern})*")
FACT_IDS: Final = re.compile(rf"(?:{FACT_ID.pattern}\n)*")
INSTANT_SHAPE: Final = b"0000-00-00T00:00:00.000000Z"
NO_HOUR: Final = "T24"  # some versions of the standard library let it pass
DIGITS_TO_ZERO: Final = bytes.maketrans(b"0123456789", b"0" * 10)

# The very strings that `loads` takes for keys: to find one is to compare addresses.
_members = itemgetter(*orjson.loads(orjson.dumps(dict.fromkeys(sorted(KEYS)))))
_as_event: Callable[[tuple[Any, ...]], Event] = partial(tuple.__new__, Event)


class Said(NamedTuple):
    """What some rows say, each at its place; None where a row cannot be read, which is among the findings."""

    prevs: list[str | None]
    recorded: list[str | None]
    """When each was recorded; canonical instants stand in the order of time."""
    events: list[Event | int | None]
    """The event; of one of a light type only its occurred_us."""
    labels: list[str | None]
    """The label that an event names of which there is only its occurred_us."""


def read_rows(rows: Sequence[Leafed], findings: list[Finding], light: Light | None = None) -> Said:
    """What the rows say, all of one programme with these light types.

    What is wrong with their form, or with the columns beside it, goes to the findings.
    """
    light = light or NONE_LIGHT
    said = Said([], [], [], [])
    for start in range(0, len(rows), RUN):
        run = rows[start : start + RUN]
        try:
            _read_run(run, said, light)
        except (ValueError, TypeError, KeyError, AttributeError):
            for row in run:
                try:
                    _read_run((row,), said, light)
                except (ValueError, TypeError, KeyError, AttributeError):
                    _read_strictly(row, said, findings)
    return said


def _read_run(rows: Sequence[Leafed], said: Said, light: Light) -> None:
    """Reads rows all of which are sound.

    ValueError, TypeError, KeyError or AttributeError: one of them is not what its columns say, or not as it is written.
    """
    names, seqs, types, _, stored, leaves = zip(*rows, strict=True)
    values = list(map(orjson.loads, stored))
    members = zip(*map(_members, values), strict=True)
    actors, data, facts, occurred, prevs, recorded, salts, own_seqs, own_names, own_types, versions = members
    sound = (
        set(map(len, values)) == {len(KEYS)}
        and own_names == names
        and own_types == types
        and own_seqs == seqs
        and versions == (USUAL_VERSION,) * len(versions)
        and set(map(type, own_seqs + versions)) == {int}
        and set(map(type, prevs)) == {str}
        and set(map(len, salts)) == {SALT_CHARS}
        and SALTS.fullmatch("".join(salts)) is not None
        and OPTIONAL_TEXT.issuperset(map(type, actors))
        and _are_fact_ids([fact for fact in facts if fact is not None])
        and max(map(len, stored)) <= ENTRY_MAX_BYTES
        and orjson.dumps(values, option=CANONICAL) == b"[" + b",".join(stored) + b"]"
    )
    if not sound:
        raise ValueError(stored)
    distinct = tuple(set(recorded))
    recorded_us = dict(zip(distinct, _instants(distinct), strict=True))
    events: list[Event | int | None] = [*_instants(occurred)]
    labels: list[str | None] = [None] * len(events)
    actors_are_labels = all(is_label(actor) for actor in set(actors) if actor is not None)
    nothing, label_keys, unless, are_sound = light if actors_are_labels else NONE_LIGHT
    of_light: defaultdict[str, list[Any]] = defaultdict(list)
    in_full: list[Any] = []
    light_types = nothing | label_keys.keys()
    for i, type_name in enumerate(types):
        if type_name in light_types:
            says, key = data[i], label_keys.get(type_name)
            if (key is None or unless not in says) and seqs[i] > 1 and facts[i] is not None:
                of_light[type_name].append(says)
                labels[i] = None if key is None else says[key]
                continue
        in_full.append(data[i])
        events[i] = _as_event(
            (names[i], seqs[i], type_name, USUAL_VERSION, events[i], recorded_us[recorded[i]], facts[i], prevs[i],
             data[i], leaves[i], actors[i])
        )  # fmt: skip
    if not _plain(chain.from_iterable(map(dict.values, in_full))):
        raise ValueError(in_full)
    for type_name, of_type in of_light.items():
        if not are_sound(type_name, of_type):
            raise ValueError(of_type)
    said.prevs.extend(prevs)
    said.recorded.extend(recorded)
    said.events.extend(events)
    said.labels.extend(labels)


def _read_strictly(row: Leafed, said: Said, findings: list[Finding]) -> None:
    """Reads a row as the verifier does."""
    name, seq, type_name, position, stored, _ = row
    where = f"position {position}: {name}/{seq}"
    try:
        event = parse_event(stored, where)
    except ProofError as error:
        findings.append(finding_of(error, "tampered"))
        said.prevs.append(None)
        said.recorded.append(None)
        said.events.append(None)
        said.labels.append(None)
        return
    if (canonical := strictjson.canonical(strictjson.loads(stored, where, max_bytes=ENTRY_MAX_BYTES))) != stored:
        findings.append(Finding("tampered", f"{where}: form", shown(stored), shown(canonical)))
    if (own := (event.stream, event.seq, event.type)) != (name, seq, type_name):
        what = f"{where}: stream, seq and type of the event"
        findings.append(Finding("tampered", what, str(own), str((name, seq, type_name))))
    said.prevs.append(event.prev)
    said.recorded.append(format_instant(event.recorded_us))
    said.events.append(event._replace(stream=name, seq=seq))
    said.labels.append(None)


def _are_fact_ids(facts: list[str]) -> bool:
    """Whether the verifier would read them, as `FACT_ID` asks of each. TypeError where one is no text."""
    lines = "\n".join([*facts, ""])
    return lines.count("\n") == len(facts) and FACT_IDS.fullmatch(lines) is not None


def _plain(values: Iterable[Any]) -> bool:
    """Whether the verifier would read the values: no floats, and not nested deeply."""
    for _ in range(NESTING_MAX):
        level = list(values)
        kinds = set(map(type, level))
        if float in kinds:
            return False
        if kinds.isdisjoint(NESTED):
            return True
        nested = (value for value in level if type(value) in NESTED)
        values = chain.from_iterable(value.values() if isinstance(value, dict) else value for value in nested)
    return False


def _instants(texts: tuple[str, ...]) -> list[int]:
    """The instants in microseconds; ValueError or TypeError where one is not in the stored form.

    As the verifier's `parse_instant`, which asks each text by itself for its form.
    """
    together = "".join(texts)
    shape = together.encode("ascii").translate(DIGITS_TO_ZERO)
    if shape != INSTANT_SHAPE * len(texts) or set(map(len, texts)) != {len(INSTANT_SHAPE)} or NO_HOUR in together:
        raise ValueError(texts)
    return [(instant - EPOCH) // MICROSECOND for instant in map(datetime.fromisoformat, texts)]
