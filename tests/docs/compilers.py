"""The compilers of the examples in other languages: where there are none, or they cannot be had, that is said.

The TypeScript compiler comes by npm (`tests.support.node`). Go comes with the machine or not at all, and the example in it
needs nothing beyond its standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.console.support import ROOT
from tests.support.node import Unavailable, node_modules

EXAMPLES = ROOT / "docs" / "examples"
BUILD_TIMEOUT_S = 300.0
NODE_MIN = 18


def compiled_typescript(folder: Path) -> list[str]:
    """The command of the example in TypeScript, type-checked and compiled in a folder."""
    node, modules = node_modules(EXAMPLES / "typescript" / "package.json", NODE_MIN)
    for file in (EXAMPLES / "typescript").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(modules)
    built = subprocess.run(
        [node, modules / "typescript" / "bin" / "tsc"], cwd=folder, capture_output=True, text=True, check=False,
        timeout=BUILD_TIMEOUT_S,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return [node, str(folder / "built" / "follow.js")]


def compiled_go(folder: Path) -> list[str]:
    """The command of the example in Go, vetted and built into a folder."""
    go = shutil.which("go")
    if not go:
        raise Unavailable("no go found: the Go example is built with it")
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""}
    for command in (["vet", "."], ["build", "-o", str(folder / "follow"), "."]):
        done = subprocess.run(
            [go, *command], cwd=EXAMPLES / "go", env=environment, capture_output=True, text=True, check=False,
            timeout=BUILD_TIMEOUT_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return [str(folder / "follow")]
