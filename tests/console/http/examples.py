"""Asks a real service the examples of the OpenAPI document.

    python -m tests.console.http.examples --write      writes console/http/examples.json, the examples of the answers

Each request is made of the examples of its parameters, and of its body. The service is over a book of both programmes, with
refused facts beside it, and each operation has a copy of its own: one that records something changes no other's answer.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from console.http.embedded import Embedded
from console.http.examples import FILE, JSON, as_shown
from console.http.openapi import document
from console.http.openapi_webhooks import WEBHOOK_EXAMPLE
from console.http.roles import TABLE
from console.http.webhooks import WEBHOOK
from console.wiring import Ledger, open_store
from consumers.webhooks.registry import Webhook, add
from ledger.programmes.registry import fact_from_object
from ledger.store.bookmark import Bookmark
from ledger.writing.refused import TurnedAway
from tests.console.http.support import (
    NOW_US,
    VAULT,
    VAULT_KEY,
    Served,
    make_book,
    make_vault,
    publish,
    seal,
    serving,
    token,
    vault_beside,
)
from tests.console.support import ROOT, fact

KEPT = ROOT / "console/http" / FILE
LOG = "log"
"""The folder of the sealed log, beside the book."""
ELSEWHERE = {
    "openapi": "it would hold itself",
    "evidence": "schemas/samples/proofs has bundles, which are long",
    "designation-evidence": "schemas/samples/proofs has bundles, which are long",
    "webhook-register": "its secret is made at random, and shown once",
}
"""Operations of whose answers no example stands in the document, each with why. Those that answer no JSON have none either."""
REFUSED = (
    fact("record-evaluation", "crm-5001", "2010-06-01T00:00:00Z", "m-9", evaluation="e-5001"),
    fact("record-reminder", "crm-5002", "2010-06-01T00:00:00Z", "m-1", invitation="invitation-99"),
)


def operations(made: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, method and operation of each."""
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def make_exemplary(store: Path) -> None:
    """A book with refused facts beside it, its vault, what is published in it, and its log."""
    place = make_vault(store)
    make_book(store, place)
    publish(store, place)
    seal(store, store.parent / LOG)
    ledger = Ledger(open_store(str(store), create=False), lambda: NOW_US)
    try:
        facts = [fact_from_object(one) for one in REFUSED]
        outcomes = ledger.writer.record(facts)
        assert {outcome.status for outcome in outcomes} == {"refused"}
        ledger.refusals.require_kept(
            [
                TurnedAway(orjson.dumps(one), of, outcome.code or "", outcome.sentence or "", None, "file:facts.jsonl")
                for one, of, outcome in zip(REFUSED, facts, outcomes, strict=True)
            ]
        )
        hook = Webhook(WEBHOOK.example, **WEBHOOK_EXAMPLE, secret_file="none", allow_private=False, owner="example",
                       created_us=NOW_US, mark=Bookmark(0, ""))  # fmt: skip
        add(ledger.store, hook)
    finally:
        ledger.close()


@contextmanager
def copied(store: Path, folder: Path) -> Iterator[Served]:
    """A service over a copy of a book."""
    for path in store.parent.glob(f"{store.name}*"):
        shutil.copy(path, folder / path.name)
    shutil.copytree(store.parent / LOG, folder / LOG)
    for path in (*store.parent.glob(f"{VAULT}*"), store.parent / VAULT_KEY):
        shutil.copy(path, folder / path.name)
    book = folder / store.name
    embedded = Embedded(tiles=folder / LOG, webhook_secrets=folder / "secrets")
    with serving(book, embedded, vault=vault_beside(book)) as served:
        yield served


def is_shown(operation: Any) -> bool:
    """Whether an example of what an operation answers is to stand in the document."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    return operation["operationId"] not in ELSEWHERE and any(JSON in one.get("content", {}) for one in answers)


def role_of(operation: Any) -> str:
    """The role that sees most of what an operation answers."""
    name = operation["operationId"]
    return "operator" if name in TABLE["operator"] else next((role for role in TABLE if name in TABLE[role]), "auditor")


def ask(served: Served, path: str, method: str, operation: Any, media: str | None) -> Any:
    """The answer to the request that the examples make; `media` is the type of its body, None where it has none."""
    parameters = [one for one in operation.get("parameters", []) if "example" in one and one["in"] in ("path", "query")]
    inside = {one["name"]: one["example"] for one in parameters if one["in"] == "path"}
    asked = {one["name"]: one["example"] for one in parameters if one["in"] == "query"}
    query = urlencode({name: str(value).lower() if isinstance(value, bool) else value for name, value in asked.items()})
    target = f"{path.format(**inside)}?{query}".removesuffix("?")
    accepted = {"Authorization": f"Bearer {token(role_of(operation), sub='example')}", "Accept": JSON}
    if media is None:
        return served.client.request(method.upper(), target, headers=accepted)
    example = operation["requestBody"]["content"][media]["example"]
    content = orjson.dumps(example) if media == JSON else example.encode()
    return served.client.request(method.upper(), target, content=content, headers=accepted | {"Content-Type": media})


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    if list(arguments) != ["--write"]:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    made, found = orjson.loads(document()), {}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "book" / "ledger.db"
        store.parent.mkdir()
        make_exemplary(store)
        for number, (path, method, operation) in enumerate(operations(made)):
            if not is_shown(operation):
                continue
            own = Path(folder) / str(number)
            own.mkdir()
            with copied(store, own) as served:
                answer = ask(served, path, method, operation, JSON if "requestBody" in operation else None)
            said = as_shown(answer.json(), JSON)
            found[operation["operationId"]] = {"status": answer.status_code, "answer": said}
    KEPT.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
