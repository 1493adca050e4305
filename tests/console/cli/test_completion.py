"""Completion is made from the commands' own parsers; bash is asked, zsh and fish read their scripts where they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from console.cli.main import COMMANDS, parser_of
from tests.console.support import Program

ASK = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _csat_ledger; printf "%s\\n" "${COMPREPLY[@]}"'


def script(program: Program, shell: str) -> str:
    ran = program.run_bare("completion", shell)
    assert ran.code == 0
    return ran.out


@pytest.fixture
def bash(program: Program) -> Path:
    path = program.folder / "completion.bash"
    path.write_text(script(program, "bash"))
    return path


def completed(bash: Path, *words: str) -> set[str]:
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", bash, "csat-ledger", *words],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_of_every_command_is_known_to_every_shell(program: Program, shell: str) -> None:
    text = script(program, shell)
    for name in COMMANDS:
        assert name in text
        for action in parser_of(name)._actions:
            for option in action.option_strings:
                told = option.replace("--", "-l ") if option.startswith("--") else option.replace("-", "-s ")
                assert (told if shell == "fish" else option) in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_its_script(program: Program, shell: str) -> None:
    if shutil.which(shell) is None:
        assert shell != "bash"  # the others are read where they are installed, as they are where everything is checked
        return
    path = program.folder / "script"
    path.write_text(script(program, shell))
    done = subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_commands_options_and_choices(bash: Path) -> None:
    assert completed(bash, "sta") == {"status"}
    assert set(COMMANDS) <= completed(bash, "")
    assert completed(bash, "--store", "x.db", "--js") == {"--json"}
    assert completed(bash, "--store", "x.db", "reco") == {"record", "recover-signer"}
    for store in (["postgresql", ":", "//host/ledger"], ["=", "x.db"]):  # as bash takes words apart
        assert completed(bash, "--store", *store, "recor") == {"record"}
        assert completed(bash, "--store", *store, "record", "--ret") == {"--retry"}
    assert completed(bash, "record", "--ret") == {"--retry"}
    assert completed(bash, "record", "facts.jsonl", "--any") == {"--any-order"}
    assert completed(bash, "participation", "--by", "") == {"membership", "quarter", "month"}
    assert completed(bash, "completion", "") >= {"bash", "zsh", "fish"}
    assert completed(bash, "help", "ex") == {"exit-codes", "expiring", "extras"}


def test_where_a_file_may_stand_bash_is_left_to_complete_files(bash: Path) -> None:
    assert completed(bash, "record", "") == set()
    assert completed(bash, "record", "--refused", "x") == set()
    assert "-o default" in bash.read_text()
