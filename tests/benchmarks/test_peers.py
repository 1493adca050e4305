"""`make bench-peers`: says why it is skipped, and measures where the peer can be had."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.benchmarks import peers


def test_without_the_peers_wheel_it_says_so_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "umadb", None)
    monkeypatch.setattr(sys, "argv", ["peers"])
    peers.main()
    assert capsys.readouterr().out.startswith("skipped: the wheel umadb cannot be used: ")


def test_medians_are_shown_with_the_ratios_and_how_far_they_went(capsys: pytest.CaptureFixture[str]) -> None:
    rows = len(peers.ROWS)
    peers.show([[(100.0, 50.0)] * rows, [(300.0, 100.0)] * rows, [(200.0, 200.0)] * rows])
    first = capsys.readouterr().out.splitlines()[1].split()
    assert first[-7:] == ["200", "100", "2.00", "1.00", "3.00", ">=", "1"]


@pytest.mark.server
@pytest.mark.elsewhere
@pytest.mark.skipif(importlib.util.find_spec("umadb") is None, reason="`make bench-peers` installs the wheel umadb")
def test_a_round_measures_every_row_and_leaves_nothing_behind(tmp_path: Path) -> None:
    rates = peers.one_round(str(tmp_path), each=2, batches=1)
    assert len(rates) == len(peers.ROWS)
    assert all(ours > 0 and theirs > 0 for ours, theirs in rates)
    assert list(tmp_path.iterdir()) == []
