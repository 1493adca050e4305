"""The verifier needs the standard library and `cryptography`, and nothing else: shown by taking everything else away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.verifier_pyz import build, closure
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.ledger.proof.book import policy
from tests.ledger.proof.log.test_verify import ENCODED
from tests.ledger.seal.designations import designation_evidence, designation_ledger
from tests.ledger.seal.support import policy_bytes

ROOT = Path(__file__).parents[4]
NOT_FOR_AUDITORS = (
    "eventsourcing", "sqlite3", "_sqlite3", "psycopg", "psycopg_pool", "kafka", "pydantic", "pydantic_settings", "orjson",
    "rich", "rfc3161_client", "ledger.store", "ledger.seal", "ledger.writing", "ledger.programmes", "ledger.event",
    "ledger.errors", "console", "consumers", "projections",
)  # fmt: skip
GUARD = """
import sys
from importlib.abc import MetaPathFinder

class Gone(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(name == gone or name.startswith(gone + ".") for gone in {gone!r}):
            raise ModuleNotFoundError(f"{{name}} was taken away", name=name)

sys.meta_path.insert(0, Gone())
sys.argv = ["verify", *sys.argv[1:]]
import runpy
runpy.run_module("ledger.proof.verify", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A bundle and a policy."""
    (tmp_path / "bundle.json").write_bytes(ENCODED)
    (tmp_path / "policy.json").write_bytes(policy())
    return [str(tmp_path / "bundle.json"), "--policy", str(tmp_path / "policy.json"), "--json"]


def test_it_runs_with_everything_else_unimportable(files: list[str]) -> None:
    guard = GUARD.replace("{gone!r}", repr(NOT_FOR_AUDITORS)).replace("{{", "{").replace("}}", "}")
    ran = subprocess.run([sys.executable, "-c", guard, *files], cwd=ROOT, capture_output=True, text=True, timeout=60,
                         check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert '"verdict": "confirmed"' in ran.stdout


def test_one_file_is_enough(files: list[str], tmp_path: Path) -> None:
    target = tmp_path / "csat-verify.pyz"
    modules = build(target)
    ran = subprocess.run([sys.executable, "-I", str(target), *files], cwd=tmp_path, capture_output=True, text=True,
                         timeout=60, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert '"verdict": "confirmed"' in ran.stdout
    spoilt = Path(files[0])
    spoilt.write_bytes(spoilt.read_bytes().replace(b"org-a", b"org-b", 1))
    ran = subprocess.run([sys.executable, "-I", str(target), *files], capture_output=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert all(name.startswith("ledger.proof") or name == "ledger" for name in modules)
    assert "ledger.proof.log.since" in modules  # it is loaded only where older evidence is given


def test_the_one_file_names_itself(files: list[str], tmp_path: Path) -> None:
    target = tmp_path / "csat-verify.pyz"
    build(target)

    def run(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
        start = (
            f"import runpy, sys; sys.argv = {[str(target), *arguments]!r}; {before}; runpy.run_path({str(target)!r}, "
        )
        code = f"{start}run_name='__main__')"
        return subprocess.run(
            [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )

    assert run("--help").stdout.startswith("usage: csat-verify.pyz [-h] ")
    wrong = run()
    assert wrong.returncode == 2
    assert "csat-verify.pyz: error: " in wrong.stderr
    without = run(*files, before="sys.modules['cryptography'] = None")
    assert without.returncode == 2
    assert without.stderr.startswith("csat-verify.pyz: found no module cryptography")
    broken = run(*files, before="sys.modules['json'] = object()")
    assert broken.returncode not in (0, 1), broken


def test_the_same_sources_make_the_same_file(tmp_path: Path) -> None:
    build(tmp_path / "one")
    build(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


LOADED = """
import sys
sys.argv = ["verify", *sys.argv[1:]]
from ledger.proof.verify import main
code = main()
print(*(name for name in sorted(sys.modules) if name.split(".")[0] == "ledger"))
sys.exit(code)
"""


@pytest.mark.parametrize("programme", ["survey", "capability"])
def test_what_a_bundle_of_one_programme_needs_can_be_read_in_one_sitting(programme: str, tmp_path: Path) -> None:
    bundle, trust = bundle_of(programme, tmp_path)
    ran = subprocess.run([sys.executable, "-c", LOADED, bundle, "--policy", trust], cwd=ROOT, capture_output=True,
                         text=True, timeout=60, check=True)  # fmt: skip
    assert ran.stdout.startswith("verdict: confirmed")
    modules = ran.stdout.splitlines()[-1].split()
    assert f"ledger.proof.{programme}.programme" in modules
    others = {f"ledger.proof.{other.name}" for other in PROOF_PROGRAMMES if other.name != programme}
    assert {name for name in modules if name.rpartition(".")[0] in others} == {f"{other}.programme" for other in others}
    files = closure()
    assert set(modules) <= files.keys()
    counted = {name: len(files[name].read_text().splitlines()) for name in modules if "fold_tables" not in name}
    lines = sum(counted.values())
    assert lines < 3_500, lines
    said = "survey takes about" if programme == "survey" else "designation about"
    assert f"{said} {round(lines, -2):,}" in (ROOT / "README.md").read_text()


def bundle_of(programme: str, folder: Path) -> tuple[str, str]:
    """The paths of a bundle of a programme, and of a policy that trusts it."""
    bundle, trust = folder / "bundle.json", folder / "policy.json"
    if programme == "survey":
        bundle.write_bytes(ENCODED)
        trust.write_bytes(policy())
    else:
        with designation_ledger(folder) as ledger:
            ledger.seal()
            bundle.write_bytes(designation_evidence(ledger).encoded())
        trust.write_bytes(policy_bytes())
    return str(bundle), str(trust)


def test_the_readme_says_how_much_there_is_in_the_one_file() -> None:
    counted = {name: len(path.read_text().splitlines()) for name, path in closure().items()}
    counted.pop("ledger.proof.fold_tables")
    lines = round(sum(counted.values()), -2)
    assert f"{len(counted) + 1} modules and about {lines:,} lines" in (ROOT / "README.md").read_text()
