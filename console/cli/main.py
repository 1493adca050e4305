"""The program `csat-ledger`: finds the command, runs it, and turns every error into one line and an exit code.

A command is a module of `console.cli.commands` with `register(parser)` and `run(session) -> exit code`. Only the one that
is asked for is imported, and it imports what it needs when it runs: `csat-ledger status` starts in a blink.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from console.cli.exits import DONE, FAULT, SIGNAL_BASE, Failure, failure_of
from console.cli.options import Parser, add_common
from console.cli.output import Output, Unwritten
from console.cli.session import Session
from console.cli.signals import Interrupted, Signals
from console.cli.standard_streams import prepare_streams
from console.settings import PREFIX, Settings
from console.wiring import clock_of
from consumers.client_errors import client_errors
from ledger.errors import LedgerError


class Command(NamedTuple):
    """A command as the overview shows it; `module` has the rest."""

    module: str
    help: str


COMMANDS: Final = {
    "record": Command("record", "record facts from files of JSON lines or arrays"),
    "import": Command("import_", "import exports of survey tools, spreadsheets and reports, by a map"),
    "refusals": Command("refusals", "facts that were refused: why, from where, how often; counts by code"),
    "review": Command("review", "announce what time alone has changed"),
    "status": Command("status", "where a membership stands, at any instant, as known at any time"),
    "score": Command("score", "the capability score of a designation, at any instant, as known at any time; and why"),
    "what-would-it-take": Command("what_would_it_take", "a score with more of what brings points; how much is enough"),
    "expiring": Command("expiring", "certificates that will expire, and what the score falls to"),
    "score-months": Command("score_months", "the score of each month, as known now and as known then"),
    "history": Command("history", "how a membership's eligibility, or a designation, changed"),
    "rolling": Command("rolling", "a membership's rolling count over time, past and projected"),
    "replay": Command("replay", "the events of a membership or a designation one by one, its decisions checked"),
    "board": Command("board", "who is eligible, who will lose it, when and why"),
    "overview": Command("overview", "how many are eligible and qualified, and how that moved"),
    "upcoming": Command("upcoming", "who changes status next, and when, if nothing more arrives"),
    "renewals": Command("renewals", "renewals ahead and what they lack"),
    "designations": Command("designations", "what state each designation is in, what it lacks, what brings points"),
    "anniversaries": Command("anniversaries", "anniversaries of designations ahead, and what is at risk before them"),
    "decide": Command("decide", "record the decision on a renewal"),
    "decide-designation": Command("decide_designation", "record the decision on a designation"),
    "decisions": Command("decisions", "the decisions on renewals and designations, and which of them still stand"),
    "what-if": Command(
        "what_if", "who would have gained or lost status under other figures; which decisions would differ"
    ),
    "changes": Command("changes", "the feed of changes of eligibility and of qualification"),
    "participation": Command("participation", "how the survey is taken up"),
    "results": Command("results", "a membership's results as published, by quarter or month"),
    "benchmark": Command("benchmark", "peers who are never named, and a partner's place among them"),
    "report": Command("report", "a membership's report of a month, as a page or for spreadsheets"),
    "reports": Command("reports", "the reports of a month, two files a membership"),
    "publish-results": Command("publish_results", "close months, and publish their results and the benchmark"),
    "project": Command("project", "bring projections up to date, rebuild them, show their lag"),
    "migrate": Command("migrate", "bring a ledger's tables to the present version"),
    "copy": Command("copy", "copy a ledger from one store to another"),
    "topics": Command("topics", "create the topics that the ledger needs at the broker"),
    "relay": Command("relay", "relay events and announcements to Kafka, each exactly once"),
    "inbox": Command("inbox", "take facts in from Kafka"),
    "worker": Command("worker", "keep the projections up from Kafka, together with other workers"),
    "subscribe": Command("subscribe", "the announcements as a downstream service gets them from Kafka"),
    "clock": Command("clock", "announce what time alone changes, when it is due"),
    "webhook": Command("webhook", "register, list, remove and replay webhooks; show what is parked"),
    "webhooks": Command("webhooks", "send announcements to webhooks, each at least once"),
    "clock-accept": Command("clock_accept", "accept the book's last instant where the clock says another"),
    "keygen": Command("keygen", "make a key for the log, for receipts, or for a witness"),
    "recover-signer": Command("recover_signer", "show what a log's key signed last, and take a folder's word"),
    "seal": Command("seal", "take the book into its transparency log, and sign it"),
    "evidence": Command("evidence", "write the evidence that proves a decision"),
    "verify": Command("verify", "verify evidence offline"),
    "verify-receipt": Command("verify_receipt", "whether the log keeps what a receipt promised; and the proof of it"),
    "audit": Command("audit", "derive everything again, and list each difference"),
    "monitor": Command("monitor", "follow a log by its files alone, and derive everything again"),
    "consistency": Command("consistency", "prove that an old checkpoint is a prefix of a new one"),
    "witness": Command("witness", "cosign checkpoints for as long as they extend one another"),
    "log-server": Command("log_server", "serve a log over HTTP: hash tiles to anybody, entries by a token"),
    "log-publish": Command("log_publish", "publish a log in an object store (S3), the checkpoint last"),
    "vault": Command("vault", "make the vault in which people are kept, and rotate its keys"),
    "contacts": Command("contacts", "take contacts into the vault, and list who is to be invited or reminded"),
    "comments": Command("comments", "read and clear what respondents said, and hand out what the partner may see"),
    "erase": Command("erase", "erase persons from the vault; what is counted and proven stays"),
    "access-report": Command("access_report", "who read which person when, and why"),
    "serve": Command("serve", "serve the ledger over HTTP: questions and facts, for each role what it may see"),
    "token": Command("token", "make a token for a service of one's own machine"),
    "demo": Command("demo", "a whole programme from nothing to a checked decision"),
    "completion": Command("completion", "make a shell complete commands and options"),
    "help": Command("help", "tell about a command or a topic"),
}

DESCRIPTION: Final = """\
The ledger of evidence for partner programmes: what was reported stands in it for ever, of customer satisfaction
and of the capability score. Every question about eligibility, or about a score, is answered for any instant, as known
at any time."""

EPILOG: Final = """\
examples:
  csat-ledger demo                                  see everything at work, in ./demo
  csat-ledger record facts.jsonl                    record facts (csat-ledger.db is made)
  csat-ledger status m-1 --at 2011-02-28T23:59:59Z  where a membership stood
  csat-ledger decide m-1 --renewal 2011-03-01       decide a renewal
  csat-ledger score m-1 --area business-applications          a capability score, and what it is made of
  csat-ledger COMMAND --help                        how a command is used
  csat-ledger help facts                            the types of facts; csat-ledger help lists all topics

