"""Evidence of a revision, and as of a published size: what was known then is proven as it was then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import NotSealed
from ledger.programmes.registry import fact_from_object
from ledger.proof.log.bundle import Bundle
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.heads import parse_heads_entry
from ledger.proof.log.note import parse_note
from ledger.proof.log.report import Report
from ledger.proof.log.since import Since, parse_consistency
from ledger.proof.log.strictjson import canonical
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence, prove_extension, published_at
from projections.questions.answer import plain
from tests.console.support import edition, fact, met, response
from tests.contracts.backends import BACKENDS
from tests.ledger.seal.support import (
    RENEWAL,
    WITNESSED_S,
    Beside,
    Ledger,
    a_ledger,
    a_witness,
    decision,
    policy_bytes,
    sqlite_ledger,
    witnessed,
)
from tests.support.soak import scaled

M1 = "membership-m-1"


def evidence(ledger: Ledger, **which: int | None) -> Bundle:
    return collect_evidence(ledger.store, ledger.folder, Survey(), M1, RENEWAL, **which)


def judged(bundle: Bundle, **trust: Any) -> Report:
    return verify(bundle.encoded(), policy_bytes(**trust), PROOF_PROGRAMMES)


def size_of(bundle: Bundle) -> int:
    return parse_checkpoint(parse_note(bundle.checkpoint)[0]).size


def since(new: Bundle, old: Bundle, ledger: Ledger) -> Report:
    """New evidence against older, by the proof that the command writes."""
    proof = plain(prove_extension(min(size_of(old), size_of(new)), new.checkpoint, ledger.folder).answer())
    older = Since(old.encoded(), parse_consistency(canonical(proof)))
    return verify(new.encoded(), policy_bytes(), PROOF_PROGRAMMES, since=older)


def decide_again(ledger: Ledger, number: int) -> None:
    """One response less, and the decision after it."""
    void = fact("void-response", f"void-{number}", "2011-04-01T00:00:00Z", response=f"m-1-r-{number}", reason="fraud")
    ledger.record([void, decision("m-1", number)])


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def revised(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Three revisions, of which the third is not sealed; the first is sealed alone. On each backend."""
    with a_ledger(request.param, request.param.place(request), tmp_path / "log") as ledger:
        ledger.seal()
        decide_again(ledger, 2)
        ledger.seal()
        decide_again(ledger, 3)
        yield ledger


def revision(bundle: Bundle) -> tuple[int, int]:
    report = judged(bundle)
    assert report.verdict == "confirmed", report.words()
    assert report.decision is not None
    assert report.revision is not None
    assert report.decision["revision"] == report.revision["number"]
    return report.revision["number"], report.revision["of"]


def test_each_revision_has_evidence_of_its_own(revised: Ledger) -> None:
    assert [revision(evidence(revised, revision=number)) for number in (1, 2)] == [(1, 2), (2, 2)]
    revised.seal()
    assert [revision(evidence(revised, revision=number)) for number in (1, 2, 3)] == [(1, 3), (2, 3), (3, 3)]
    assert revision(evidence(revised)) == (3, 3)


def test_an_older_revision_never_passes_for_one_that_is_not_sealed_yet(revised: Ledger) -> None:
    for which in ({}, {"revision": 3}):
        with pytest.raises(NotSealed, match="the last that is sealed; seal first"):
            evidence(revised, **which)
    with pytest.raises(NotSealed, match="found 2 decisions under this checkpoint, expected 4 or more"):
        evidence(revised, revision=4)


def test_at_a_size_the_newest_decision_of_then_is_proven(revised: Ledger) -> None:
    first, second = (parse_checkpoint(parse_note(signed)[0]).size for signed in revised.folder.history())
    assert revision(evidence(revised, at=first)) == (1, 1)
    assert revision(evidence(revised, at=second)) == (2, 2)
    assert revision(evidence(revised, at=second, revision=1)) == (1, 2)
    with pytest.raises(NotSealed, match="the last that is under this checkpoint"):
        evidence(revised, at=first, revision=2)
    revised.seal()
    assert revision(evidence(revised, at=first)) == (1, 1)


def test_only_sizes_that_were_published_can_be_asked_for(revised: Ledger) -> None:
    first, second = (parse_checkpoint(parse_note(signed)[0]).size for signed in revised.folder.history())
    for size, near in ((first + 1, f"{first} or {second}"), (first - 1, f"{first}"), (second + 5, f"{second}")):
        with pytest.raises(NotSealed, match=f"no checkpoint of size {size} .*: {near}$"):
            evidence(revised, at=size)
    with pytest.raises(NotSealed, match="found a log of"):
        prove_extension(second + 1, revised.folder.checkpoint() or b"", revised.folder)


