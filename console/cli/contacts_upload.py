"""`contacts upload`: a partner's list into the vault, what became of each line, and the facts for the book."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from console.cli.exits import DONE, SOME_REFUSED, Failure
from console.cli.new_files import new_files
from console.cli.output import Output, plural
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.cli.vault_options import open_people
from ledger.errors import BadInput
from ledger.membership import can_be_membership

if TYPE_CHECKING:
    from ledger.vault.uploading import LineTaken


def upload_list(session: Session) -> int:
    """Takes a list in. Raises Failure, BadInput; what was taken before stays, and its facts are written."""
    options, output = session.options, session.output
    if options.membership is None or options.facts is None:
        raise Failure("usage", "upload: expected --membership, and --facts with a new file for the facts")
    membership = checked_membership(options.membership)
    path = Path(options.target)
    with open_people(session) as vault, _opened(path) as stream, new_files([options.facts]) as files:
        from ledger.vault.partner_list import read_list
        from ledger.vault.uploading import upload

        told = _Told(output, files.streams[0])
        lines = read_list(str(path), stream, delimiter=options.delimiter, consent_us=options.consent_at)
        with output.progress("taking lines in") as advance:

            def taken(outcomes: Sequence[LineTaken], facts: bytes) -> None:
                told.take(outcomes, facts)
                advance(told.counts.total(), None)

            try:
                upload(vault, membership, lines, session.clock(), taken)
            except BadInput:
                if told.counts:
                    files.finish()
                    output.words(f"{told.summary()}; their facts are in {options.facts}")
                raise
            except Interrupted:
                output.words(f"{told.summary()} before this; give the same file again: what is there is known then")
                raise
        files.finish()
    output.flush()
    output.words(f"{told.summary()}; the facts are in {options.facts}: `csat-ledger record` takes them")
    return SOME_REFUSED if told.counts["refused"] else DONE


class _Told:
    """What became of the lines, printed as it comes: JSON lines, or CSV with a header."""

    def __init__(self, output: Output, facts: IO[bytes]) -> None:
        self.counts: Counter[str] = Counter()
        self._output = output
        self._facts = facts
        if not output.as_json:
            output.text("line,outcome,subject,code,sentence")

    def take(self, outcomes: Sequence[LineTaken], facts: bytes) -> None:
        self._facts.write(facts)
        self.counts.update(outcome.outcome for outcome in outcomes)
        for one in outcomes:
            if self._output.as_json:
                self._output.json(one)
            else:
                text = io.StringIO()
                cells = (one.line, one.outcome, one.subject or "", one.code or "", one.sentence or "")
                csv.writer(text, lineterminator="").writerow(cells)
                self._output.text(text.getvalue())

    def summary(self) -> str:
        counts = self.counts
        return (
            f"{plural(counts.total(), 'line')}: {counts['added']:,} added, {counts['changed']:,} changed, "
            f"{counts['known']:,} known, {counts['refused']:,} refused"
        )


def checked_membership(text: str) -> str:
    """The id of a membership. Raises Failure."""
    if not can_be_membership(text):
        raise Failure("usage", "--membership: found another text, expected an id of 1 to 64 letters, digits and ._:-")
    return text


def _opened(path: Path) -> IO[bytes]:
    """The list. Raises Failure for what cannot be read, and for a pipe with a name: to open one waits for its writer.

    A pipe that a shell hands over, as by `<(command)`, has no name of its own and has its writer; it is read.
    """
    try:
        if path.is_fifo() and path.resolve().exists():
            raise Failure("unreadable", f"{path}: found a named pipe, expected a file; nothing was taken")
        return path.open("rb")
    except OSError as error:
        raise Failure("unreadable", f"{path}: {error.strerror}; nothing was taken") from None
