"""`demo --serve` as its user has it: a process that makes both programmes and then answers with pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from console.demo.people import QUESTIONS, answered
from console.demo.survey import DEMO_PICKS, generate
from tests.console.pages.support import signed_in

PATIENCE_S = 120


def test_a_demo_is_made_and_served_with_pages_and_published_results(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "console", "demo", "--serve", "--memberships", "12", "--partners", "4"]
    said = (tmp_path / "said").open("wb")
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path / "demo"), "--listen", "127.0.0.1:0"], stdout=said, stderr=said
    )
    try:
        url, code = url_of(process, tmp_path / "said")
        with signed_in(url, "auditor", code=code) as client:
            board = client.get("/console/board", params={"at": "2014-12-31"})
            assert DEMO_PICKS[0].name in board.text
            decided = client.get("/console/decisions", params={"membership": DEMO_PICKS[0].membership}).text
            page = re.findall(r'href="(/console/memberships/[^"]+/renewals/[^"]+)"', decided)[0]
            assert "under the policy of this service" in client.get(page).text
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token_as_told(tmp_path / 'said')}"}) as api:
            assert api.get("/v1/memberships").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
        said.close()
    text = (tmp_path / "said").read_text()
    assert "figures published" in text
    assert "Traceback" not in text


def url_of(process: subprocess.Popen[bytes], said: Path) -> tuple[str, str]:
    """Where the service answers, and the code with which one signs in."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        found = re.search(r"listening on (\S+), with pages at /console/sign-in\?code=(\S+)", said.read_text())
        if found:
            return found[1], found[2]
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def token_as_told(said: Path) -> str:
    """What the command prints that the demo tells to get a token by."""
    (told,) = re.findall(
        r"^A token for curl, .*: (CSAT_LEDGER_NOW=\S+) csat-ledger (.*)$", said.read_text(), re.MULTILINE
    )
    name, _, now = told[0].partition("=")
    ran = subprocess.run(
        [sys.executable, "-m", "console", *told[1].split()], env={**os.environ, name: now}, capture_output=True,
        text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    return ran.stdout.strip()


def test_the_same_seed_answers_alike_and_every_answer_is_one_that_the_survey_has() -> None:
    one, other = (list(answered(generate(5, 6), 5)) for _ in range(2))
    assert one == other
    found = [fact["answers"] for _, fact in one if "answers" in fact]
    assert found
    assert all(
        set(answers) == set(QUESTIONS) and all(0 <= value <= 10 for value in answers.values()) for answers in found
    )


def test_nothing_is_made_where_what_pages_need_is_not_installed(tmp_path: Path) -> None:
    blocked = (
        "import sys; sys.modules['jinja2'] = None; import runpy; sys.argv = sys.argv[1:]; runpy.run_module('console')"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked, "csat-ledger", "demo", "--serve", "--folder", str(tmp_path / "demo")],
        capture_output=True, text=True, timeout=PATIENCE_S, env=dict(os.environ), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "console" in done.stderr
    assert not (tmp_path / "demo").exists()
