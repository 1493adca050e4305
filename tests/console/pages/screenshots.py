"""The three pictures of README, taken of a small demo in a real browser.

python -m tests.console.pages.screenshots --write docs/screenshots
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from console.demo.survey import DEMO_PICKS
from tests.console.demo.test_serving import PATIENCE_S, url_of
from tests.console.pages.support import browsing, visiting

SIZE: Final = {"width": 1000, "height": 860}
BYTES_MAX: Final = 150_000
MET: Final = DEMO_PICKS[0]
SHOTS: Final = {
    "board.png": ("operations", "/console/board?at=2014-12-31"),
    "membership.png": ("auditor", f"/console/memberships/{MET.membership}?at=2014-12-31"),
    "decision.png": ("auditor", f"/console/memberships/{MET.membership}/renewals/{MET.renewal_date}"),
}
"""By file the role that looks, and at what."""


@contextmanager
def served_demo(folder: Path) -> Iterator[tuple[str, str]]:
    """The URL, and the code for signing in, of a small demo that is served as `make console` does it."""
    command = [sys.executable, "-m", "console", "demo", "--serve", "--memberships", "40", "--partners", "8"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--folder", str(folder / "demo"), "--listen", "127.0.0.1:0"], stdout=said, stderr=said
        )
        try:
            yield url_of(process, folder / "said")
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()


def take(folder: Path, into: Path) -> None:
    """Takes all of them."""
    into.mkdir(parents=True, exist_ok=True)
    with served_demo(folder) as (url, code), browsing() as browser:
        for name, (role, path) in SHOTS.items():
            with visiting(browser, url, code, viewport=SIZE, color_scheme="light") as visitor:
                visitor.sign_in(role)
                assert visitor.go(path) == 200, path
                visitor.page.screenshot(path=str(into / name))


def main(arguments: list[str]) -> int:
    """See the module."""
    match arguments:
        case ["--write", folder]:
            with tempfile.TemporaryDirectory() as made:
                take(Path(made), Path(folder))
            return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
