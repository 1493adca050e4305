"""Evidence of a revision and as of a size, held against older evidence, as an operator and an auditor do it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.console.cli.test_proof_commands import ORIGIN, policy_file
from tests.console.support import Program, fact, met
from tests.support.answers import wrong_with

DECIDE = ("decide", "m-1", "--renewal", "2011-03-01")
SEAL = ("seal", "--key", "keys/log.key", "--tiles", "log")
TRUST = ("--policy", "policy.json", "--json")


@pytest.fixture
def revised(program: Program) -> tuple[Program, int]:
    """Old evidence in old.json; then a response was voided, the renewal decided again, and all sealed. And the old size."""
    program.record(*met())
    assert program.run(*DECIDE).code == 0
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy_file(program)
    size = program.json(*SEAL).json["size"]
    assert evidence(program, "old.json").code == 0
    program.record(fact("void-response", "v", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="test"))
    assert program.run(*DECIDE).code == 0
    assert program.run(*SEAL).code == 0
    return program, size


def evidence(program: Program, out: str, *more: str) -> Any:
    return program.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", out, *more)


def verdict(program: Program, *arguments: str) -> tuple[int, Any]:
    ran = program.run_bare("verify", *arguments, *TRUST)
    assert wrong_with("verify", ran.json) == [] or "error" in ran.json
    return ran.code, ran.json


def test_as_known_on_the_day_is_proven_and_is_what_was_proven_on_the_day(revised: tuple[Program, int]) -> None:
    program, size = revised
    ran = evidence(program, "then.json", "--at", str(size))
    assert (ran.code, ran.json["size"], ran.json["revision"], ran.json["revisions"]) == (0, size, 1, 1)
    then, old = ((program.folder / name).read_bytes() for name in ("then.json", "old.json"))
    assert then == old
    code, said = verdict(program, "then.json")
    assert (code, said["decision"]["outcome"], said["checkpoint"]["size"]) == (0, "met", size)
    assert said["revision"]["superseded"] is False


def test_an_older_revision_is_proven_and_says_that_it_is_superseded(revised: tuple[Program, int]) -> None:
    program, _ = revised
    first = evidence(program, "first.json", "--revision", "1")
    assert (first.json["revision"], first.json["revisions"]) == (1, 2)
    words = program.run("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "first.json", "--revision",
                        "1").out  # fmt: skip
    assert "this is revision 1 of 2: a later one supersedes it" in words
    code, said = verdict(program, "first.json")
    assert (code, said["verdict"], said["revision"]["superseded"], said["warnings"][0]["code"]) == (
        0, "confirmed", True, "superseded",
    )  # fmt: skip
    told = program.run_bare("verify", "first.json", "--policy", "policy.json").out.splitlines()
    assert told[0] == "verdict: confirmed, of a decision that is SUPERSEDED"
    assert "revision 1 of 2 in this log" in told[1]
    assert (evidence(program, "new.json").json["revision"], verdict(program, "new.json")[1]["revision"]["number"]) == (
        2,
        2,
    )


def test_what_cannot_be_proven_writes_nothing(revised: tuple[Program, int]) -> None:
    program, size = revised
    for more, error in (
        (("--revision", "3"), "not-sealed"),
        (("--at", str(size + 1)), "not-sealed"),
        (("--at", str(size), "--revision", "2"), "not-sealed"),
        (("--since-size", "100000"), "not-sealed"),
        (("--at", str(size), "--since-size", str(size + 1)), "not-sealed"),
    ):
        ran = evidence(program, "x.json", *more)
        assert (ran.code, ran.json["error"]) == (1, error), more
    for option in ("--revision", "--at", "--since-size"):
        for wrong in ("0", "-1", "x", "1.5", "9" * 30, "١"):
            assert evidence(program, "x.json", f"{option}={wrong}").code == 2
    assert not [path for path in program.folder.iterdir() if path.name.startswith("x.")]


def test_evidence_of_another_revision_is_never_written_over(revised: tuple[Program, int]) -> None:
    program, size = revised
    before = (program.folder / "old.json").read_bytes()
    for more in ((), ("--revision", "1"), ("--revision", "2")):
        ran = evidence(program, "old.json", *more)
        assert (ran.code, ran.json["error"]) == (2, "exists")
    assert evidence(program, "old.json", "--at", str(size)).code == 0  # the same again
    assert (program.folder / "old.json").read_bytes() == before


def test_a_timestamp_goes_beside_evidence_under_its_own_checkpoint_only(revised: tuple[Program, int]) -> None:
    program, size = revised
    (program.folder / "log" / "checkpoint.tsr").write_bytes(b"a timestamp")
    assert evidence(program, "then.json", "--at", str(size)).code == 0
    assert not (program.folder / "then.tsr").exists()
    assert evidence(program, "new.json").code == 0
    assert (program.folder / "new.tsr").read_bytes() == b"a timestamp"


def test_newer_evidence_extends_older_by_the_proof_beside_it_or_the_tiles(revised: tuple[Program, int]) -> None:
    program, size = revised
    ran = evidence(program, "new.json", "--since-size", str(size))
    assert (ran.code, ran.json["consistency"]) == (0, "new.consistency.json")
    assert wrong_with("evidence", ran.json) == []
    assert wrong_with("consistency", json.loads((program.folder / "new.consistency.json").read_bytes())) == []
    between = program.run_bare("consistency", "old.json", "new.json", "--tiles", "log", *TRUST)
    (program.folder / "between.json").write_text(between.out)
    for proof in (
        ("--consistency", "new.consistency.json"),
        ("--consistency", "between.json"),
        ("--tiles", "log"),
    ):
        code, said = verdict(program, "new.json", "--since", "old.json", *proof, "--membership", "m-1")
        assert (code, said["verdict"]) == (0, "confirmed"), said
        assert (said["since"]["size"], said["since"]["streams_extend"], said["since"]["log_extends"]) == (
            size,
            True,
            True,
        )
    words = program.run_bare(
        "verify", "new.json", "--policy", "policy.json", "--since", "old.json", "--tiles", "log"
    ).out
    assert "shown: that the log extends the older one" in words
    code, said = verdict(program, "new.json", "--since", "old.json")
    assert (code, said["verdict"], said["since"]["streams_extend"], said["since"]["log_extends"]) == (
        1, "incomplete", True, False,
    )  # fmt: skip
    assert verdict(program, "old.json", "--since", "new.json", "--tiles", "log")[1]["verdict"] == "incomplete"


def test_a_history_that_was_written_anew_contradicts_the_older_evidence(revised: tuple[Program, int]) -> None:
    program, _ = revised
    book = ("--store", "other.db")
    facts = program.write("other.jsonl", met()[:-1])
    assert program.run_bare(*book, "record", facts).code == 0
    assert program.run_bare(*book, *DECIDE).code == 0
    (program.folder / "keys" / "log.signed").write_bytes(b"")
    assert program.run_bare(*book, "seal", "--key", "keys/log.key", "--tiles", "other").code == 0
    ran = program.run_bare(
        *book, "evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "other", "--out", "other.json"
    )
    assert ran.code == 0
    assert verdict(program, "other.json")[0] == 0
    assert evidence(program, "new.json").code == 0
    code, said = verdict(program, "new.json", "--since", "other.json", "--tiles", "log")
    assert (code, said["verdict"]) == (1, "tampered")
    assert said["difference"]["what"].startswith("a fork, signed twice, at sizes ")


def test_evidence_of_another_membership_or_renewal_is_refused(revised: tuple[Program, int]) -> None:
    program, _ = revised
    right = ("--membership", "m-1", "--renewal", "2011-03-01")
    assert verdict(program, "old.json", *right)[1]["verdict"] == "confirmed"
    for asked in (
        ("--membership", "m-2", "--renewal", "2011-03-01"),
        ("--membership", "m-1", "--renewal", "2012-03-01"),
        ("--membership", "m-1", "--area", "business-applications", "--anniversary", "2011-03-31"),
        ("--area", "business-applications"),
    ):
        code, said = verdict(program, "old.json", *asked)
        assert (code, said["verdict"]) == (1, "not-this-decision"), asked


@pytest.mark.parametrize(
    "arguments",
    [
        ("--renewal", "2011-03-01", "--anniversary", "2011-03-31"),
        ("--renewal", "2011-02-30"),
        ("--anniversary", "2011-02-31"),
        ("--consistency", "old.json"),
        ("--tiles", "log"),
        ("--since", "old.json", "--tiles", "log", "--consistency", "old.json"),
        ("--since", "nothing.json"),
        ("--since", "old.json", "--consistency", "nothing.json"),
        ("--since", "old.json", "--consistency", "old.json"),
    ],
)
def test_what_cannot_be_asked_is_exit_code_2(revised: tuple[Program, int], arguments: tuple[str, ...]) -> None:
    program, _ = revised
    assert program.run_bare("verify", "old.json", *arguments, *TRUST).code == 2


def test_tiles_that_are_not_there_are_named(revised: tuple[Program, int]) -> None:
    program, _ = revised
    assert evidence(program, "new.json").code == 0
    (program.folder / "empty").mkdir()
    for folder, expected in (("nowhere", (4, "log-unreachable")), ("empty", (1, "log-damaged"))):
        code, said = verdict(program, "new.json", "--since", "old.json", "--tiles", folder)
        assert (code, said["error"]) == expected
