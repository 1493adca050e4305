"""Tools outside of Python that give an independent opinion; where they can't be had, the reason is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest

GO_SOURCES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
GO_PROGRAM = Path(__file__).parent / "go"
GO_TIMEOUT_S = 300

Ask = Callable[[Iterable[dict[str, Any]]], list[dict[str, Any]]]


def unavailable(reason: str) -> NoReturn:
    """Skips with the reason; where CI=true nothing may be missing."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Asks Go's sumdb/note and sumdb/tlog: requests in, answers out (see go/main.go)."""
    compiler = shutil.which("go")
    if compiler is None:
        unavailable("the Go compiler is not installed (Debian: golang-go)")
    if not GO_SOURCES.is_dir():
        unavailable(f"{GO_SOURCES} is missing (Debian: golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("go")
    program = folder / "crosscheck"
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": f"{folder}:/usr/share/gocode",
        "GOFLAGS": "",
        "GOCACHE": os.environ.get("GOCACHE", str(Path.home() / ".cache" / "go-build")),
    }
    built = subprocess.run(
        [compiler, "build", "-o", str(program), str(GO_PROGRAM / "main.go")],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=GO_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr

    def ask(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "".join(json.dumps(request) + "\n" for request in requests)
        answered = subprocess.run(
            [str(program)], input=lines, capture_output=True, text=True, timeout=GO_TIMEOUT_S, check=True
        )
        return [json.loads(line) for line in answered.stdout.splitlines()]

    return ask


@pytest.fixture(scope="session")
def openssl() -> str:
    """The path of openssl."""
    program = shutil.which("openssl")
    if program is None:
        unavailable("openssl is not installed")
    return program
