"""Serves the ledger over HTTP: questions and facts, for each role what it may see (DESIGN 11).

Who asks shows a token, a JWT that an issuer signed: its public keys are at --jwks, its claim `roles` says what the caller
is. With --dev, on the loopback alone, `csat-ledger token` makes tokens, with a key that lies beside the store.

On a ledger in a file nothing else has to be started: what time alone changes is announced, with --key and --tiles the
book is sealed, with --receipt-key each fact gets a signed receipt. The log in --tiles is served beneath /log, and evidence is
made from it; with --policy the service says of each decision whether it is verified by that policy."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.proof_files import add_receipt_key, add_sealing, add_tiles, address, proving, receipt_signer_of
from console.cli.sealing import add_rounds, sealing_of
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.cli.vault_options import add_vault, add_vault_key
from console.http.dev_key import AUDIENCE
from ledger.errors import BadInput, ExtraMissing
from ledger.store.urls import is_postgres, without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from console.http.bookkeeper import Bookkeeper
    from console.http.embedded import Embedded
    from console.http.limits import Limits
    from console.http.proof_state import Judge
    from console.http.server import Wiring
    from console.http.tokens import Verifier
    from console.pages.front import Front
    from console.wiring import Ledger

EPILOG: Final = """\
examples:
  csat-ledger serve --dev                           on 127.0.0.1:8080, for one's own machine
  csat-ledger token --role auditor                  a token for it
  csat-ledger serve --dev --key keys/log.key --tiles log --receipt-key keys/receipt-1.key
  csat-ledger serve --listen 0.0.0.0:8080 --jwks keys.json --issuer https://login.example --audience csat-ledger
  csat-ledger serve --jwks https://login.example/jwks.json --issuer https://login.example

With pages one signs in as any role with --dev, else at the provider (OpenID Connect) that these name:
  CSAT_LEDGER_CONSOLE_OIDC_ISSUER, …_CLIENT_ID, …_CLIENT_SECRET_FILE, …_URL (docs/operations.md has all of them)

GET /openapi.json describes all routes. TLS is a reverse proxy's matter. A ledger that is not there yet is made. SIGTERM ends
it: what is under way is answered first, and who follows changes is told to come again.

