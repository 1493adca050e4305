"""How long each page takes the service, beside the questions that it asks through the API, on a large book.

    python -m tests.benchmarks.pages [--folder DIR] [--memberships 50000] [--events 1000000] [--times 60]

The book is made in the folder, once: it is there the next time. Each page is asked by each role that has it, warm, one
client, as often as --times says; p50 and p95 in ms, and beside them the sum of p50 of the routes that the page needs. What
is transferred is the page as packed, and on a first visit its style sheet, scripts and icon with it.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from console.http.observed import route_names
from console.http.roles import ROLES, Caller
from console.pages.registry import PAGES, Page
from console.wiring import Ledger, open_store
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import fact_from_object
from tests.benchmarks.http import BATCH
from tests.console.designation_story import ANNIVERSARY, AREA, qualified, told
from tests.console.http.process import Running, service_process
from tests.console.http.support import NOW_US, VAULT, VAULT_KEY, make_vault, publish, seal
from tests.console.pages.support import signed_in

NOW: Final = "2012-06-01T00:00:00Z"
BEGAN_US: Final = parse_instant("2010-01-04T00:00:00Z")
SPAN_DAYS: Final = 500
ORGANISATIONS: Final = 7
RENEWAL: Final = "2012-03-01"
PAGE_MS: Final = 100.0
FIRST_PAGE_BYTES: Final = 60_000
VALUES: Final = {
    "membership": "m-1", "area": AREA, "renewal": RENEWAL, "anniversary": ANNIVERSARY, "month": "2011-06", "by": "quarter",
}  # fmt: skip


QUERIES: Final = {
    "designation": "?at=2024-08-01",
    "designations": "?at=2024-08-01",
    "upcoming": "?at=2011-08-01&within=90",
    "own-designation": "?at=2024-08-01",
    "own-report": "?month=2011-06",
    "own-report-csv": "?month=2011-06",
}
"""What a page is asked where it would else show nothing."""
LOG: Final = "log"
DESIGNATIONS: Final = 2_000


def facts(memberships: int, number: int) -> Iterator[dict[str, Any]]:
    """Enrolments with a renewal, then responses in order of time, spread over all memberships, most of them eligible."""
    at = format_instant(BEGAN_US)
    for one in range(memberships):
        name = {"membership": f"m-{one}", "occurred_at": at}
        yield {"type": "enrol-membership", "id": f"e-{one}", "name": f"Partner {one}", "level": "gold", **name}
        yield {"type": "set-renewal-date", "id": f"d-{one}", "renewal_date": RENEWAL, **name}
    responses = max(0, number - 2 * memberships)
    step_us = SPAN_DAYS * DAY_US // max(1, responses)
    for one in range(responses):
        yield {
            "type": "record-response", "id": f"r-{one}", "response": f"r-{one}", "membership": f"m-{one * 7919 % memberships}",
            "customer_org": f"Customer {one // memberships % ORGANISATIONS}",
            "occurred_at": format_instant(BEGAN_US + DAY_US + one * step_us),
        }  # fmt: skip


def complete(folder: Path) -> None:
    """What a book has beside its responses: designations, each with a decision; a vault with results; a sealed log."""
    store = folder / "ledger.db"
    ledger = Ledger(open_store(str(store), create=False), lambda: NOW_US)
    (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
    ledger.writer.accept_clock(parse_instant(orjson.loads(last.stored)["recorded_at"]))  # years before the designations
    for start in range(0, DESIGNATIONS, 100):
        told_of = [one for number in range(start, start + 100) for one in designation(f"m-{number}")]
        outcomes = ledger.writer.record([fact_from_object(one) for one in told_of])
        refused = [one for one in outcomes if one.status != "accepted"]
        assert not refused, refused[:3]
    ledger.writer.review()
    ledger.catch_up()
    ledger.close()
    place = make_vault(store)
    publish(store, place, "2011-06")
    seal(store, folder / LOG)


def designation(membership: str) -> list[dict[str, Any]]:
    """One that qualifies, and was decided."""
    decided = told("decide-designation", "decided-d", "2024-08-02T00:00:00Z", membership, anniversary=ANNIVERSARY)
    return [*qualified(membership), decided]


def make_book(store: Path, memberships: int, events: int) -> None:
    """Records the facts, a decision among them."""
    now_us = parse_instant(NOW)
    ledger = Ledger(open_store(str(store), create=True), lambda: now_us)
    made = facts(memberships, events)
    while batch := list(islice(made, 5 * BATCH)):
        ledger.writer.record([fact_from_object(one) for one in batch])
    decided = {
        "type": "decide-renewal", "id": "decided", "membership": "m-1", "occurred_at": NOW, "renewal_date": RENEWAL,
    }  # fmt: skip
    ledger.writer.record([fact_from_object(decided)])
    ledger.writer.review()
    ledger.catch_up()
    ledger.close()


def times_ms(client: httpx.Client, path: str, times: int, headers: dict[str, str] | None = None) -> list[float]:
    """How long a request takes, each time, sorted; the first is not counted."""
    found = []
    for number in range(times + 1):
        begun_s = time.perf_counter()
        answer = client.get(path, headers=headers)
        found.append((time.perf_counter() - begun_s) * 1_000)
        if answer.status_code != 200:
            return [float("nan")]
        if number == 0:
            found.clear()
    return sorted(found)


def measure(served: Running, page: Page, role: str, times: int) -> dict[str, Any]:
    """A page of a role, and what it asks."""
    with signed_in(served.url, role, "m-1", served.said["console"].partition("code=")[2]) as client:
        client.timeout = 60
        path = page.path.format(**VALUES) + QUERIES.get(page.name, "")
        spent = times_ms(client, path, times)
        size = _transferred(client, path)
    tokens = served.token("--role", role, *(("--membership", "m-1") if role == "partner" else ()))
    paths = {name: at for (at, method), name in route_names().items() if method == "GET"}
    with httpx.Client(base_url=served.url, timeout=60) as api:
        asked = [times_ms(api, _with_values(paths[one]), max(5, times // 4), tokens) for one in page.needs]
    return {
        "page": page.name, "role": role, "p50": spent[len(spent) // 2], "p95": spent[int(len(spent) * 0.95)],
        "routes": sum(one[len(one) // 2] for one in asked), "bytes": size,
    }  # fmt: skip


def _with_values(path: str) -> str:
    return path.format(**{name: VALUES.get(name, "m-1") for name in re.findall(r"\{(\w+)\}", path)})


def _transferred(client: httpx.Client, path: str) -> int:
    """Bytes of a first visit."""
    page = client.get(path)
    addresses = set(re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page.text))
    sizes = [int(client.get(one).headers["content-length"]) for one in addresses]
    return int(page.headers.get("content-length", len(page.content))) + sum(sizes)


def rows(folder: Path, memberships: int, events: int, times: int) -> Iterator[dict[str, Any]]:
    """A row for each page and role."""
    store = folder / "ledger.db"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_book(store, memberships, events)
    if not (folder / LOG).exists():
        complete(folder)
    options = ("--dev", "--console", "--no-clock", "--tiles", LOG, "--vault", VAULT, "--vault-key", VAULT_KEY)
    with service_process(folder, *options, CSAT_LEDGER_NOW=NOW) as served:
        for page in PAGES:
            for role in ROLES:
                if page.is_for(Caller(frozenset({role}), frozenset({"m-1"}))):
                    yield measure(served, page, role, times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/csat-ledger-pages"))
    parser.add_argument("--memberships", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(
        f"{'page':22} {'role':11} {'p50 ms':>8} {'p95 ms':>8} {'routes p50':>11} {'bytes':>8}  reach p95 <= {PAGE_MS:g}"
    )
    for one in rows(arguments.folder, arguments.memberships, arguments.events, arguments.times):
        if arguments.json:
            print(orjson.dumps(one).decode())
            continue
        said = "" if one["p95"] <= PAGE_MS else "MISSED"
        print("{page:22} {role:11} {p50:>8.1f} {p95:>8.1f} {routes:>11.1f} {bytes:>8,}  ".format(**one) + said)


if __name__ == "__main__":
    main()
