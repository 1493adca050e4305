"""evidence and verify of a designation, as an operator and an auditor use them."""

from __future__ import annotations

import json

import pytest

from tests.console.cli.test_proof_commands import ORIGIN, policy_file
from tests.console.support import Program
from tests.ledger.seal.designations import ANNIVERSARY, AREA, designation_facts, restatement

WHICH = ("--area", AREA, "--anniversary", ANNIVERSARY)
FILES = ("--tiles", "log", "--out", "m-1.json")


@pytest.fixture
def sealed(program: Program) -> Program:
    """The worked example of docs/capability.md, decided and sealed in `log`."""
    program.now("2024-09-01T00:00:00Z")
    program.record(*designation_facts())
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy_file(program)
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    return program


def test_a_designations_evidence_is_verified_offline(sealed: Program) -> None:
    ran = sealed.json("evidence", "m-1", *WHICH, *FILES)
    assert ran.code == 0, ran
    keys = (
        "membership", "area", "anniversary", "decision", "revision", "revisions", "size", "bundle", "bytes", "proof",
    )  # fmt: skip
    assert ran.json.keys() == set(keys)
    assert [ran.json[key] for key in keys[:3]] == ["m-1", AREA, ANNIVERSARY]
    assert ran.json["bytes"] == (sealed.folder / "m-1.json").stat().st_size
    assert (sealed.folder / "m-1.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")
    verified = sealed.run_bare("verify", "m-1.json", "--policy", "policy.json", "--json")
    assert (verified.code, verified.json["verdict"], verified.json["decision"]["outcome"]) == (
        0,
        "confirmed",
        "qualified",
    )
    words = sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").out
    assert f"membership 'm-1', area '{AREA}', anniversary '{ANNIVERSARY}'" in words
    assert f"events of m-1 in {AREA}" in sealed.run("evidence", "m-1", *WHICH, *FILES).out


def test_evidence_of_a_designation_then_and_now_and_of_no_other(sealed: Program) -> None:
    size = sealed.json("evidence", "m-1", *WHICH, *FILES).json["size"]
    sealed.record(*restatement())
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    asked = ("--policy", "policy.json", "--json", "--membership", "m-1")
    for name, more, revision, outcome in (
        ("then.json", ("--at", str(size)), (1, 1), "qualified"),
        ("first.json", ("--revision", "1"), (1, 2), "qualified"),
        ("now.json", ("--since-size", str(size)), (2, 2), "not-qualified"),
    ):
        ran = sealed.json("evidence", "m-1", *WHICH, "--tiles", "log", "--out", name, *more)
        assert (ran.code, ran.json["revision"], ran.json["revisions"]) == (0, *revision)
        verified = sealed.run_bare("verify", name, *asked, *WHICH)
        assert (verified.code, verified.json["decision"]["outcome"]) == (0, outcome)
        assert verified.json["rules"].startswith(f"{outcome}: ")
        assert verified.json["about"] == {"membership": "m-1", "area": AREA, "anniversary": ANNIVERSARY}
        for other in (("--area", "other"), ("--anniversary", "2025-06-30"), ("--renewal", ANNIVERSARY)):
            refused = sealed.run_bare("verify", name, *asked, *other)
            assert (refused.code, refused.json["verdict"]) == (1, "not-this-decision")
    assert (sealed.folder / "then.json").read_bytes() == (sealed.folder / "m-1.json").read_bytes()
    since = ("--since", "m-1.json", "--consistency", "now.consistency.json")
    assert sealed.run_bare("verify", "now.json", *asked, *since).json["since"]["log_extends"] is True


def test_its_evidence_can_stand_for_the_checkpoint_in_it(sealed: Program) -> None:
    assert sealed.json("evidence", "m-1", *WHICH, *FILES).code == 0
    ran = sealed.run_bare("consistency", "m-1.json", "log/checkpoint", "--tiles", "log", "--policy", "policy.json")
    assert ran.code == 0, ran
    assert "consistent" in ran.out


def test_spoilt_evidence_is_not_confirmed(sealed: Program) -> None:
    assert sealed.json("evidence", "m-1", *WHICH, *FILES).code == 0
    good = json.loads((sealed.folder / "m-1.json").read_text())
    for spoilt, verdict, code in (
        (good | {"on": "2024-07-31"}, "tampered", 1),
        (good | {"programme": "survey"}, "tampered", 1),
        (good | {"format": "csat-ledger-evidence/v1"}, "unverifiable", 2),
    ):
        (sealed.folder / "m-1.json").write_text(json.dumps(spoilt))
        ran = sealed.run_bare("verify", "m-1.json", "--policy", "policy.json", "--json")
        assert (ran.code, ran.json["verdict"]) == (code, verdict)


def test_evidence_for_what_is_not_there(sealed: Program) -> None:
    for membership, area in (
        ("m-9", AREA),
        ("m-1", "other"),
        ("m-1", ""),
        ("m-1", "a\0"),
        ("m\0", AREA),
        ("m-1", "ä" * 3),
    ):
        ran = sealed.json("evidence", membership, "--area", area, "--anniversary", ANNIVERSARY, *FILES)
        assert (ran.code, ran.json["error"]) == (2, "unknown-designation"), (membership, area)
    ran = sealed.json("evidence", "m-1", "--area", AREA, "--anniversary", "2025-06-30", *FILES)
    assert (ran.code, ran.json["error"]) == (1, "not-sealed")
    ran = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", *FILES)
    assert (ran.code, ran.json["error"]) == (2, "unknown-membership")


@pytest.mark.parametrize(
    "which",
    [
        (),
        ("--area", AREA),
        ("--anniversary", ANNIVERSARY),
        ("--area", AREA, "--renewal", "2011-03-01"),
        (*WHICH, "--renewal", "2011-03-01"),
        ("--area", AREA, "--anniversary", "2024-06-31"),
    ],
)
def test_which_decision_is_said_in_one_way(sealed: Program, which: tuple[str, ...]) -> None:
    assert sealed.json("evidence", "m-1", *which, *FILES).code == 2
    assert not (sealed.folder / "m-1.json").exists()
