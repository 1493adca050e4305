"""The audit of a book that holds both programmes, and of one in which a host with the key has rewritten a designation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from ledger.audit.audit import audit
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.writing.writer import Writer
from tests.contracts.backends import BACKENDS
from tests.ledger.programmes.capability.book import BOTH
from tests.ledger.programmes.capability.test_properties import NOW, micros
from tests.ledger.seal.support import Ledger, a_ledger, policy
from tests.ledger.seal.test_organisation_attacks import history_of, sealed_again
from tests.oracle.capability.histories import AREA, history

STREAM = f"designation-m-1/{AREA}"


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A survey with its decision, and then two designations."""
    with a_ledger(request.param, request.param.place(request), tmp_path / "log") as made:
        writer = Writer(made.store, lambda: micros(NOW), BOTH, rehearsal=True)
        for seed in (5, 22):
            for fact in history(Random(seed), 60):
                told = fact | {"id": f"{seed}-{fact['id']}"} | ({"area": f"{AREA}-{seed}"} if seed > 5 else {})
                writer.record([BOTH.facts.from_object(told)])
        writer.review()
        made.seal()
        yield made


def test_both_are_rechecked(ledger: Ledger) -> None:
    report = ledger.audit()
    assert (report.verdict, report.findings) == ("confirmed", [])
    counted = [row.type for row in ledger.store.read_feed(0, 10_000)]
    announced = counted.count("EligibilityChanged") + counted.count("DesignationChanged")
    decided = counted.count("RenewalDecided") + counted.count("DesignationDecided")
    assert counted.count("DesignationChanged") > 3
    assert decided > 1
    assert (report.announcements, report.decisions) == (announced, decided)


def test_a_rewritten_designation_is_refuted_though_the_log_is_sound(ledger: Ledger, tmp_path: Path) -> None:
    rewritten = history_of(ledger)
    place = next(number for number, (_, event) in enumerate(rewritten) if event["type"] == "DesignationChanged")
    changed = json.loads(json.dumps(rewritten[place][1]))
    changed["data"]["centipoints"] += 1
    rewritten[place] = (rewritten[place][0], changed)
    report = sealed_again(ledger, tmp_path, rewritten).audit()
    assert report.verdict == "refuted"
    assert any("centipoints" in finding.what for finding in report.findings)


def test_an_edition_that_is_taken_out_is_missed(ledger: Ledger, tmp_path: Path) -> None:
    rewritten = [one for one in history_of(ledger) if one[1]["type"] != "ScorebookPublished"]
    assert sealed_again(ledger, tmp_path, rewritten).audit().verdict == "refuted"


def test_an_event_of_the_other_programme_in_a_designation_is_refuted(ledger: Ledger, tmp_path: Path) -> None:
    """A reminder counts for nothing in the survey, and is read so quickly that it is not even made; here it cannot be."""
    rewritten = history_of(ledger)
    place = next(number for number, (stream, _) in enumerate(rewritten) if stream == STREAM) + 1
    reminder = rewritten[place - 1][1] | {"type": "ReminderSent", "data": {"invitation": "i"}, "fact": "a-reminder"}
    forged = sealed_again(ledger, tmp_path, [*rewritten[:place], (STREAM, reminder), *rewritten[place:]])
    assert forged.audit().verdict == "refuted"


def test_a_stream_of_a_programme_that_is_not_handed_in_is_refuted(ledger: Ledger) -> None:
    assert len(PROOF_PROGRAMMES) == 2
    report = audit(ledger.store, ledger.folder, policy(), [Survey()], workers=1)
    assert report.verdict == "refuted"
    assert {finding.expected for finding in report.findings} == {"a stream of a programme"}
