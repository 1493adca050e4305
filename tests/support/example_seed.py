"""Every run of the tests draws new examples, by a seed that the report names; a seed that is given brings them back.

The seed of a run is `--hypothesis-seed=N`, or a random number where none is given. All workers of pytest-xdist are handed
the same one: of the controller's options they know only what stood on its command line. Hypothesis draws also from the
constants of the modules that are imported, so that a seed draws the same examples again where the same paths are run.

A falsifying example that was found is kept as an `@example` of its test. A test that counts what its strategies reach
draws the same examples in each run (`derandomize=True`): its counts are of that one draw.
"""

from __future__ import annotations

import random
import shlex
from typing import Any

import pytest

SEEDS = 2**32


def again(config: pytest.Config) -> str:
    """What runs the same paths with the same seed, to be pasted into a shell."""
    return shlex.join(["pytest", f"--hypothesis-seed={config.option.hypothesis_seed}", *config.args])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Sets the seed before hypothesis reads its options: a worker's is the one that it was handed."""
    if config.option.hypothesis_seed is None:
        handed = getattr(config, "workerinput", {})
        config.option.hypothesis_seed = handed.get("hypothesis_seed") or str(random.SystemRandom().randrange(SEEDS))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands a worker the seed."""
    node.workerinput["hypothesis_seed"] = node.config.option.hypothesis_seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"examples are drawn by --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names the seed once more where something failed, below what failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.section("the same examples again")
        terminalreporter.write_line(again(config))
