"""The announcements as a downstream service gets them from Kafka, one JSON object a line.

Each line has `resume`, which says where to go on after it (`--resume`); or with --group Kafka keeps that. It names the
topics and the messages before, so a topic that was made anew or has lost messages is noticed. A status is a
line with `kind` "status", an announcement one with "changed"; an announcement at an instant replaces everything announced
from that instant on. `type` says of what: csat.eligibility-changed.v1, csat.designation-changed.v1, and statuses."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, assert_never

from console.cli.exits import DONE, Failure
from console.cli.options import instant, number
from console.cli.output import Output, short
from console.cli.role_options import add_kafka, broker_of, require_kafka
from console.cli.session import Session
from console.cli.signals import Interrupted

if TYPE_CHECKING:
    from csat_ledger_client.kafka.places import Resume
    from csat_ledger_client.kafka.start import Start
    from csat_ledger_client.kafka.subscriber import Delivery
    from csat_ledger_client.messages.announced import MessageKind
    from csat_ledger_client.messages.kinds import OurMessage

PLACES: Final = ("beginning", "status", "end")
HEARD: Final = ("all", "eligibility", "designations")

EPILOG: Final = """\
examples:
  csat-ledger subscribe --kafka broker:9092 --json                    everything, then what comes
  csat-ledger subscribe --hear designations --json                    those of the capability programme alone
  csat-ledger subscribe --from status --json                          where all stand, then what comes
  csat-ledger subscribe --from 2011-03-01 --until-end --json          what was recorded since then
  csat-ledger subscribe --resume "$(tail -1 changes.jsonl | jq -r .resume)" --json      after the line that said so
  csat-ledger subscribe --group crm --json                            where the group is; shared by all its members"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_kafka(parser)
    parser.add_argument(
        "--group", metavar="NAME", help="let Kafka keep the offsets, at least once, for all of this name"
    )
    parser.add_argument("--hear", choices=HEARD, default="all", help="the announcements of one programme alone")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--from",
        dest="start",
        type=_place,
        default="beginning",
        metavar="WHERE",
        help="beginning (the default), status, end, or an instant; with --group, where it has no offsets",
    )
    start.add_argument("--resume", type=_resume, metavar="RESUME", help="go on after the line that had this")
    parser.add_argument("--until-end", action="store_true", help="end when all that is there by now is read")
    parser.add_argument("--limit", type=number, metavar="N", help="end after so many")


def run(session: Session) -> int:
    """Prints until it is told to stop."""
    require_kafka()
    from csat_ledger_client.kafka.subscriber import Subscriber
    from csat_ledger_client.messages.capability import DESIGNATION
    from csat_ledger_client.messages.survey import ELIGIBILITY

    options, output = session.options, session.output
    if options.group is not None and (options.start == "status" or options.resume is not None):
        raise Failure("usage", "found --group with --from status or --resume, expected one of them alone")
    handler = _Words(output)
    logging.getLogger("csat_ledger").addHandler(handler)
    kinds: dict[str, Sequence[MessageKind[OurMessage]]] = {
        "all": (ELIGIBILITY, DESIGNATION),
        "eligibility": (ELIGIBILITY,),
        "designations": (DESIGNATION,),
    }
    subscriber = Subscriber(broker_of(session), hear=kinds[options.hear], start=_start(options), group=options.group)
    left: int | None = options.limit
    try:
        for delivery in subscriber.deliveries(until_end=options.until_end):
            with session.signals.put_off():  # a line is printed whole or not at all
                _print(output, delivery)
                output.flush()
            if left is not None:
                left -= 1
                if left <= 0:
                    break
    except Interrupted:
        return DONE
    finally:
        logging.getLogger("csat_ledger").removeHandler(handler)
    return DONE


class _Words(logging.Handler):
    """What the subscriber says of a lost broker goes to stderr, as a line for people."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = getattr(record, "fields", {})
        self._output.words(f"{record.getMessage()}: {fields.get('error', '')}")


def _print(output: Output, delivery: Delivery[OurMessage]) -> None:
    message = delivery.message
    kind = "status" if message.is_status else "changed"
    if output.as_json:
        resume = None if delivery.resume is None else str(delivery.resume)
        output.json(
            {
                "kind": kind,
                "type": message.type,
                "id": message.id,
                **message.model_dump(),
                "cursor": delivery.cursor,
                "resume": resume,
            }
        )
        return
    output.flowing(f"{message.position:>9}  {short(message.effective_at)}  {message.who}  {_words(message, kind)}")


def _words(message: OurMessage, kind: str) -> str:
    from csat_ledger_client.messages.capability import DesignationChanged, DesignationStatus
    from csat_ledger_client.messages.survey import EligibilityChanged, EligibilityStatus

    match message:
        case EligibilityChanged() | EligibilityStatus():
            return (
                f"{'satisfied' if message.satisfied else 'not satisfied'}  "
                f"({message.counted} of {message.organisations} organisations, {message.cause}, {kind})"
            )
        case DesignationChanged() | DesignationStatus():
            points = f"{message.centipoints // 100}.{message.centipoints % 100:02d} points"
            return f"{'qualified' if message.qualified else 'not qualified'}  ({points}, {message.cause}, {kind})"
        case _:
            assert_never(message)


def _start(options: Any) -> Start:
    from csat_ledger_client.kafka.start import Start

    if options.resume is not None:
        return Start.offsets(options.resume)
    if isinstance(options.start, int):
        return Start.at(options.start)
    return {"beginning": Start.beginning, "status": Start.status, "end": Start.end}[options.start]()


def _place(text: str) -> str | int:
    return text if text in PLACES else instant(text)


def _resume(text: str) -> Resume:
    require_kafka()
    from csat_ledger_client.errors import BadRequest
    from csat_ledger_client.kafka.places import Resume

    try:
        return Resume.parse(text)
    except BadRequest as error:
        raise ArgumentTypeError(str(error)) from None
