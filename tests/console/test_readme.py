"""What the README shows is what the program does: its commands are run and their output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NOW = "2026-01-05T12:00:00Z"


class Shown(NamedTuple):
    command: str
    output: list[str]


def shown_commands() -> list[Shown]:
    """Each command of the `console` blocks, with the lines that are shown after it."""
    commands: list[Shown] = []
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append(Shown(line[2:], []))
            elif line.startswith("> "):
                command, output = commands.pop()
                commands.append(Shown(f"{command}\n{line[2:]}", output))
            else:
                commands[-1].output.append(line)
    return commands


def test_the_readme_shows_what_the_program_does(tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    program = binaries / "csat-ledger"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m console "$@"\n')
    program.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CSAT_LEDGER_")},
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "CSAT_LEDGER_NOW": NOW,
    }
    commands = shown_commands()
    assert len(commands) > 10
    last_exit_code = 0
    for command, expected in commands:
        if command.startswith("make "):
            assert re.search(rf"^{command[5:]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
            continue
        script = command.replace("$?", str(last_exit_code))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        last_exit_code = done.returncode
        found = [" ".join(line.split()) for line in done.stdout.splitlines()]
        for line in expected:
            fragment = " ".join(line.split())
            if fragment in {"", "…"}:
                continue
            places = [place for place, text in enumerate(found) if fragment in text]
            assert places, f"$ {command}\nexpected {fragment!r} in what follows, found\n{done.stdout}{done.stderr}"
            found = found[places[0] + 1 :]


def test_every_command_of_the_program_stands_in_the_readme() -> None:
    from console.main import COMMANDS

    for name in COMMANDS:
        assert re.search(rf"^\| `{name}\b", README, re.MULTILINE), name


def test_every_type_of_fact_stands_in_the_readme() -> None:
    from ledger.facts import FACT_MODELS

    for model in FACT_MODELS:
        (name,) = model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
        assert f"`{name}`" in README, name
