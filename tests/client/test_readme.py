"""The client's README: its ten lines run against a service, what else it shows is Python, and names what there is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import csat_ledger_client
from csat_ledger_client import Ledger
from tests.client.http.support import bearer_of
from tests.console.http.process import service_process
from tests.console.support import ROOT

README = (ROOT / "client" / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_ten_lines_record_a_fact_and_ask_for_a_status(tmp_path: Path) -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line]) <= 10
    with service_process(tmp_path, "--dev") as running:
        token = bearer_of(running, "--role", "operator", "--role", "auditor")
        settings = {"LEDGER_URL": running.url, "LEDGER_TOKEN": token, "PYTHONPATH": str(ROOT / "client")}
        done = subprocess.run(
            [sys.executable, "-c", BLOCKS[0]], cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert (done.stdout, done.stderr) == ("m-7 True False 0 2009-11\n", "")


def test_what_else_it_shows_is_python_and_calls_what_there_is() -> None:
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ledger":
                assert hasattr(Ledger, node.attr), block
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("verify_"):
                assert node.func.id in csat_ledger_client.__all__


def test_every_question_and_every_extra_stands_in_it() -> None:
    methods = [name for name in vars(Ledger) if not name.startswith("_") and name != "close"]
    assert [name for name in methods if not re.search(rf"`{name}`|ledger\.{name}\(", README)] == []
    extras = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == extras.keys()


def test_its_version_is_the_ledgers() -> None:
    of_ledger, of_client = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"] for folder in (".", "client")
    )
    assert of_client["version"] == of_ledger["version"]
    assert f"csat-ledger[proof]=={of_ledger['version']}" in of_client["optional-dependencies"]["proof"]
    for extra in ("kafka", "dev"):
        wanted = " ".join(of_ledger["optional-dependencies"][extra])
        assert re.search(rf"csat-ledger-client\[[a-z,]+\]=={re.escape(of_client['version'])}", wanted)