def test_before_the_first_decision_there_is_none_to_prove(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path, met()) as ledger:
        size = ledger.seal().size
        ledger.record([decision("m-1")])
        ledger.seal()
        with pytest.raises(NotSealed, match="found 0 decisions under this checkpoint, expected 1 or more"):
            evidence(ledger, at=size)


def test_cosignatures_of_an_older_checkpoint_are_kept(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        plain_size = ledger.seal().size
        witness = a_witness(tmp_path / "witness")
        try:
            assert ledger.seal(cosigner=Beside(witness)).size == plain_size  # cosigned after it was published
            decide_again(ledger, 2)
            ledger.seal(cosigner=Beside(witness))
        finally:
            witness.close()
        decide_again(ledger, 3)
        ledger.seal()
        assert judged(evidence(ledger), **witnessed()).verdict == "incomplete"
        then = judged(evidence(ledger, at=plain_size), **witnessed())
        assert then.verdict == "confirmed"
        assert then.checkpoint is not None
        assert [one["time"] for one in then.checkpoint["cosigned"]] == [WITNESSED_S]
        assert len(parse_note(published_at(ledger.folder, plain_size))[1]) == 2


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("respond"), st.integers(1, 12), st.sampled_from(("Brontegard", "Lindomar", "Third"))),
        st.tuples(st.just("void"), st.integers(1, 20), st.none()),
        st.tuples(st.just("edition"), st.integers(6, 12), st.none()),
        st.tuples(st.just("other"), st.integers(1, 12), st.none()),
        st.tuples(st.just("decide"), st.none(), st.none()),
        st.tuples(st.just("decide"), st.none(), st.none()),
        st.tuples(st.just("seal"), st.none(), st.none()),
        st.tuples(st.just("seal"), st.none(), st.none()),
    ),
    min_size=4,
    max_size=24,
)


def take(ledger: Ledger, number: int, step: tuple[Any, ...]) -> None:
    """Records what a step says; what the rules refuse changes nothing."""
    kind, value, name = step
    at = "2011-04-01T00:00:00Z"
    facts = {
        "respond": lambda: response(100 + number, name, f"2010-{value:02d}-15T00:00:00Z"),
        "other": lambda: response(100 + number, "Elsewhere", f"2010-{value:02d}-15T00:00:00Z", "m-2"),
        "void": lambda: fact("void-response", f"v-{number}", at, response=f"m-1-r-{value}", reason="fraud"),
        "edition": lambda: edition(f"e-{number}", "2010-01-01T00:00:00Z", min_responses=value),
        "decide": lambda: fact("decide-renewal", f"d-{number}", "2011-06-01T00:00:00Z", renewal_date=RENEWAL),
    }
    ledger.writer.record([fact_from_object(facts[kind]())])


@given(STEPS, st.data())
@settings(max_examples=scaled(25), deadline=None, suppress_health_check=[*HealthCheck])
def test_evidence_at_any_size_is_what_it_was_then_and_each_newer_one_extends_it(steps: Any, data: Any) -> None:
    with TemporaryDirectory() as folder, sqlite_ledger(Path(folder), [*met(), *met("m-2"), decision("m-1")]) as ledger:
        then: dict[int, bytes] = {}

        def seal() -> None:
            size = ledger.seal().size
            then[size] = evidence(ledger).encoded()

        seal()
        for number, step in enumerate(steps):
            seal() if step[0] == "seal" else take(ledger, number, step)
        seal()
        sizes = sorted(then)
        older, newer = sorted(data.draw(st.lists(st.sampled_from(sizes), min_size=2, max_size=2)))
        old, new = evidence(ledger, at=older), evidence(ledger, at=newer)
        assert (old.encoded(), new.encoded()) == (then[older], then[newer])
        assert all(event.index < older for event in (*old.events, *old.editions))
        through = parse_heads_entry(old.heads.entry).through
        assert len(list(ledger.store.read_stream(M1, through=through))) == len(old.events)
        assert revision(old)[0] == revision(old)[1]
        report = since(new, old, ledger)
        assert (report.verdict, report.since and report.since["log_extends"]) == ("confirmed", True), report.words()
        if older < newer:
            assert since(old, new, ledger).verdict == "incomplete"
            assert (
                verify(new.encoded(), policy_bytes(), PROOF_PROGRAMMES, since=Since(old.encoded())).verdict
                == "incomplete"
            )


def test_of_a_forked_history_in_another_log_the_two_are_told_apart(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        decide_again(ledger, 2)
        ledger.seal()
        old = evidence(ledger)
        (tmp_path / "other").mkdir()
        with sqlite_ledger(tmp_path / "other") as other:
            other.seal()
            decide_again(other, 3)
            other.seal()
            decide_again(other, 4)
            other.seal()
            report = since(evidence(other), old, other)
    assert report.verdict == "tampered"
    assert "a fork, signed twice" in json.loads(report.encoded())["difference"]["what"]
