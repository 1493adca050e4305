"""Creates the topics that are missing at the broker, and checks that those that are there lose nothing."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.output import plural
from console.cli.role_options import add_kafka, broker_of, require_kafka
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger topics --kafka broker:9092 --replication 3
  csat-ledger topics --check                        create nothing; exit code 4 where something is not as it must be
  csat-ledger topics --relay-anew                   what is relayed comes again from the book, once the relay is started

CSAT_LEDGER_TOPIC_PREFIX goes before every name. The number of partitions is for good: changing it later would take the
order from a membership's messages, and stops the relay. --relay-anew with --partitions gives the topics another number;
facts and refused facts stay. Stop the relays before it. Workers and services with `Effects` go on from what they have;
other subscribers start again with --from status."""


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A topic of the ledger, as the broker has it."""

    topic: str
    """Its name."""
    partitions: int
    """How many partitions it has."""
    created: bool
    """Whether it was made now."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    from consumers.broker.partitioner import PARTITIONS

    add_kafka(parser)
    parser.add_argument("--check", action="store_true", help="only look")
    parser.add_argument(
        "--relay-anew",
        action="store_true",
        help="delete the topics that the relay fills, with all that is in them, and create them again",
    )
    parser.add_argument(
        "--partitions", type=_number, default=PARTITIONS, metavar="N", help=f"of those made now; default: {PARTITIONS}"
    )
    parser.add_argument(
        "--replication", type=_number, default=-1, metavar="N", help="copies of each; default: the broker's own default"
    )


def run(session: Session) -> int:
    """Creates and checks."""
    require_kafka()
    from consumers.broker.topics import check_topics, ensure_topics, remake_topics

    broker, options, output = broker_of(session), session.options, session.output
    if options.check and options.relay_anew:
        raise Failure("usage", "found --check with --relay-anew, expected one of them alone")
    sizes = {"partitions": options.partitions, "replication": options.replication}
    made: list[str] = []
    if options.relay_anew:
        made = broker.topics.relayed()
        remake_topics(broker, made, **sizes)
    if not options.check:
        made += ensure_topics(broker, **sizes)
    counts = check_topics(broker)
    for name in sorted(counts):
        if output.as_json:
            output.json(TopicFound(name, counts[name], name in made))
        else:
            output.text(f"{name}: {plural(counts[name], 'partition')}{', created' if name in made else ''}")
    return DONE


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000):
        raise ArgumentTypeError(f"found {text!r}, expected a number from 1 to 10000")
    return int(text)
