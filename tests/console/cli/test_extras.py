"""A command whose extra is not installed says which one, and how to install it from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from tests.console.support import NOW, ROOT, met

WITHOUT = """
import sys
from importlib.machinery import PathFinder

sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in finder.__module__]  # the paths alone
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if {modules!r} & {{name, name.split(".")[0]}} else found(name, *more)
from console.cli.main import main
sys.exit(main({arguments!r}))
"""

PATHS = f"{ROOT}{os.pathsep}{ROOT / 'client'}"
KAFKA = ("--kafka", "127.0.0.1:1")
LOG = ("--tiles", "log")
POLICY = ("--policy", "keys/policy.json")
VAULT = ("--vault", "people.db", "--vault-key", "vault-key")
NEEDS = {
    "postgres": [
        ("psycopg", ("status", "m-1", "--store", "postgresql://127.0.0.1:1/x")),
        ("psycopg", ("copy", "--from", "ledger.db", "--to", "postgresql://127.0.0.1:1/x")),
        ("psycopg", ("migrate", "--store", "postgresql://127.0.0.1:1/x")),
    ],
    "kafka": [
        *(("csat_ledger_client", (name, *KAFKA)) for name in ("topics", "relay", "inbox", "worker", "subscribe")),
        ("csat_ledger_client", ("subscribe", "--resume", "csat.x:1/0=1", *KAFKA)),
        ("kafka", ("topics", *KAFKA)),
        ("kafka", ("relay", *KAFKA)),
        ("kafka", ("inbox", *KAFKA)),
        ("kafka", ("worker", *KAFKA)),
        ("kafka", ("subscribe", *KAFKA)),
    ],
    "http": [
        ("fastapi", ("serve", "--dev")),
        ("uvicorn", ("serve", "--dev")),
        ("joserfc", ("token", "--role", "auditor")),
        ("prometheus_client", ("serve", "--dev")),
    ],
    "results": [("polars", ("publish-results",))],
    "console": [
        ("jinja2", ("serve", "--dev", "--console")),
        ("python_multipart", ("serve", "--dev", "--console")),
        ("jinja2", ("demo", "--serve")),
        ("authlib", ("serve", "--jwks", "keys.json", "--issuer", "https://login.example")),
    ],
    "reports": [
        ("jinja2", ("report", "m-1", "--month", "2010-06", "--out", "m-1.html")),
        ("jinja2", ("reports", "--month", "2010-06", "--out", "reports")),
    ],
    "webhooks": [
        ("httpcore", ("webhooks",)),
        ("standardwebhooks", ("webhooks",)),
    ],
    "otel": [("opentelemetry.sdk", ("serve", "--dev"))],
    "service": [
        ("prometheus_client", ("relay", *KAFKA)),
        ("prometheus_client", ("inbox", *KAFKA)),
        ("prometheus_client", ("worker", *KAFKA)),
        ("prometheus_client", ("clock",)),
        ("prometheus_client", ("webhooks",)),
    ],
    "proof": [
        ("cryptography", ("keygen", "--name", "ledger.example/renewals", "--out", "others")),
        ("cryptography", ("seal", "--key", "keys/log.key", *LOG)),
        ("cryptography", ("evidence", "m-1", "--renewal", "2011-03-01", *LOG, "--out", "m-1.json")),
        ("cryptography", ("verify", "m-1.json", *POLICY)),
        ("cryptography", ("audit", *LOG, *POLICY)),
        ("cryptography", ("consistency", "log/checkpoint", "log/checkpoint", *LOG, *POLICY)),
        ("cryptography", ("monitor", "--log", "log", *POLICY, "--state", "state")),
        ("cryptography", ("witness", "--key", "keys/log.key", *POLICY, "--listen", "127.0.0.1:0")),
        ("cryptography", ("log-publish", "log", "--to", "https://127.0.0.1:1/bucket")),
        ("cryptography", ("log-server", "log", "--listen", "127.0.0.1:0")),
    ],
    "vault": [
        ("cryptography", ("vault", "migrate", *VAULT, "--make-key")),
        ("idna", ("vault", "rewrap", *VAULT)),
        ("idna", ("contacts", "upload", "facts.jsonl", *VAULT, "--membership", "m-1", "--facts", "new.jsonl")),
        ("idna", ("import", "--map", "limesurvey", "facts.jsonl", "--source", "s", "--membership", "m-1", *VAULT)),
        ("cryptography", ("contacts", "show", "s-1", *VAULT, "--reason", "a test")),
    ],
    "timestamps": [
        ("rfc3161_client", ("seal", "--key", "keys/log.key", *LOG, "--timestamp", "http://127.0.0.1:1/")),
        ("rfc3161_client", ("verify", "m-1.json", *POLICY, "--timestamp", "x", "--roots", "y")),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a decision, keys, a sealed log and evidence."""
    made = tmp_path_factory.mktemp("extras")
    (made / "facts.jsonl").write_bytes(b"".join(orjson.dumps(fact) + b"\n" for fact in met()))
    for arguments in (
        ["record", "facts.jsonl"],
        ["decide", "m-1", "--renewal", "2011-03-01"],
        ["keygen", "--name", "ledger.example/renewals", "--out", "keys"],
        ["evidence", "m-1", "--renewal", "2011-03-01", *LOG, "--key", "keys/log.key", "--out", "m-1.json"],
    ):
        assert run(made, set(), arguments).returncode == 0, arguments
    return made


def run(folder: Path, without: set[str], arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(modules=without, arguments=[*arguments, "--json"])],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": PATHS,
            "CSAT_LEDGER_STORE": "ledger.db",
            "CSAT_LEDGER_NOW": NOW,
            "CSAT_LEDGER_HTTP_TRACES": "1",
            **({"CSAT_LEDGER_CONSOLE_OIDC_ISSUER": "https://login.example"} if "--jwks" in arguments else {}),
        },
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("extra", "module", "arguments"),
    [(extra, module, arguments) for extra, cases in NEEDS.items() for module, arguments in cases],
)
def test_a_command_without_its_extra_says_which_one(
    folder: Path, extra: str, module: str, arguments: tuple[str, ...]
) -> None:
    before = {path: path.stat().st_size for path in folder.rglob("*")}
    done = run(folder, {module}, arguments)
    assert done.returncode == 2, done.stderr.decode()
    answer = orjson.loads(done.stdout)
    assert answer["error"] == "missing"
    assert module in answer["message"]
    assert f"pip install {'-e ./client ' if extra == 'kafka' else ''}-e '.[{extra}]'" in answer["message"]
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.stat().st_size for path in folder.rglob("*")} == before


def test_every_extra_that_is_named_can_be_installed_and_stands_in_the_readme() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert NEEDS.keys() == extras.keys() - {"dev"}


def test_the_readme_says_which_extras_make_demo_installs() -> None:
    installed = re.search(
        r"^\$\(VENV\)/runtime:.*\n\t.*'\.\[([a-z,]+)\]'$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert installed is not None
    rows = re.findall(r"^\| `([a-z]+)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    told = {extra for extra, what in rows if "`make demo` installs it" in what}
    assert told == set(installed[1].split(","))
    readme = Path(ROOT / "README.md").read_text()
    for extra in NEEDS:
        assert f"| `{extra}` |" in readme
