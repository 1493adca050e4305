"""What a shell has to know of the program, taken from the parsers themselves, and how each shell wants to be told.

The three scripts complete the same: the command, its options with their choices, and files where a value or an argument
may be one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

PROGRAM: Final = "csat-ledger"


class Option(NamedTuple):
    """An option of a command: its names, whether a value follows, which ones if they are few, and its help."""

    names: tuple[str, ...]
    takes_value: bool
    choices: tuple[str, ...]
    help: str


class Described(NamedTuple):
    """A command: its options, and the words that its first argument can be, where they are few."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def describe(name: str, text: str, parser: argparse.ArgumentParser) -> Described:
    """What a parser says of itself."""
    options: list[Option] = []
    words: list[str] = []
    for action in parser._actions:  # there is no public way to ask
        choices = tuple(str(choice) for choice in action.choices or ())
        if action.option_strings:
            said = " ".join((action.help or "").replace("%%", "%").split())
            options.append(Option(tuple(action.option_strings), action.nargs != 0, choices, said))
        else:
            words += choices
    return Described(name, text, tuple(options), tuple(words))


def bash(commands: list[Described]) -> str:
    """For bash: eval "$(csat-ledger completion bash)".

    Bash takes `--store=x` and `postgresql://host/ledger` apart at = and :, so the command is the first word that is one.
    """
    names = "|".join(command.name for command in commands[1:])
    words = "\n".join(
        f"        {command.name}) words={_quoted(' '.join([*_names(command.options), *command.words]))} ;;"
        for command in commands
        if command.name
    )
    values = "\n".join(
        f"        {_cases(command, option)}) {_bash_value(option)}return ;;"
        for command in commands
        for option in command.options
        if option.takes_value
    )
    with_words = "|".join(command.name for command in commands if command.words)
    overview = commands[0]
    first = " ".join([*(command.name for command in commands[1:]), *_names(overview.options)])
    return f"""\
_csat_ledger() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= words= place
    for ((place = 1; place < COMP_CWORD; place++)); do
        case ${{COMP_WORDS[place]}} in
        --store) ((place++)) ;;
        {names}) command=${{COMP_WORDS[place]}}; break ;;
        esac
    done
    COMPREPLY=()
    case "$command $before" in
{values}
    esac
    case $command in
        "") COMPREPLY=($(compgen -W {_quoted(first)} -- "$word")); return ;;
{words}
    esac
    case $command in
        {with_words}) ;;
        *) [[ $word == -* ]] || return ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _csat_ledger {PROGRAM}
"""


def zsh(commands: list[Described]) -> str:
    """For zsh: eval "$(csat-ledger completion zsh)", or the same as a file _csat-ledger in the fpath."""
    rest = commands[1:]
    names = "\n".join(f"        {_zsh_entry(command.name, command.help)}" for command in rest)
    values = "\n".join(
        f"        {_cases(command, option)}) "
        + (f"compadd -- {' '.join(option.choices)}" if option.choices else "_files")
        + "; return ;;"
        for command in commands
        for option in command.options
        if option.takes_value
    )
    options = "\n".join(
        f"        {command.name or _quoted('')})\n            options=(\n{_zsh_options(command.options)}\n            ) ;;"
        for command in commands
    )
    words = "\n".join(
        f"        {command.name}) compadd -- {' '.join(command.words)}; return ;;" for command in rest if command.words
    )
    return f"""\
#compdef {PROGRAM}
_csat_ledger() {{
    local command= place
    local -a options names
    for ((place = 2; place < CURRENT; place++)); do
        case ${{words[place]}} in
        --store) ((place++)) ;;
        -*) ;;
        *) command=${{words[place]}}; break ;;
        esac
    done
    case "$command ${{words[CURRENT-1]}}" in
{values}
    esac
    case $command in
{options}
    esac
    if [[ $PREFIX == -* ]]; then
        _describe option options
        return
    fi
    case $command in
        '')
            names=(
{names}
            )
            _describe command names
            return ;;
{words}
    esac
    _files
}}
if [[ ${{zsh_eval_context[-1]}} == loadautofunc ]]; then
    _csat_ledger "$@"
else
    compdef _csat_ledger {PROGRAM}
fi
"""


def fish(commands: list[Described]) -> str:
    """For fish: csat-ledger completion fish | source."""
    rest = commands[1:]
    start = f"complete -c {PROGRAM}"
    lines = [f"{start} -n __fish_use_subcommand -f"]
    for command in rest:
        lines.append(f"{start} -n __fish_use_subcommand -a {command.name} -d {_fish_quoted(command.help)}")
    for command in commands:
        where = f"-n '__fish_seen_subcommand_from {command.name}'" if command.name else "-n __fish_use_subcommand"
        if command.words:
            lines.append(f"{start} {where} -f -a {_fish_quoted(' '.join(command.words))}")
        for option in command.options:
            named = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = " -r" if option.takes_value else ""
            if option.choices:
                value = f" -x -a {_fish_quoted(' '.join(option.choices))}"
            lines.append(f"{start} {where} {named}{value} -d {_fish_quoted(option.help)}")
    return "\n".join(lines) + "\n"


SHELLS: Final[dict[str, Callable[[list[Described]], str]]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _names(options: Iterable[Option]) -> list[str]:
    return [name for option in options for name in option.names]


def _cases(command: Described, option: Option) -> str:
    return "|".join(_quoted(f"{command.name} {name}") for name in option.names)


def _zsh_options(options: Iterable[Option]) -> str:
    return "\n".join(f"                {_zsh_entry(name, option.help)}" for option in options for name in option.names)


def _zsh_entry(name: str, text: str) -> str:
    return _quoted(f"{name}:{text}")


def _bash_value(option: Option) -> str:
    if not option.choices:
        return ""  # a file, perhaps
    return f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$word")); '


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
