"""Lives of processes that are killed: what each does until SIGKILL comes, and how the parent brings that about.

A life is a forked child, so that it starts within milliseconds and a hundred of them fit into a test. It talks to nobody
but the store, and to a pipe on which it acknowledges the facts that it was told are on disk.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from projections.database import SQLiteDatabase
from projections.registry import all_projections
from projections.runner import Runner

Life = Callable[[int], None]
"""What a child does; it is given the file descriptor on which it acknowledges."""


def live_until_killed(life: Life, after_s: float) -> tuple[bool, list[str]]:
    """Forks a child, kills it after a while; returns whether it had to be killed, and what it acknowledged."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            life(write_end)
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(read_end) as pipe:
        acknowledged = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status) != 0:
        raise AssertionError("a life ended with an error of its own; it is printed above")
    # A last line that was cut in the middle acknowledges nothing.
    return killed, [line[:-1] for line in acknowledged if line.endswith(";")]


def recording(path: Path, facts: list[Fact], start: int, batch: int, now_us: int) -> Life:
    """Records facts from a place on, a batch a transaction."""

    def life(acknowledge: int) -> None:
        store = SQLiteStore(path)
        writer = Writer(store, lambda: now_us, PROGRAMMES, rehearsal=True)
        for place in range(start, len(facts), batch):
            part = facts[place : place + batch]
            outcomes = writer.record(part)
            ids = [fact.id for fact, outcome in zip(part, outcomes, strict=True) if outcome.status != "refused"]
            os.write(acknowledge, "".join(f"{fact_id};\n" for fact_id in ids).encode())
        writer.close()
        store.close()

    return life


def reviewing(path: Path, until_us: int) -> Life:
    """Reviews up to an instant, again and again."""

    def life(_acknowledge: int) -> None:
        store = SQLiteStore(path)
        writer = Writer(store, lambda: until_us, PROGRAMMES, rehearsal=True)
        for _ in range(20):
            writer.review(until_us)
        store.close()

    return life


def projecting(path: Path, rebuild: bool) -> Life:
    """Catches up, or rebuilds and swaps, again and again."""

    def life(_acknowledge: int) -> None:
        store = SQLiteStore(path)
        database = SQLiteDatabase(f"{path}.projections")
        runner = Runner(store, database, all_projections())
        for _ in range(20):
            if rebuild:
                runner.rebuild()
            else:
                runner.catch_up()
        database.close()
        store.close()

    return life


def a_moment(seeded: random.Random) -> float:
    """Seconds until the kill: most are short, some let a life get far."""
    return seeded.choice((0.002, 0.01, 0.02, 0.04, 0.08)) * (0.5 + seeded.random())
