"""Receipts are on disk before a caller hears of the fact, beside those that `record --receipts` has written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from csat_ledger_client import Ledger
from csat_ledger_client.answers.fact_outcome import Receipt
from csat_ledger_client.errors import ReceiptsUnusable
from csat_ledger_client.http.receipts_file import ReceiptsFile
from tests.client.http.scripted import Connection, scripted

RECEIPT = Receipt(event='{"fact":"f-1","…":"ä\u2028"}', fact="f-1", receipt="csat-ledger/receipt/v1\n…\n")
LINE = json.dumps(RECEIPT.model_dump(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def test_what_outcomes_bring_is_kept_for_one_fact_and_for_many(tmp_path: Path) -> None:
    def takes(connection: Connection) -> None:
        outcome = {"id": "f-1", "status": "accepted", "position": 17, "receipt": RECEIPT.model_dump()}
        without = {"id": "f-2", "status": "refused", "position": 0, "code": "malformed"}
        many = connection.asked.headers["content-type"] == "application/x-ndjson"
        body = (
            b"\n".join(json.dumps(one).encode() for one in (outcome, without)) if many else json.dumps(outcome).encode()
        )
        connection.answer(200, body, "application/x-ndjson" if many else "application/json")

    path = tmp_path / "receipts.jsonl"
    with scripted(takes) as server, Ledger(server.url, "a.b.c", receipts=path) as ledger:
        outcome = ledger.record({"id": "f-1"})
        assert outcome.receipt == RECEIPT
        assert path.read_bytes() == LINE
        recorded = ledger.record_many([{"id": "f-1"}, {"id": "f-2"}])
    assert (recorded.accepted, recorded.refused) == (1, 1)
    assert path.read_bytes() == LINE * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_receipts_are_added_and_a_line_that_a_crash_cut_off_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(LINE + LINE[:30])
    file = ReceiptsFile(path)
    assert path.read_bytes() == LINE
    file.add([RECEIPT, RECEIPT])
    file.close()
    assert path.read_bytes() == LINE * 3


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b'{"type":"x"}\n')
    with pytest.raises(ReceiptsUnusable, match="nothing was written to it"):
        ReceiptsFile(path)
    assert path.read_bytes() == b'{"type":"x"}\n'
    os.mkfifo(tmp_path / "pipe")
    for other, said in ((tmp_path / "pipe", "pipe or device"), (tmp_path, "receipts could not be kept")):
        with pytest.raises(ReceiptsUnusable, match=said):
            ReceiptsFile(other)


def test_one_process_alone_adds_to_a_file(tmp_path: Path) -> None:
    first = ReceiptsFile(tmp_path / "receipts.jsonl")
    with pytest.raises(ReceiptsUnusable, match="another process at work"):
        ReceiptsFile(tmp_path / "receipts.jsonl")
    first.close()
    ReceiptsFile(tmp_path / "receipts.jsonl").close()


def test_what_cannot_be_written_is_an_error_and_leaves_whole_lines(tmp_path: Path) -> None:
    import resource
    import signal

    file = ReceiptsFile(tmp_path / "receipts.jsonl")
    file.add([RECEIPT])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINE) + 10, limit[1]))
    try:
        with pytest.raises(ReceiptsUnusable, match="the same facts again give them"):
            file.add([RECEIPT])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
        file.close()
    assert (tmp_path / "receipts.jsonl").read_bytes() == LINE
