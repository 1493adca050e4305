"""Tells about a command, or about something that concerns several of them."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.help_topics import TOPICS
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger help                                  what there is to be told about
  csat-ledger help facts                            the types of facts and their fields
  csat-ledger help record                           the same as csat-ledger record --help"""


@dataclass(frozen=True, slots=True)
class HelpText:
    """What is told about a command or a topic."""

    topic: str | None
    """The command or topic; null for the list of them."""
    text: str
    """The text for people."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    from console.cli.main import COMMANDS

    parser.add_argument("topic", nargs="?", choices=(*TOPICS, *COMMANDS), metavar="TOPIC", help="a topic or a command")


def run(session: Session) -> int:
    """Prints the text."""
    topic: str | None = session.options.topic
    text = _overview() if topic is None else _text(topic)
    if session.output.as_json:
        session.output.json(HelpText(topic, text))
    else:
        session.output.text(*text.split("\n"))
    return DONE


def _overview() -> str:
    width = max(map(len, TOPICS))
    topics = "\n".join(f"  {name.ljust(width)}  {topic.summary}" for name, topic in TOPICS.items())
    return f"topics:\n{topics}\n\nand every command: csat-ledger help COMMAND; csat-ledger --help lists them"


def _text(topic: str) -> str:
    from console.cli.main import COMMANDS, parser_of

    if topic in TOPICS:
        return TOPICS[topic].text()
    if topic in COMMANDS:
        return parser_of(topic).format_help().rstrip("\n")
    raise Failure("usage", f"found {topic!r}, expected a topic or a command")
