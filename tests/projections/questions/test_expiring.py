"""Certificates that will expire, and what the score falls to, against the oracle of the text."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import UnknownDesignation
from projections.questions.answer import plain
from projections.questions.expiring import expiring
from tests.console.designation_story import AREA, certificate, qualified
from tests.console.designation_story import told as told_fact
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.score import spans, state
from tests.oracle.survey.time import MICROSECOND, add_months, stamp
from tests.projections.capability.support import ScoreBook, score_book, some_instant
from tests.support.real_book import some_folder
from tests.support.soak import scaled


def expected(told: ScoreBook, key: tuple[str, str], at: datetime, known: int, months: int) -> list[dict[str, Any]]:
    """What the text says of the certificates that end."""
    found = []
    for one in spans(told.oracle, *key, known):
        until = one["until"]
        if until is None or not (one["since"] <= at < until <= add_months(at, months)):
            continue
        before, after = (state(told.oracle, *key, moment, known) for moment in (until - MICROSECOND, until))
        tier = one["tier"]
        found.append({
            "certificate": one["certificate"], "tier": tier, "until": stamp(until),
            "people_before": before["metrics"][tier]["people"], "people": after["metrics"][tier]["people"],
            "tier_centipoints_before": before["metrics"][tier]["centipoints"],
            "tier_centipoints": after["metrics"][tier]["centipoints"], "centipoints": after["centipoints"],
            "qualified": after["qualified"],
        })  # fmt: skip
    return sorted(found, key=lambda one: (one["until"], one["certificate"]))


def check(told: ScoreBook, random: Random, questions: int) -> int:
    """Holds answers against the text; returns how many certificates were found."""
    number = 0
    with told.reader() as reader:
        for _ in range(questions):
            key = random.choice(sorted(told.oracle.designations()))
            known, months = random.randint(0, len(told.oracle.accepted)), random.choice([1, 6, 6, 120])
            if key not in told.oracle.designations(known):
                with pytest.raises(UnknownDesignation):
                    expiring(reader, *key, 0, told.position_of(known), months)
                continue
            at = some_instant(random, told.oracle, *key, known)
            found = plain(expiring(reader, *key, micros(at), told.position_of(known), months))
            wanted = expected(told, key, at, known, months)
            assert (found["total"], found["certificates"]) == (len(wanted), wanted)
            number += len(wanted)
    return number


@settings(max_examples=scaled(25), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.randoms(use_true_random=False))
def test_certificates_that_end_are_those_of_the_text(facts: list[Any], random: Random) -> None:
    with some_folder() as folder, score_book(folder) as told:
        told.tell(facts)
        if told.oracle.designations():
            check(told, random, 10)


def some_certificates(random: Random) -> list[dict[str, Any]]:
    """Certificates of few people that end in 2024 and 2025, by themselves or because somebody ends them."""
    facts = []
    for number in range(100, 116):
        tier = random.choice(["intermediate", "advanced"])
        until = f"{random.choice([2024, 2025])}-{random.randint(2, 12):02}-{random.choice(['01', '10'])}"
        facts.append(certificate(number, tier, f"p-{random.randint(1, 4)}", valid_until=until))
        if random.random() < 0.3:
            on = f"2024-{random.randint(2, 12):02}-10"
            name = facts[-1]["certificate"]
            facts.append(told_fact("end-certificate", f"end-{number}", "2024-06-01T00:00:00Z", certificate=name, on=on))
    return facts


def test_among_many_certificates_of_few_people_those_that_end_are_found(tmp_path: Path) -> None:
    number = 0
    for seed in range(4):
        random, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir()
        with score_book(folder) as told:
            told.tell([*qualified(), *some_certificates(random)])
            number += check(told, random, 30)
    assert number > 100


def test_a_certificate_whose_person_holds_another_takes_no_points(tmp_path: Path) -> None:
    with score_book(tmp_path) as told:
        told.tell([*qualified(), certificate(9, "intermediate", "p-1")])
        with told.reader() as reader:
            at_us = micros(datetime.fromisoformat("2024-08-01T00:00:00+00:00"))
            found = expiring(reader, "m-1", AREA, at_us)
            first_listed = expiring(reader, "m-1", AREA, at_us, None, 5)
    assert (found.total, first_listed.total) == (3, 0)
    assert {one.certificate for one in found.certificates} == {f"intermediate-{n}" for n in (1, 2, 3)}
    assert {(one.people_before, one.people, one.tier_centipoints, one.centipoints) for one in found.certificates} == {
        (3, 1, 400, 7_400 - 800)
    }


def test_no_more_than_so_many_are_listed_and_all_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.questions.expiring.LISTED_MAX", 2)
    with score_book(tmp_path) as told:
        told.tell(qualified())
        with told.reader() as reader:
            found = expiring(reader, "m-1", AREA, micros(datetime.fromisoformat("2024-08-01T00:00:00+00:00")))
    assert (found.total, [one.certificate for one in found.certificates]) == (3, ["intermediate-1", "intermediate-2"])