limits, each a variable (docs/operations.md says what each bounds), with their defaults:
  CSAT_LEDGER_HTTP_RATE                5000/second
  CSAT_LEDGER_HTTP_RATE_WITHOUT_TOKEN  100/second
  CSAT_LEDGER_HTTP_REQUESTS            512
  CSAT_LEDGER_HTTP_CONNECTIONS         2048
  CSAT_LEDGER_HTTP_BODY_BYTES          8388608
  CSAT_LEDGER_HTTP_ELEMENTS            10000
  CSAT_LEDGER_HTTP_FACTS_WAITING       20000
  CSAT_LEDGER_HTTP_DEADLINE_S          30
  CSAT_LEDGER_HTTP_STREAMS             32
  CSAT_LEDGER_HTTP_LISTENERS           500
  CSAT_LEDGER_HTTP_STREAM_IDLE_S       60
  CSAT_LEDGER_HTTP_SPOOL_MIB           1024
  CSAT_LEDGER_HTTP_HEAD_S              10
  CSAT_LEDGER_HTTP_KEEP_ALIVE_S        30
  CSAT_LEDGER_HTTP_JWKS_REFRESH_S      300
  CSAT_LEDGER_HTTP_JWKS_KEPT_S         86400"""


@dataclass(frozen=True, slots=True)
class ServiceListening:
    """A service that answers now."""

    listening: str
    """The URL."""
    dev: bool
    """Whether `csat-ledger token` makes the tokens."""
    clock: bool
    """Whether it announces what time alone changes."""
    sealing: bool
    """Whether it seals the book."""
    log: bool
    """Whether it serves the log, and evidence."""
    receipts: bool
    """Whether facts get receipts."""
    webhooks: bool
    """Whether it sends webhooks."""
    console: str | None
    """The path at which whoever reads this signs in to its pages; null where it has none."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument(
        "--listen",
        type=address,
        default=("127.0.0.1", 8080),
        metavar="HOST:PORT",
        help="where; port 0 for any; default: 127.0.0.1:8080",
    )
    parser.add_argument(
        "--jwks", metavar="FILE|URL", help="the issuer's public keys (a JWKS): a file, or an https:// URL"
    )
    parser.add_argument("--issuer", metavar="ISS", help="whose tokens are taken: the claim iss")
    parser.add_argument(
        "--audience",
        default=AUDIENCE,
        metavar="AUD",
        help=f"for whom tokens have to be: the claim aud; default: {AUDIENCE}",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="a line of JSON for each request, without names; `-` is stderr; SIGHUP opens the file anew",
    )
    parser.add_argument(
        "--dev", action="store_true", help="take the tokens of `csat-ledger token`; on the loopback alone"
    )
    parser.add_argument(
        "--clock",
        action=BooleanOptionalAction,
        default=None,
        help="announce what time alone changes; default: on a ledger in a file, not in PostgreSQL, where `clock` does",
    )
    parser.add_argument(
        "--webhooks",
        action=BooleanOptionalAction,
        default=None,
        help="send webhooks; default: on a ledger in a file, not in PostgreSQL, where `webhooks` does",
    )
    parser.add_argument(
        "--console",
        action=BooleanOptionalAction,
        default=None,
        help="pages for people, beneath /console; default: with --dev where the extra `console` is installed, else where the "
        "settings name the provider at which one signs in (CSAT_LEDGER_CONSOLE_OIDC_ISSUER and others)",
    )
    parser.add_argument(
        "--bookkeeper",
        action=BooleanOptionalAction,
        default=None,
        help="record, and keep the projections up, in a process of its own; default: on Linux with more than one processor",
    )
    add_vault(parser)
    add_vault_key(parser)
    add_tiles(parser, required=False)
    add_sealing(parser, required=False)
    add_rounds(parser, "with --key")
    add_receipt_key(parser)


