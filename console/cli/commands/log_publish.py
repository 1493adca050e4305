"""Publishes the log in an object store with the S3 API, so that anybody reads it by a URL without asking this host.

What has come since the checkpoint that is there is written: tiles first, the checkpoint, the history of checkpoints.
Nothing is written over but the checkpoint and its history, and only if what is there is the beginning of this log. The
entries are left out: with --entries they go along, into a bucket that auditors alone can read."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.output import plural
from console.cli.proof_files import proving
from console.cli.session import Session
from console.cli.signals import Interrupted
from ledger.errors import LogUnreachable, NotSealed

if TYPE_CHECKING:
    from ledger.seal.publishing import LogTarget

REGION: Final = "us-east-1"
WAIT_S: Final = 2.0

EPILOG: Final = """\
examples:
  csat-ledger log-publish log --to https://s3.example/public-bucket/csat --region eu-central-1
  csat-ledger log-publish log --to https://s3.example/public-bucket/csat --follow
  csat-ledger log-publish log --to https://s3.example/auditors-bucket/csat --entries

AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where there is one, AWS_SESSION_TOKEN say who writes. The store must know
conditional writes (If-None-Match, If-Match)."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("tiles", type=Path, metavar="DIR", help="the folder in which the log lies")
    parser.add_argument("--to", required=True, metavar="URL", help="https://HOST/BUCKET, or a prefix in the bucket")
    parser.add_argument("--region", default=REGION, metavar="NAME", help=f"the bucket's region; default: {REGION}")
    parser.add_argument(
        "--entries", action="store_true", help="publish entry bundles too: who can read them is an auditor"
    )
    parser.add_argument("--follow", action="store_true", help="go on with each new checkpoint, until SIGINT or SIGTERM")


def run(session: Session) -> int:
    """Publishes what there is, and with --follow what comes."""
    options = session.options
    with proving():
        from ledger.seal.object_store import ObjectStore, credentials_of
        from ledger.seal.publishing import Bucket

        store = ObjectStore(options.to, credentials_of(), options.region)
        try:
            published = _publish(session, Bucket(store))
            if options.follow:
                _follow(session, Bucket(store), published)
        except Interrupted:
            if not options.follow:
                raise
        finally:
            store.close()
    return DONE


def _publish(session: Session, target: LogTarget) -> bytes | None:
    """One round; the checkpoint that it found in the folder."""
    from ledger.seal.folder import LogFolder
    from ledger.seal.publishing import publish_log

    options, output = session.options, session.output
    log = LogFolder(options.tiles)
    found = log.checkpoint()
    answer = publish_log(log, target, entries=options.entries)
    if output.as_json:
        output.json(answer)
    else:
        entries = plural(answer.size, "entry").replace("entrys", "entries")
        output.text(f"{entries} published, {answer.before} before; {plural(answer.files, 'file')} written")
    output.flush()
    return found


def _follow(session: Session, target: LogTarget, published: bytes | None) -> None:
    """A round for each new checkpoint; a store that cannot be reached meanwhile is waited for."""
    from ledger.seal.folder import LogFolder

    while True:
        time.sleep(WAIT_S)
        try:
            found = LogFolder(session.options.tiles).checkpoint()
            if found != published:
                published = _publish(session, target)
        except (LogUnreachable, NotSealed) as lacking:
            session.output.words(str(lacking))
