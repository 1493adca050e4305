"""What the commands around the log have in common: keys, policies and files by their paths, and errors in one form."""

from __future__ import annotations

import errno
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import NOT_SO, UNREACHABLE, USAGE, Failure, failure_of
from console.cli.session import Session
from ledger.errors import BadInput, ExtraMissing, SealError

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from ledger.proof.log.policy import Policy
    from ledger.seal.folder import LogFolder
    from ledger.seal.log_url import LogUrl
    from ledger.seal.receipts import ReceiptSigner

TOKEN_FILE: Final = "--entries-token-file"
NO_TOKEN: Final = Path("none")
"""Stands for the file of tokens of a log whose entries need none, among several logs."""


@contextmanager
def proving() -> Iterator[None]:
    """Errors of proofs, of the log and of its files as this program's own."""
    try:
        import ledger.proof.log.note  # noqa: F401 - the first that signs or verifies
        from ledger.proof.log.errors import ProofError
    except ImportError as error:
        raise ExtraMissing(error.name, "proof") from None
    try:
        yield
    except SealError as error:
        raise failure_of(error) from error
    except ProofError as error:
        exit_code = USAGE if error.verdict == "unverifiable" else NOT_SO
        raise Failure(error.verdict, str(error), exit_code) from error
    except OSError as error:
        where = f"{error.filename or 'a file'}: {error.strerror or error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Failure(
                "disk-full", f"{where}; make room and do the same again: what was finished stays", UNREACHABLE
            ) from error
        if error.errno == errno.EFBIG:
            what = "found that this process may make no larger file, expected room; raise the limit (`ulimit -f`)"
            raise Failure(
                "disk-full", f"{where}: {what} and do the same again: what was finished stays", UNREACHABLE
            ) from error
        raise Failure("unreadable", where) from error
    except MemoryError:  # never exit code 1, which says that something was found
        raise Failure("unverifiable", "found more than memory holds, expected a smaller file", USAGE) from None


def add_tiles(parser: _ActionsContainer, *, required: bool = True) -> None:
    """Names the folder of the log."""
    parser.add_argument("--tiles", required=required, type=Path, metavar="DIR", help="the folder in which the log lies")


def add_log(
    parser: ArgumentParser,
    option: str = "--tiles",
    *,
    entries: bool,
    required: bool = True,
    among: _ActionsContainer | None = None,
    several: bool = False,
) -> None:
    """Names a log that is only read, in a folder or at a URL; and the token, where its entries are read.

    `among` are the options of which one may be given. With `several` both may be given several times (`reading_logs`).
    """
    action: dict[str, Any] = {"action": "append", "default": []} if several else {}
    (among or parser).add_argument(
        option, required=required, dest="log", metavar="DIR|URL", help="the folder of the log, or its URL", **action
    )
    if entries:
        parser.add_argument(
            TOKEN_FILE,
            type=Path,
            metavar="FILE",
            help="the token with which the log's host gives its entries",
            **action,
        )


@contextmanager
def reading_log(session: Session, *, may_come: bool = False) -> Iterator[LogFolder | LogUrl]:
    """The log that `add_log` named. Raises LogUnreachable where it is a folder that is not there.

    With `may_come` that is for the caller to wait for.
    """
    token_file = getattr(session.options, "entries_token_file", None)
    with _reading(session.options.log, token_file, may_come=may_come) as log:
        yield log


@contextmanager
def reading_logs(session: Session) -> Iterator[list[LogFolder | LogUrl]]:
    """The logs that `add_log` named, each with its own token, which no other host gets.

    Files of tokens belong to the logs at URLs, in their order.
    """
    from ledger.seal.log_url import is_url

    places, token_files = session.options.log, session.options.entries_token_file
    urls = sum(map(is_url, places))
    if len(token_files) > urls or 0 < len(token_files) < urls:
        raise Failure(
            "usage",
            f"found {len(token_files)} of {TOKEN_FILE} for {urls} logs at URLs, expected none, or one for each, in their "
            f"order ({NO_TOKEN}: its entries need no token)",
        )
    tokens = iter(token_files)
    with ExitStack() as stack:
        logs: list[LogFolder | LogUrl] = []
        for place in places:
            token_file = next(tokens, None) if is_url(place) else None
            logs.append(stack.enter_context(_reading(place, None if token_file == NO_TOKEN else token_file)))
        yield logs


