"""A demo that goes on as a service, with its pages: its results are published, then this process becomes `serve --dev`.

Its clock stands where the demo's ended: what was made is some years old, and by the wall's clock all of it would be over.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from console.cli.output import short
from console.demo.designations import NOW_US
from console.demo.folder import LEDGER, PROOF, VAULT, VAULT_KEY
from console.demo.survey import DEMO_PICKS, END
from console.settings import PREFIX
from ledger.errors import ExtraMissing
from ledger.instants import format_instant

if TYPE_CHECKING:
    from console.cli.output import Output

NEEDED: Final = {
    "http": ("fastapi", "uvicorn", "httptools", "joserfc", "limits"),
    "vault": ("cryptography",),
    "results": ("polars",),
    "console": ("jinja2", "python_multipart"),
}
"""Modules that serving a demo needs, by their extras."""
PUBLISHING_S: Final = 300


def require_console() -> None:
    """Raises ExtraMissing where something that the pages need is not installed: before anything is made."""
    for extra, modules in NEEDED.items():
        for module in modules:
            if find_spec(module) is None:
                raise ExtraMissing(module, extra)


def serve_demo(output: Output, folder: Path, listen: str) -> NoReturn:
    """Publishes the results of the survey programme, and serves until it is told to stop."""
    own = [sys.executable, "-m", "console", "--store", str(folder / LEDGER)]
    vault = ["--vault", str(folder / VAULT), "--vault-key", str(folder / VAULT_KEY)]
    now = format_instant(NOW_US)
    others = (f"{PREFIX}NOW", f"{PREFIX}CONSOLE_OIDC_")  # one signs in to a demo as whoever one likes
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(others)}
    environment = {**kept, f"{PREFIX}NOW": now}
    through = f"{END:%Y-%m}"
    subprocess.run(
        [*own, "publish-results", "--through", through, *vault], env=environment, check=True, timeout=PUBLISHING_S
    )
    output.text(
        "",
        f"The clock stands at {short(now)}. The survey's last year is best seen as of {END}: /console/board?at={END}",
        f"A partner to sign in as: {DEMO_PICKS[0].membership} ({DEMO_PICKS[0].name}). Ctrl-C ends it.",
        f"A token for curl, by the same clock: {PREFIX}NOW={short(now)} csat-ledger --store {folder / LEDGER} token "
        "--role auditor",
    )
    output.flush()
    log = ["--tiles", str(folder / PROOF / "log"), "--policy", str(folder / PROOF / "policy.json")]
    os.execve(own[0], [*own, "serve", "--dev", "--console", "--listen", listen, *vault, *log], environment)
