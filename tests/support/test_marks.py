"""The lists of the tests that take long, come first or need a server name tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import LONGEST, SERVER_MODULES, SLOW

ROOT = Path(__file__).parents[2]


def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("entry", [*SLOW, *LONGEST, *SERVER_MODULES])
def test_what_is_listed_exists(entry: str) -> None:
    path, _, test = entry.partition("[")[0].partition("::")
    if entry.endswith("/"):
        assert list((ROOT / path).glob("**/test_*.py")), f"found no test below {path}"
    else:
        assert (ROOT / path).is_file(), f"found no file {path}"
        assert not test or test in names_in(ROOT / path), f"found no {test} in {path}"
