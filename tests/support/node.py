"""What tests take from the npm registry, once for each `package.json`, into a cache outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

INSTALL_TIMEOUT_S = 300.0


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def node_modules(package: Path, node_min: int) -> tuple[str, Path]:
    """Node, and the folder of a package's modules; one process fetches them, the others wait. Raises Unavailable."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Unavailable(f"no node and npm found: {package.parent.name} runs on Node")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if (version := re.match(r"v(\d+)", found)) is None or int(version[1]) < node_min:
        raise Unavailable(f"found node {found.strip()}, expected {node_min} or newer")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "csat-ledger"
    folder = root / f"{package.parent.name}-{hashlib.sha256(package.read_bytes()).hexdigest()[:16]}"
    modules = folder / "node_modules"
    if (folder / "whole").exists():
        return node, modules
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
                raise Unavailable(f"the modules of {package.parent.name} cannot be had: {done.stderr[-2000:]}")
            (folder / "whole").touch()
    return node, modules