@contextmanager
def _reading(place: str, token_file: Path | None, *, may_come: bool = False) -> Iterator[LogFolder | LogUrl]:
    from ledger.seal.log_url import LogUrl, open_log
    from ledger.seal.token_file import load_tokens

    def renewed() -> str | None:
        """The token as the file has it now; whoever keeps it fresh may be writing it this moment."""
        with suppress(BadInput):
            return load_tokens(token_file, 1)[0] if token_file else None
        return None

    token = load_tokens(token_file, 1)[0] if token_file else None
    log = open_log(place, token, renewed)
    if not may_come:
        log.require_there()
    try:
        yield log
    finally:
        if isinstance(log, LogUrl):
            log.close()


def add_policy(parser: ArgumentParser, *, required: bool = True, several: bool = False) -> None:
    """Names the file with the roots of trust; with `several` one for each log."""
    action: dict[str, Any] = {"action": "append"} if several else {}
    parser.add_argument(
        "--policy", required=required, type=Path, metavar="FILE", help="whom to trust, as JSON", **action
    )


def add_sealing(parser: ArgumentParser, *, required: bool) -> None:
    """Names what a sealer needs: keys, and witnesses with the policy that knows theirs."""
    parser.add_argument(
        "--key",
        required=required,
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="the log's secret key; while one key hands over to another: the old one, then the new one",
    )
    parser.add_argument(
        "--witness", action="append", default=[], metavar="URL", help="a witness to ask; may be given several times"
    )
    add_policy(parser, required=False)


def add_receipt_key(parser: ArgumentParser) -> None:
    """Names what a signer of receipts needs."""
    parser.add_argument(
        "--receipt-key", type=Path, metavar="FILE", help="the secret key that signs receipts (keygen --receipts)"
    )
    parser.add_argument(
        "--promise",
        type=int,
        default=None,
        metavar="SECONDS",
        help="by when a receipt promises the event in the log, after it was recorded; default: 86400, a day",
    )


def receipt_signer_of(options: Namespace) -> ReceiptSigner | None:
    """The signer that `--receipt-key` and `--promise` name; None where there is no key. Raises what its key's file does."""
    from ledger.proof.log.note import ED25519
    from ledger.seal.keyfiles import load_signer
    from ledger.seal.receipts import DELAY_S, ReceiptSigner

    if options.receipt_key is None:
        return None
    delay_s = DELAY_S if options.promise is None else options.promise
    return ReceiptSigner(load_signer(options.receipt_key, ED25519), delay_s)


def read_policy(path: Path) -> Policy:
    """The policy in a file."""
    from ledger.proof.log.files import read_file
    from ledger.proof.log.policy import POLICY_MAX_BYTES, parse_policy

    return parse_policy(read_file(path, POLICY_MAX_BYTES, pipes=True))


def read_evidence(path: Path) -> bytes:
    """The bytes of a file of evidence, or of a checkpoint. Raises MalformedError where it is longer than any may be."""
    from ledger.proof.log.bundle import BUNDLE_MAX_BYTES
    from ledger.proof.log.files import read_file

    return read_file(path, BUNDLE_MAX_BYTES, pipes=True)


def write_answer(path: Path, data: bytes) -> None:
    """Writes a file whole, or leaves what was there."""
    from ledger.seal.folder import naming

    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)  # of one that was killed; a pipe by this name would keep us waiting
    try:
        with naming(path, temporary):
            temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_new(path: Path, data: bytes, max_bytes: int) -> None:
    """Writes a file where there is none, or none but the same. Raises Failure: what differs is never written over."""
    from ledger.proof.log.files import read_file
    from ledger.seal.folder import naming

    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)  # as above
    try:
        with naming(path, temporary):
            temporary.write_bytes(data)
            temporary.chmod(0o600)
            try:
                os.link(temporary, path)
            except FileExistsError:
                if read_file(path, max_bytes) != data:
                    raise Failure(
                        "exists",
                        f"{path}: found a file that says something else, expected none: nothing was written over",
                    ) from None
    finally:
        temporary.unlink(missing_ok=True)


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, for argparse."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ArgumentTypeError(f"found {text!r}, expected HOST:PORT")
    return host.strip("[]"), int(port)