exit codes:
  0 done   1 what was asked is not so   2 usage, unreadable input, unknown membership
  3 done, but something was refused     4 the store or broker cannot be reached, or the clock is wrong

CSAT_LEDGER_STORE names the ledger, CSAT_LEDGER_NOW fixes the clock (RFC 3339)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prepare_streams()
    output = Output("--json" in arguments)
    try:
        return _ended(arguments, output)
    except Unwritten as error:
        if not error.nobody_listens:
            output.words(error.message)
        return error.exit_code
    finally:
        output.abandon()


def _ended(arguments: list[str], output: Output) -> int:
    """The exit code of one run. Raises Unwritten where an answer, or the word of a failure, was not taken by stdout."""
    signals = Signals()
    try:
        with signals.installed():
            exit_code = _run(arguments, output, signals)
            output.flush()
            return exit_code
    except SystemExit as asked:  # --help and --version
        output.flush()
        return asked.code if isinstance(asked.code, int) else DONE if asked.code is None else FAULT
    except Interrupted as interrupted:
        output.words(f"stopped by {interrupted}")
        return SIGNAL_BASE + interrupted.signum
    except Unwritten:
        raise
    except Exception as error:
        if isinstance(error, (LedgerError, *client_errors())):
            return _fail(failure_of(error), output)
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            expected = "expected one that is there: change to another folder"
            return _fail(Failure("unreadable", f"found that the working folder was deleted, {expected}"), output)
        import traceback  # a fault of ours must not look like an answer

        output.trace(traceback.format_exc())
        return _fail(Failure("fault", f"a fault of this program: {error!r}", FAULT), output)


def _is_nowhere() -> bool:
    """Whether the folder in which this process works is gone, so that no name of a file leads anywhere."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _run(arguments: list[str], output: Output, signals: Signals) -> int:
    parser = overview_parser()
    options, rest = parser.parse_known_args(arguments[: _command_place(arguments) + 1])
    rest += arguments[_command_place(arguments) + 1 :]
    if options.version:
        output.text(f"csat-ledger {_version()}")
        return DONE
    if options.command is None:
        parser.error("no command was given")
    if options.command not in COMMANDS:
        parser.error(f"found the command {options.command!r}{_perhaps(options.command)}")
    options = parser_of(options.command).parse_args(rest, options)
    output.as_json = options.json
    settings = _settings(os.environ)
    exit_code: int = _module(options.command).run(Session(options, settings, clock_of(settings), output, signals))
    return exit_code


def parser_of(name: str) -> Parser:
    """What reads the arguments of a command."""
    module = _module(name)
    parser = Parser(f"csat-ledger {name}", f"{module.__doc__}", getattr(module, "EPILOG", ""))
    module.register(parser)
    add_common(parser, with_defaults=False)
    return parser


def _module(name: str) -> Any:
    return importlib.import_module(f"console.cli.commands.{COMMANDS[name].module}")


def _settings(environ: Mapping[str, str]) -> Settings:
    if not any(name.upper().startswith(PREFIX) for name in environ):
        return Settings()
    from console.environment import read_environment

    return read_environment(Settings())


def overview_parser() -> Parser:
    """What reads the arguments before the command."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items())
    parser = Parser(
        "csat-ledger",
        f"{DESCRIPTION}\n\ncommands:\n{commands}",
        EPILOG,
        usage="csat-ledger [--store WHERE] [--json] COMMAND …",
    )
    add_common(parser, with_defaults=True)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of the above")
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("csat-ledger")
    except PackageNotFoundError:
        return "(not installed)"


def _command_place(arguments: Sequence[str]) -> int:
    """Where the command stands: the first argument that is no option and no option's value."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-") and arguments[place] != "-":
        place += 2 if arguments[place] == "--store" else 1
    return place


def _perhaps(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return f", perhaps {near[0]!r} is meant" if near else f", expected one of {', '.join(COMMANDS)}"


def _fail(failure: Failure, output: Output) -> int:
    """Tells of a failure as far as anybody takes it; the exit code is that of the failure in any case."""
    from console.cli.failure_answer import FailureAnswer

    output.words(failure.message)
    with suppress(Unwritten):
        if output.as_json:
            output.json(FailureAnswer(failure.code, failure.message))
        output.flush()
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main())
