"""The audit and the monitor find the same, where they see the same: a book that has the very events of its log.

Each lie of a host (`test_forged_logs`, `lies`) is told in a log, and a book is written that agrees with it, row for row, past
everything that guards it. Whatever the monitor does not confirm, the audit does not confirm either, and the other way round.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from ledger.audit.audit import AuditReport, audit
from ledger.instants import parse_instant
from ledger.monitor.report import MonitorReport
from ledger.proof.log.heads import is_heads_entry
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from tests.ledger.monitor import lies, test_forged_logs
from tests.ledger.monitor.books import a_book
from tests.ledger.monitor.forging import HostLog, Said
from tests.ledger.monitor.lies import NOW_US, Host
from tests.ledger.monitor.support import a_monitor
from tests.ledger.monitor.test_forged_logs import host, told
from tests.ledger.seal.support import keep_due, policy
from tests.ledger.seal.test_organisation_attacks import known_by

__all__ = ["host", "told"]

SEEDS = range(20110301, 20110304)
COLUMN_MAX = (1 << 63) - 1


def write_book(log: HostLog, path: Path) -> None:
    """A book of the log's events, each at its position, whatever the tables would refuse; all subjects are due at once."""
    events = [entry for entry in log.entries if not is_heads_entry(entry)]
    facts: set[str] = set()
    rows = [(position, *place_of(entry), entry, *columns_of(entry, facts)) for position, entry in enumerate(events, 1)]
    with closing(SQLiteStore(path)) as store:
        with closing(sqlite3.connect(path)) as database, database:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f"DROP TRIGGER {name}")
            database.execute("CREATE TABLE unguarded AS SELECT * FROM events")
            database.execute("DROP TABLE events")
            database.execute("ALTER TABLE unguarded RENAME TO events")
            database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        with store.writing() as transaction:
            keep_due(transaction)


def columns_of(entry: bytes, facts: set[str]) -> tuple[str | None, bytes | None]:
    """Id and digest of a fact, as the columns of the first event of the fact have them."""
    try:
        return known_by(json.loads(entry), facts)
    except (ValueError, LookupError):
        return None, None


def place_of(entry: bytes) -> tuple[str, int, str]:
    """Stream, seq and type, as the columns beside an event say them."""
    try:
        said = json.loads(entry)
        return said["stream"], min(said["seq"], COLUMN_MAX), said["type"]
    except ValueError:
        return "membership-m-1", 0, "X"


def both(log: HostLog, folder: Path, clock_us: int) -> tuple[AuditReport, MonitorReport]:
    """What the two say of the log; neither has seen it before."""
    write_book(log, folder / "book.db")
    with closing(SQLiteStore(folder / "book.db")) as book:
        audited = audit(book, log, policy(), PROOF_PROGRAMMES, workers=1)
    with a_monitor(log, folder / "state", lambda: clock_us) as monitor:
        return audited, monitor.round()


def require_same(audited: AuditReport, monitored: MonitorReport, *, by_clock: bool = False) -> None:
    """`by_clock`: only who has a clock finds it. The audit goes by none: what was recorded while a clock was wrong, and was
    accepted (ClockAccepted), stays in the book, and is no fault of it for as long as that instant lies ahead."""
    print(shown(audited, monitored))
    if by_clock:
        assert all(one.expected.endswith("by the clock here") for one in monitored.findings)
        assert (audited.verdict, monitored.verdict) == ("confirmed", "refuted")
    else:
        assert audited.verdict == monitored.verdict


def shown(audited: AuditReport, monitored: MonitorReport) -> str:
    return "\n".join(
        f"{who}: {one.verdict} {one.what[:150]}: {one.found[:80]} / {one.expected[:80]}"
        for who, report in (("audit", audited), ("monitor", monitored))
        for one in report.findings[:6]
    )


@pytest.mark.parametrize("name", test_forged_logs.LIES)
def test_of_a_forged_log_and_its_book_both_say_the_same(
    name: str, host: HostLog, told: list[Said], tmp_path: Path
) -> None:
    test_forged_logs.LIES[name](host, told)
    host.publish()
    require_same(*both(host, tmp_path, parse_instant(test_forged_logs.NOW)), by_clock=name == "recorded_in_the_future")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[list[Said]]:
    return [a_book(seed, tmp_path_factory.mktemp(f"book-{seed}")) for seed in SEEDS]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lie", [None, *lies.LIES], ids=lambda lie: "honest" if lie is None else lie.__name__)
def test_of_a_host_that_lies_in_a_game_both_say_the_same(
    lie: lies.Lie | None, seed: int, books: list[list[Said]], tmp_path: Path
) -> None:
    """Each sees the end alone: what only shows to who saw the log before, or another one, neither can find."""
    told = books[seed - SEEDS[0]]
    log = HostLog()
    log.take(told[: len(told) // 2])
    log.heads()
    log.publish()
    playing = Host(log, told[len(told) // 2 :], Random(seed))
    if lie is not None:
        lie(playing)
        playing.log.publish()
    if lie is not lies.ahead_of_time and playing.left:  # what is recorded after it went back
        playing.log.take(playing.left)
        playing.log.heads()
        playing.log.publish()
    audited, monitored = both(playing.log, tmp_path, NOW_US)
    require_same(audited, monitored, by_clock=lie is lies.ahead_of_time)
    if lie is None:
        assert audited.verdict == "confirmed"
