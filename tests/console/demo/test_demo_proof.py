"""The demo's proof: the same output each time, and it shows that one changed byte is found."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from console.cli.exits import Failure
from console.cli.output import Output
from console.demo.proof import prove, prove_designations
from console.wiring import open_ledger
from ledger.instants import parse_instant
from tests.console.support import NOW, Program, met

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "capability.jsonl"
AREA = "business-applications"
LATER = "2025-01-01T00:00:00Z"


def proved(program: Program, folder: Path, *, as_json: bool = False) -> str:
    out = io.StringIO()
    with open_ledger(str(program.store), lambda: parse_instant(NOW)) as ledger:
        prove(Output(as_json, out, out), ledger, folder, "m-1", "2011-03-01")
    return out.getvalue()


@pytest.fixture
def decided(program: Program) -> Program:
    """A ledger with a decision."""
    program.record(*met())
    assert program.run("decide", "m-1", "--renewal", "2011-03-01").code == 0
    return program


def test_it_ends_in_a_confirmed_decision_and_a_found_forgery(decided: Program) -> None:
    text = proved(decided, Path("demo"))
    assert "verify: confirmed" in text
    assert "verdict: tampered" in text
    assert "verify, of evidence with the changed event: tampered" in text
    assert text == proved(decided, Path("demo"))
    ran = decided.run_bare("verify", "demo/proof/m-1.json", "--policy", "demo/proof/policy.json")
    assert ran.code == 0
    assert decided.run("seal", "--key", "demo/proof/log.key", "--tiles", "demo/proof/log").code == 0


def designations_proved(program: Program, folder: Path, *, as_json: bool = False) -> str:
    out = io.StringIO()
    with open_ledger(str(program.store), lambda: parse_instant(LATER)) as ledger:
        prove_designations(Output(as_json, out, out), ledger, folder, AREA, [("m-1", "2024-07-31")])
    return out.getvalue()


def decide_the_example(program: Program) -> None:
    """The worked example of the second programme, years later in the same book."""
    program.now(LATER)
    last = program.run("clock-accept", "2000-01-01T00:00:00Z").err.split()[-1]  # the error names it
    assert program.run("clock-accept", last).code == 0
    assert program.run("record", EXAMPLE).code == 0
    ran = program.run("decide-designation", "m-1", "--area", AREA, "--anniversary", "2024-07-31")
    assert ran.code == 0


def test_a_designation_is_proven_in_the_log_that_goes_on(decided: Program) -> None:
    proved(decided, Path("demo"))
    before = Path("demo/proof/log/checkpoint").read_bytes()
    decide_the_example(decided)
    text = designations_proved(decided, Path("demo"))
    assert "that was sealed before is a prefix of it" in text
    assert "verify: confirmed" in text
    assert "the anniversary 2024-07-31 is qualified: 74.00 points at 2024-06-20T06:00:00Z" in text
    assert Path("demo/proof/checkpoint-of-2015").read_bytes() == before
    ran = decided.run_bare("verify", "demo/proof/m-1.json", "--policy", "demo/proof/policy.json")
    assert ran.code == 0


def test_with_json_a_designations_proof_is_an_object_a_step(decided: Program) -> None:
    proved(decided, Path("demo"))
    decide_the_example(decided)
    sealed, consistent, verified = map(
        json.loads, designations_proved(decided, Path("demo"), as_json=True).splitlines()
    )
    assert sealed["sealed"] > 0
    assert (consistent["verdict"], consistent["new"]["size"]) == ("consistent", sealed["size"])
    assert verified["verdict"] == "confirmed"


def test_with_json_each_step_is_an_object(decided: Program) -> None:
    sealed, verified, audited, refused = map(json.loads, proved(decided, Path("demo"), as_json=True).splitlines())
    assert sealed["sealed"] > 0
    assert [verified["verdict"], audited["verdict"], refused["verdict"]] == ["confirmed", "tampered", "tampered"]


def test_a_folder_that_no_demo_made_is_left_alone(decided: Program) -> None:
    (decided.folder / "demo" / "proof").mkdir(parents=True)
    (decided.folder / "demo" / "proof" / "precious").touch()
    with pytest.raises(Failure, match="no demo made"):
        proved(decided, Path("demo"))
    assert (decided.folder / "demo" / "proof" / "precious").exists()