def run(session: Session) -> int:
    """Serves until it is told to stop."""
    from console.http.server import Wiring, require_extra, require_http
    from console.wiring import Ledger, open_store

    require_http("fastapi", "uvicorn", "httptools", "joserfc", "limits", "prometheus_client")
    if session.settings.http_traces:
        require_extra("otel", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    from traceback import format_exception

    from console.http.open_files import read_limits_within
    from console.http.problems import is_passing
    from console.http.seldom import Seldom

    output = session.output
    one_at_a_time = Lock()

    def complain(sentence: str) -> None:
        with one_at_a_time:
            output.words(sentence)

    remark = Seldom(complain)
    limits = read_limits_within(complain)

    def on_fault(error: BaseException) -> None:
        if is_passing(error):  # of all that ask meanwhile each would be told of
            remark(f"questions are not answered: {error}")
            return
        with one_at_a_time:
            output.trace("".join(format_exception(error)))

    begun = Event()

    def opened() -> Ledger:
        # Made at the start alone: where the book is moved away beneath the service, an empty one in its place would be no mend.
        found = open_as(create=not begun.is_set())
        begun.set()
        return found

    def open_as(create: bool) -> Ledger:
        return Ledger(
            open_store(session.where, create=create),
            session.clock,
            session.where,
            remark,
            session.settings.state_mib << 20,
            link_key_file=session.settings.link_key_file,
            refusals_days=session.settings.refusals_days,
            vault=session.vault,
        )

    with _bookkeeper(
        session, partial(open_as, False), complain
    ) as keeper:  # before there are keys that it need not have
        embedded = _with_webhooks(session, _embedded(session))
        where, clock = session.where, session.clock
        _serve(session, Wiring(opened, where, clock, complain, on_fault, embedded, limits, keeper), limits, remark)
    return DONE


def _serve(session: Session, wiring: Wiring, limits: Limits, remark: Callable[[str], None]) -> None:
    """Answers until it is told to stop."""
    from console.http import ending
    from console.http.app import application
    from console.http.observed import Observed
    from console.http.observing import observers
    from console.http.server import listening, serve, service, url_of

    options, output = session.options, session.output
    with_pages = _has_pages(session)
    verifier = _verifier(session, limits, wiring.complain)
    front = _front(session, wiring.on_fault, remark) if with_pages else None
    sign_in = None if front is None else front.sign_in.path
    try:
        with (
            listening(options.listen) as listener,
            service(wiring) as behind,
            observers(session, behind.watched.figures, wiring.complain) as observed,
        ):
            if output.as_json:
                output.json(_listening(url_of(listener), options.dev, wiring.embedded, sign_in))
            else:
                output.text(f"listening on {url_of(listener)}{'' if sign_in is None else f', with pages at {sign_in}'}")
            output.flush()  # from here on it may be told to stop, which is how it ends
            pages = {} if front is None else front.names()
            app = Observed(application(behind, verifier, wiring.complain, wiring.on_fault, front), observed, pages)

            def end() -> None:
                ending.end_within(limits.deadline_s + ending.MORE_S, wiring.complain)
                behind.end()

            serve(app, listener, end, limits, remark)
    except Interrupted:
        pass
    finally:
        _close(verifier, front)


@contextmanager
def _bookkeeper(
    session: Session, opened: Callable[[], Ledger], complain: Callable[[str], None]
) -> Iterator[Bookkeeper | None]:
    """The bookkeeper; None where the service itself does its work. It is forked before anything is opened."""
    from console.http.bookkeeper import bookkeeper, can_fork, processors

    wanted = session.options.bookkeeper
    if wanted and not can_fork():
        raise Failure("usage", "found --bookkeeper where a process cannot be forked safely, expected it on Linux alone")
    if not (can_fork() and processors() > 1 if wanted is None else wanted):
        yield None
        return
    with ExitStack() as stack:
        try:
            process = stack.enter_context(bookkeeper(opened, without_password(session.where), complain))
        except OSError as error:  # no more processes, files or memory
            complain(f"found no room for the bookkeeper ({error.strerror}): the service itself does its work")
            process = None
        yield process


def _close(verifier: Verifier, front: Front | None) -> None:
    verifier.keys.close()
    if front is not None:
        front.sign_in.close()


def _has_pages(session: Session) -> bool:
    """Whether there are to be pages. Raises ExtraMissing where they are asked for and cannot be had."""
    from console.http.server import require_extra
    from console.pages.oidc.settings import VARIABLES, is_named

    options, named = session.options, is_named(session.settings)
    if options.console is False or not (options.console or options.dev or named):
        return False
    if options.dev and named:  # with --dev anybody may sign in as anything
        raise Failure("usage", f"found --dev beside {VARIABLES}…, expected one way to sign in, or --no-console")
    if not options.dev and not named:
        raise Failure(
            "usage",
            "found --console without a way to sign in, expected the provider at which one signs in "
            f"({VARIABLES}ISSUER, {VARIABLES}CLIENT_ID, {VARIABLES}URL), or --dev on one's own machine",
        )
    try:
        require_extra("console", "jinja2", "python_multipart", *(("authlib",) if named else ()))
    except ExtraMissing:
        if options.console or named:
            raise
        return False
    return True


def _front(session: Session, on_fault: Callable[[BaseException], None], remark: Callable[[str], None]) -> Front:
    from console.pages.oidc.settings import read_oidc
    from console.pages.wiring import front_behind, front_of

    settings = session.settings
    if session.options.dev:
        return front_of(session.where, settings.console_key_file, session.clock, on_fault)
    oidc = read_oidc(settings)
    return front_behind(oidc, session.where, settings.console_key_file, session.clock, on_fault, remark)


def _listening(url: str, dev: bool, does: Embedded, console: str | None) -> ServiceListening:
    sealing, log, receipts = (part is not None for part in (does.sealing, does.tiles, does.receipts))
    return ServiceListening(url, dev, does.clock, sealing, log, receipts, does.webhooks is not None, console)


def _embedded(session: Session) -> Embedded:
    """What it does beside answering. What cannot be done is found out before anything is opened."""
    from console.http.embedded import Embedded

    options = session.options
    clock = not is_postgres(session.where) if options.clock is None else options.clock
    if not options.key:
        for name, value in (
            ("--witness", options.witness),
            ("--every", options.every),
            ("--timestamp", options.timestamp),
        ):
            if value:
                raise Failure("usage", f"found {name} without --key, expected the key that seals")
    elif options.tiles is None:
        raise Failure("usage", "found --key without --tiles, expected the folder of the log")
    if options.policy is not None and options.tiles is None:
        raise Failure("usage", "found --policy without --tiles, expected the folder of the log that it is for")
    if options.receipt_key is None and options.promise is not None:
        raise Failure("usage", "found --promise without --receipt-key, which it is for")
    if not options.key and options.tiles is None and options.receipt_key is None:
        return Embedded(clock)
    with proving():
        from ledger.proof.log.note import ED25519
        from ledger.seal.keyfiles import load_signer

        origins = {load_signer(path, ED25519).name for path in options.key}
        if not options.key and options.tiles is not None and not options.tiles.is_dir():
            raise BadInput(
                f"{options.tiles}: found no such folder, expected that of a log, or --key with which one is made"
            )
        receipts = receipt_signer_of(options)
        if receipts is not None and origins - {receipts.origin}:
            raise BadInput(
                f"found a key for receipts of {receipts.origin}, expected one of {', '.join(sorted(origins))}"
            )
        sealing = sealing_of(options) if options.key else None
        return Embedded(clock, sealing, options.tiles, _judge(options.policy), receipts)


def _judge(file: Path | None) -> Judge | None:
    """The policy in a file. Raises ProofError where it is none."""
    from console.http.proof_state import Judge
    from ledger.proof.log.files import read_named
    from ledger.proof.log.policy import POLICY_MAX_BYTES, parse_policy

    if file is None:
        return None
    data = read_named(file, "policy", POLICY_MAX_BYTES)
    return Judge(data, parse_policy(data))


def _with_webhooks(session: Session, embedded: Embedded) -> Embedded:
    """The same with webhooks: sent on a ledger in a file where nothing else is said, and what they need is installed."""
    from console.webhook_rules import rules_of, secrets_path

    wanted = session.options.webhooks
    embedded = replace(embedded, webhook_secrets=secrets_path(session.settings, session.where))
    if not (wanted or (wanted is None and not is_postgres(session.where))):
        return embedded
    try:
        return replace(embedded, webhooks=rules_of(session.settings))
    except ExtraMissing as missing:
        if wanted:
            raise
        return replace(embedded, unsent=f"webhooks are registered, and this process does not send them: {missing}")


def _verifier(session: Session, limits: Limits, complain: Callable[[str], None]) -> Verifier:
    from joserfc.jwk import KeySet

    from console.http.dev_key import ISSUER, dev_key, dev_key_path
    from console.http.jwks import FileKeys, Keys, UrlKeys, is_url
    from console.http.tokens import Verifier

    options = session.options
    if options.dev:
        if options.jwks is not None or options.issuer is not None:
            raise Failure("usage", "found --dev beside --jwks or --issuer, expected one or the other")
        if not _is_loopback(options.listen[0]):
            raise BadInput(
                f"found --dev on {options.listen[0]}, expected an address of the loopback, such as 127.0.0.1"
            )
        return Verifier(KeySet([dev_key(dev_key_path(session.where))]), ISSUER, options.audience, session.clock)
    if options.jwks is None or not options.issuer:
        raise Failure("usage", "found no --jwks and --issuer, expected both, or --dev for one's own machine")
    if is_url(options.jwks):
        keys: Keys = UrlKeys(options.jwks, complain, refresh_s=limits.jwks_refresh_s, kept_s=limits.jwks_kept_s)
    else:
        keys = FileKeys(Path(options.jwks), complain)
    return Verifier(keys, options.issuer, options.audience, session.clock)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
