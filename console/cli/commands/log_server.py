"""Serves the log in a folder over HTTP, so that auditors, monitors and witnesses read it by a URL.

Anybody may read the checkpoint, its history and the hash tiles: they tell nothing of what the events say. The entries
are for auditors, by a token (--entries-token-file); without that option nobody gets them. Only what the published
checkpoint covers is served, and nothing else that the folder holds."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from console.cli.exits import DONE
from console.cli.proof_files import TOKEN_FILE, address, proving
from console.cli.session import Session
from console.cli.signals import Interrupted
from ledger.errors import BadInput

PATIENCE_S: Final = 5.0
"""So long an answer under way is waited for when the server is told to stop."""

EPILOG: Final = """\
examples:
  csat-ledger log-server log --listen 127.0.0.1:8080
  (umask 077; openssl rand -hex 32 > entries.token)
  csat-ledger log-server log --listen 127.0.0.1:8080 --entries-token-file entries.token
  csat-ledger consistency old log/checkpoint --tiles https://log.example/csat --policy policy.json

The paths are those of c2sp.org/tlog-tiles: checkpoint, tile/<L>/<N>, tile/entries/<N>; and checkpoints.jsonl. TLS is a
reverse proxy's matter. The token file has one token a line, one for each auditor, and mode 0600."""


@dataclass(frozen=True, slots=True)
class LogServerListening:
    """A server of a log that answers now."""

    listening: str
    """HOST:PORT."""
    entries: bool
    """Whether entry bundles are served, to who has a token."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("tiles", type=Path, metavar="DIR", help="the folder in which the log lies")
    parser.add_argument("--listen", required=True, type=address, metavar="HOST:PORT", help="where; port 0 for any")
    parser.add_argument(
        TOKEN_FILE, type=Path, metavar="FILE", help="the tokens of those who may read entries, one a line"
    )


def run(session: Session) -> int:
    """Serves until it is told to stop."""
    options, output = session.options, session.output
    with proving():
        from ledger.seal.log_server import LogServer
        from ledger.seal.published_log import PublishedLog
        from ledger.seal.token_file import load_tokens

        if not options.tiles.is_dir():
            raise BadInput(f"{options.tiles}: found no such folder, expected that of a log")
        tokens = load_tokens(options.entries_token_file) if options.entries_token_file else ()
        one_at_a_time = Lock()

        def complain(sentence: str) -> None:
            with one_at_a_time:
                output.words(sentence)

        with LogServer(options.listen, PublishedLog(options.tiles, tokens), complain=complain) as server:
            host, port = server.server_address[:2]
            try:
                if output.as_json:
                    output.json(LogServerListening(f"{host!s}:{port}", bool(tokens)))
                else:
                    whom = "who has a token" if tokens else "nobody"
                    output.text(f"listening on {host!s}:{port}; entries are for {whom}")
                output.flush()  # from here on it may be told to stop, which is how it ends
                server.serve_forever()
            except Interrupted:
                server.server_close()
                server.drain(PATIENCE_S)
    return DONE
