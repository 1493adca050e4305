"""README is pasted: its blocks are run in one bash, in their order, in a fresh folder, and print what is shown.

A block of `sh` is what is pasted, the block of `text` after it what a terminal then shows. In such a block `…` stands for
anything, and a line of it alone for any lines. What stands under NOT_RUN needs Docker; it is only looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from console.cli.help_topics import EXTRAS
from console.cli.main import COMMANDS
from ledger.programmes.capability.facts import FACT_MODELS as CAPABILITY_MODELS
from ledger.programmes.survey.facts import FACT_MODELS as SURVEY_MODELS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NOW = "2028-06-05T12:00:00Z"
"""Long after it was written: what it shows goes by no day on which somebody pastes it."""
NOT_RUN = "For teams"
MARK = "--- the next block ---"
SMALL_DEMO = "--memberships 6 --partners 3"
EXAMPLES = "docs/examples"


class Block(NamedTuple):
    """What is pasted, and what is shown beneath it."""

    section: str
    pasted: str
    shown: list[str]


def blocks() -> list[Block]:
    found: list[Block] = []
    for part in re.split(r"^## ", README, flags=re.MULTILINE):
        section = part.splitlines()[0]
        follows = False
        for match in re.finditer(r"^```(\w*)\n(.*?)^```\n|^\S", part, re.MULTILINE | re.DOTALL):
            language, content = match.group(1), match.group(2)
            if language == "sh":
                found.append(Block(section, content, []))
            elif language == "text":
                assert follows, f"shown after nothing that is pasted: {content}"
                found[-1].shown.extend(content.splitlines())
            follows = language == "sh"
    return found


def pattern_of(shown: list[str]) -> re.Pattern[str]:
    lines = [
        r"(?:.*\n)*?" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + r"[ ]*\n" for line in shown
    ]
    return re.compile("".join(lines))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a fresh clone looks like after make has made its environment: this one's, by links."""
    environment = Path(sys.prefix)
    for made in ("made", "runtime", "bin/csat-ledger"):
        assert (environment / made).exists(), f"make test makes {made} in its environment"
    (tmp_path / "client").mkdir()
    for name in ("Makefile", "pyproject.toml", "client/pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        os.utime(tmp_path / name, (0, 0))  # older than the environment, so that make does not install it anew
    (tmp_path / ".venv").symlink_to(environment)
    (tmp_path / EXAMPLES).parent.mkdir()
    (tmp_path / EXAMPLES).symlink_to(ROOT / EXAMPLES)
    return tmp_path


def test_what_is_pasted_from_the_readme_prints_what_it_shows(checkout: Path) -> None:
    run = [block for block in blocks() if block.section != NOT_RUN]
    assert len(run) > 10
    script = "".join(f"{block.pasted}\necho; echo '{MARK}'\n" for block in run)
    (checkout / "pasted").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CSAT_LEDGER_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "pasted"],
        cwd=checkout,
        env={
            **kept,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(checkout),
            "CSAT_LEDGER_NOW": NOW,
            "DEMO": SMALL_DEMO,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    printed = done.stdout.split(f"\n{MARK}\n")
    assert len(printed) == len(run) + 1, done.stdout
    for block, output in zip(run, printed, strict=False):
        if block.shown:
            assert pattern_of(block.shown).fullmatch(output), (
                f"pasted:\n{block.pasted}\nprinted:\n{output}\nREADME shows:\n" + "\n".join(block.shown)
            )
        assert "Traceback" not in output, output


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.pasted.splitlines()[0][:40])
def test_what_is_pasted_has_no_prompt_no_comment_and_no_name_to_be_filled_in(block: Block) -> None:
    for line in block.pasted.splitlines():
        assert not re.match(r"[$>%#] ", line), line
        assert not re.search(r"\s#\s", line), f"zsh takes no comments: {line}"
        assert "…" not in line


def test_what_needs_docker_names_what_there_is() -> None:
    pasted = "".join(block.pasted for block in blocks() if block.section == NOT_RUN)
    assert os.access(ROOT / "deploy" / "make-secrets", os.X_OK)
    assert "deploy/make-secrets" in pasted
    assert (ROOT / "docker-compose.yml").exists()
    for name in re.findall(r"^csat-ledger (\S+)", pasted, re.MULTILINE):
        assert name in COMMANDS


def test_every_target_of_make_that_the_readme_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)`", README)) <= targets
    assert {"demo", "test", "quick"} <= set(re.findall(r"\bmake ([a-z]+)\b", README))


def test_every_command_of_the_program_stands_in_the_readme() -> None:
    for name in COMMANDS:
        assert re.search(rf"^\| `{name}\b", README, re.MULTILINE), name


def test_every_extra_stands_in_the_readme() -> None:
    for name in EXTRAS:
        assert re.search(rf"^\| `{name}` \|", README, re.MULTILINE), name


def test_every_type_of_fact_stands_in_the_readme() -> None:
    for model in (*SURVEY_MODELS, *CAPABILITY_MODELS):
        (name,) = model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
        assert f"`{name}`" in README, name
