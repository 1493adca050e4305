"""A book of one day, its log, and a file with a receipt for each of its facts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ledger.monitor.report import MonitorReport
from ledger.proof.receipts.holding import parse_handed
from ledger.proof.receipts.receipt import SECOND_US
from ledger.seal.receipt_proofs import judge_log
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.handing import BELIEVED, DAY_S, cosigned, lines_of
from tests.ledger.seal.support import NOW_US, policy, sqlite_ledger, witnessed

ANNOUNCED = ("EligibilityChanged", "DesignationChanged")
IN_TIME_S = NOW_US // SECOND_US + 3_600
PROMISED_S = NOW_US // SECOND_US + DAY_S
SEALED = 20
ONE = "membership-m-1"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """An honest book, all of it recorded at one instant."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        return history_of(ledger.store)


@pytest.fixture
def handed(told: list[Said]) -> list[bytes]:
    """A receipt for each fact of the book."""
    whole = HostLog()
    whole.take(told)
    return lines_of(whole, ANNOUNCED)


@pytest.fixture
def log(told: list[Said]) -> HostLog:
    """The beginning of the book, sealed in time."""
    log = HostLog()
    log.take(told[:SEALED])
    log.heads()
    cosigned(log, IN_TIME_S)
    return log


@pytest.fixture
def file(tmp_path: Path, handed: list[bytes]) -> Path:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(handed))
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def counts(report: MonitorReport) -> dict[str, int]:
    assert report.receipts is not None
    return {verdict: count for verdict, count in asdict(report.receipts).items() if count}


def one_by_one(log: HostLog, lines: list[bytes], quorum: int = 1) -> dict[str, int]:
    """What the verifier says of each receipt alone, by all entries."""
    asks: dict[str, Any] = witnessed(quorum) if quorum else {}
    found: Counter[str] = Counter()
    for note in {parse_handed(line).receipt for line in lines}:
        judged = judge_log(log, note, policy(**BELIEVED, **asks))
        found[judged.judgement.verdict if judged else "unproven"] += 1
    return dict(found)


def position_of(line: bytes) -> int:
    return int(json.loads(line)["receipt"].split("\n")[6])


def go_on(log: HostLog, told: list[Said], at_s: int = IN_TIME_S) -> None:
    log.take(told)
    log.heads()
    cosigned(log, at_s)


def an_extra(told: list[Said], name: str, **changed: Any) -> Said:
    """One more evaluation of m-2."""
    stream, event = next(one for one in told if one[1]["type"] == "EvaluationReceived")
    salt = "MDEyMzQ1Njc4OWFiY2RlZg=="
    return stream, event | {"fact": f"extra-{name}", "data": {"evaluation": f"e-{name}"}, "salt": salt} | changed
