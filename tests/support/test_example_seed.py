"""A run draws new examples, all its workers by one seed, and says how to draw them again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

@pytest.mark.parametrize("number", range(4))
def test_draws(number, worker_id):
    drawn = []

    @settings(database=None, derandomize=False, max_examples=5)  # with CI=true hypothesis would draw the same
    @given(st.integers(0, 2**64))
    def draw(value):
        drawn.append(value)

    draw()
    (Path(__file__).parent / f"{number}-{worker_id}").write_text(repr(drawn))

def test_fails():
    assert not FAILS
"""


def run(folder: Path, *options: str, fails: bool = False) -> tuple[str, set[str], set[str]]:
    """What pytest printed, what its tests drew, and the workers that they drew in."""
    path = folder / "test_drawing.py"
    path.write_text(f"FAILS = {fails}\n" + TESTS)
    # The project's own settings are left out: the plugin does without them.
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(folder), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "tests.support.example_seed", *options, str(path)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (1 if fails else 0), done.stdout + done.stderr
    drawn = list(folder.glob("[0-9]-*"))
    assert len({found.name[0] for found in drawn}) == 4
    found = {found.read_text() for found in drawn}, {found.name[2:] for found in drawn}
    for one in drawn:
        one.unlink()
    return done.stdout, *found


def seeds_in(text: str) -> list[str]:
    return re.findall(r"--hypothesis-seed=(\d+)", text)


def test_each_run_draws_other_examples_and_names_its_seed(tmp_path: Path) -> None:
    first, drawn_first, _ = run(tmp_path)
    second, drawn_second, _ = run(tmp_path)
    assert len(seeds_in(first)) == len(seeds_in(second)) == 1, "in the header, and where nothing failed not again"
    assert seeds_in(first) != seeds_in(second)
    assert drawn_first != drawn_second


def test_all_workers_draw_by_the_seed_that_the_report_names(tmp_path: Path) -> None:
    together, drawn, workers = run(tmp_path, "-n", "2", "--dist", "each")
    assert workers == {"gw0", "gw1"}
    assert len(drawn) == 1, "each worker drew by one seed"
    assert run(tmp_path, f"--hypothesis-seed={seeds_in(together)[0]}")[1] == drawn


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_run_that_fails_says_at_its_end_how_to_draw_the_same_examples(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    printed, drawn, _ = run(tmp_path, *options, fails=True)
    seed = seeds_in(printed)[0]
    assert printed.splitlines()[-4:-2].count(f"pytest --hypothesis-seed={seed} {tmp_path / 'test_drawing.py'}"), printed
    assert run(tmp_path, f"--hypothesis-seed={seed}")[1] == drawn
