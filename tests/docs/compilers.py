"""The compilers of the examples in other languages: where there are none, or they cannot be had, that is said.

The TypeScript compiler comes from the npm registry, once for each `package.json`, into a cache outside the repository. Go
comes with the machine or not at all, and the example in it needs nothing beyond its standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.console.support import ROOT

EXAMPLES = ROOT / "docs" / "examples"
INSTALL_TIMEOUT_S = 300.0
BUILD_TIMEOUT_S = 300.0
NODE_MIN = 18


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def compiled_typescript(folder: Path) -> list[str]:
    """The command of the example in TypeScript, type-checked and compiled in a folder."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Unavailable("no node and npm found: the TypeScript example runs on Node")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if (version := re.match(r"v(\d+)", found)) is None or int(version[1]) < NODE_MIN:
        raise Unavailable(f"found node {found.strip()}, expected {NODE_MIN} or newer")
    modules = _node_modules(npm)
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


def _node_modules(npm: str) -> Path:
    """The modules of the example's `package.json`; one process fetches them, the others wait."""
    package = EXAMPLES / "typescript" / "package.json"
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "csat-ledger"
    folder = root / f"typescript-{hashlib.sha256(package.read_bytes()).hexdigest()[:16]}"
    modules = folder / "node_modules"
    if (folder / "whole").exists():
        return modules
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.copy(package, folder)
            done = subprocess.run(
                [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"],
                cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S,
            )  # fmt: skip
            if done.returncode:
                raise Unavailable(f"the TypeScript compiler cannot be had: {done.stderr[-2000:]}")
            (folder / "whole").touch()
    return modules
