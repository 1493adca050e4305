"""Prints what makes a shell complete commands, options and files; it is made from the commands themselves."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Final

from console.cli.completion import SHELLS, describe
from console.cli.exits import DONE
from console.cli.session import Session

EPILOG: Final = """\
examples:
  eval "$(csat-ledger completion bash)"             in ~/.bashrc
  eval "$(csat-ledger completion zsh)"              in ~/.zshrc, after compinit
  csat-ledger completion fish | source              in ~/.config/fish/config.fish"""


@dataclass(frozen=True, slots=True)
class CompletionScript:
    """What makes a shell complete commands, options and files."""

    shell: str
    """bash, zsh or fish."""
    script: str
    """The script."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("shell", choices=tuple(SHELLS), metavar="SHELL", help="bash, zsh or fish")


def run(session: Session) -> int:
    """Prints the script."""
    from console.cli.main import COMMANDS, overview_parser, parser_of

    commands = [describe("", "", overview_parser())]
    commands += [describe(name, command.help, parser_of(name)) for name, command in COMMANDS.items()]
    script = SHELLS[session.options.shell](commands)
    if session.output.as_json:
        session.output.json(CompletionScript(session.options.shell, script))
    else:
        session.output.text(*script.rstrip("\n").split("\n"))
    return DONE
