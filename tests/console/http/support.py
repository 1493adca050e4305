"""A service inside of the test, over a book of both programmes; and tokens for it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from console.cli.main import main as csat_ledger
from console.http.app import application
from console.http.duties import Duty
from console.http.embedded import Embedded
from console.http.figures import Figures
from console.http.limits import Limits
from console.http.observed import Observed, Observers
from console.http.reading import Following
from console.http.refused import Refused
from console.http.roles import ROLES
from console.http.server import Wiring, listening, server_of, service, url_of
from console.http.tokens import Verifier
from console.pages.front import Front
from console.pages.wiring import front_of
from console.vault_place import VaultPlace
from console.wiring import Ledger, open_store
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.vault.keys import make_key_file
from ledger.vault.vault import Vault
from tests.console.designation_story import ANNIVERSARY, AREA, qualified, restated, told
from tests.console.support import Fact, enrolment, fact, met, response
from tests.ledger.seal.support import LOG_KEY
from tests.support.signing import Unbound

NOW = "2024-12-31T00:00:00Z"
NOW_US = parse_instant(NOW)
ISSUER = "https://login.example"
AUDIENCE = "csat-ledger"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
CODE = "code-of-the-tests"
"""With which one signs in to the pages."""
UNBOUNDED = "1000000/second"
VAULT = "people.db"
VAULT_KEY = "vault-key"
OWN = ("m-1",)
"""The memberships of the partner's token."""

ORGANISATIONS = ("Brontegard", "Lindomar", "Varnholt Mills")
SUBJECTS = ("subject-17", "subject-18")
COMMENTS = {
    "response-hidden-1": "They kept what they promised.",
    "response-open-2": "They were on time.",
}
INVITATIONS = ("invitation-5", "invitation-6")


def facts() -> list[Fact]:
    """Both programmes, each kind of name that leads to a respondent among them, and a decision in each."""
    at = "2010-06-20T10:00:00Z"
    invited = [
        *(fact("record-consent", f"c-{n}", at, subject=subject, customer_org=ORGANISATIONS[2])
          for n, subject in enumerate(SUBJECTS)),
        *(fact("record-invitation", f"i-{n}", at, invitation=invitation, subject=SUBJECTS[n],
               customer_org=ORGANISATIONS[2], channel="operator") for n, invitation in enumerate(INVITATIONS)),
        fact("record-reminder", "reminded", at, invitation=INVITATIONS[0]),
        fact("record-response", "answer-1", "2010-06-21T10:00:00.123456Z", response="response-hidden-1",
             customer_org=ORGANISATIONS[2], invitation=INVITATIONS[0], anonymous=True),
        fact("record-response", "answer-2", "2010-06-22T10:00:00Z", response="response-open-2",
             customer_org=ORGANISATIONS[2], invitation=INVITATIONS[1]),
    ]  # fmt: skip
    decided = fact("decide-renewal", "decided", "2011-03-02T00:00:00Z", renewal_date="2011-03-01")
    designated = told("decide-designation", "decided", "2024-08-02T00:00:00Z", anniversary=ANNIVERSARY)
    others = [*enrolment("m-2"), response(1, "Brontegard", "2024-06-03T10:00:00Z", "m-2")]
    return [*met(), *invited, decided, *others, *qualified(), designated, restated(), *qualified("m-3")]


def responses() -> set[str]:
    """The id of every response of the book."""
    return {one["response"] for one in facts() if "response" in one}


def make_book(path: Path, vault: VaultPlace | None = None) -> None:
    """Records the facts, all of which are accepted; responses have answers where there is a vault for them."""
    ledger = Ledger(open_store(str(path), create=True), lambda: NOW_US, vault=vault)
    made = facts() if vault is None else [_answered(number, one) for number, one in enumerate(facts())]
    for start in range(0, len(made), 10):
        outcomes = ledger.recorder.record([fact_from_object(one) for one in made[start : start + 10]])
        assert {outcome.status for outcome in outcomes} == {"accepted"}, outcomes
    ledger.writer.review()
    ledger.close()


def _answered(number: int, fact: Fact) -> Fact:
    if fact["type"] != "record-response":
        return fact
    answers = {"overall": number % 6 + 4, "recommend": 10 - number % 4}
    return fact | {"answers": answers, "comment": COMMENTS.get(fact["response"])}


def vault_beside(store: Path) -> VaultPlace:
    """The vault in the folder of a book."""
    return VaultPlace(str(store.parent / VAULT), store.parent / VAULT_KEY)


def make_vault(store: Path) -> VaultPlace:
    """Makes a vault in the folder of a book, with its key."""
    place = vault_beside(store)
    make_key_file(store.parent / VAULT_KEY)
    with place.database(create=True) as database:
        Vault(database, place.keyring(), create=True)
    return place


def publish(store: Path, place: VaultPlace, through: str = "2010-06") -> None:
    """Publishes the results up to a month: by default the first in which there are any."""
    with redirect_stdout(StringIO()), patch.dict(os.environ, CSAT_LEDGER_NOW=NOW):
        vault = ("--vault", place.where, "--vault-key", str(place.key_file))
        assert csat_ledger(["--store", str(store), "publish-results", "--through", through, *vault]) == 0


def seal(store: Path | str, folder: Path) -> None:
    """Takes what there is into the log in a folder."""
    book = open_store(str(store), create=False)
    with open_sealer(book, LogFolder(folder), [Unbound(LOG_KEY)]) as sealer:
        sealer.seal()
    book.close()


def token(role: str | None = None, *, key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token that holds, but for the claims that are given; one that is None is left out."""
    said: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW_US // 1_000_000 + 600}
    if role is not None:
        said["roles"] = [role]
    if role == "partner":
        said["memberships"] = list(OWN)
    said = {name: value for name, value in (said | claims).items() if value is not None}
    head = {"alg": "ES256", "kid": "one"} if header is None else header
    return jwt.encode(head, said, key, algorithms=[head["alg"]])


class Client:
    """Asks an ASGI application, one request after the other."""

    def __init__(self, app: Any, runner: asyncio.Runner) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://ledger.example")
        self._runner = runner

    def request(self, method: str, path: str, **others: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **others))

    def get(self, path: str, **others: Any) -> httpx.Response:
        return self.request("GET", path, **others)

    def post(self, path: str, **others: Any) -> httpx.Response:
        return self.request("POST", path, **others)


class Served:
    """A service, and a client of it."""

    def __init__(self, client: Client, store: Path | str) -> None:
        self.client = client
        self.store = Path(store)
        self.said: list[str] = []
        self.faults: list[BaseException] = []
        self.refused = Refused()
        self.following: Following | None = None
        """What keeps its projections up."""
        self.duties: dict[str, Duty] = {}

    def get(self, path: str, role: str | None = "auditor", **headers: str | bytes) -> Any:
        """The answer to a question of somebody in a role; None: of nobody."""
        return self.client.get(path, headers=bearer(role) | headers)

    def post(self, path: str, body: Any, role: str | None = "operator", **headers: str | bytes) -> Any:
        """The answer to what somebody posts; bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        types = {"Content-Type": "application/json"}
        return self.client.post(path, content=content, headers=types | bearer(role) | headers)


def bearer(role: str | None) -> dict[str, str]:
    """The header of a role."""
    return {} if role is None else {"Authorization": f"Bearer {token(role)}"}


@contextmanager
def serving(
    store: Path | str,
    embedded: Embedded | None = None,
    *,
    now_us: int = NOW_US,
    observe: Callable[[Figures], Observers] | None = None,
    vault: VaultPlace | None = None,
    **limits: Any,
) -> Iterator[Served]:
    """A service over a store and maybe a vault, with some limits of its own. `observe` is told of requests; none may fail."""
    said: list[str] = []
    faults: list[BaseException] = []

    def opened() -> Ledger:
        return Ledger(open_store(str(store), create=True), lambda: now_us, str(store), said.append, vault=vault)

    verifier = Verifier(KeySet([ECKey.import_key(KEY.as_dict(private=False))]), ISSUER, AUDIENCE, lambda: NOW_US)
    bounds = Limits(**{"rate": UNBOUNDED, "rate_without_token": UNBOUNDED} | limits)
    wiring = Wiring(
        opened, str(store), lambda: now_us, said.append, faults.append, embedded or Embedded(), limits=bounds
    )
    with asyncio.Runner() as runner, service(wiring) as behind:
        figures = behind.watched.figures
        observers = Observers(figures, lambda: NOW_US) if observe is None else observe(figures)
        app = Observed(application(behind, verifier, said.append, faults.append), observers)
        served = Served(Client(app, runner), store)
        served.following = behind.following
        served.said, served.faults, served.refused = said, faults, behind.refused
        served.duties = {duty.name: duty for duty in behind.watched.duties}
        yield served
    assert faults == []


@contextmanager
def service_on_a_port(
    store: Path | str,
    expected: type[Exception] | None = None,
    held_bytes: int | None = None,
    embedded: Embedded | None = None,
    *,
    pages: bool = False,
    vault: VaultPlace | None = None,
    now_us: int = NOW_US,
    front_at: Callable[[str], Front] | None = None,
    **limits: Any,
) -> Iterator[str]:
    """A service over a store, behind uvicorn in a thread of this process: the URL. It has ended when this has.

    `pages` has the development sign-in; `front_at` makes those of another, by the URL.

    A connection holds so many bytes that nobody reads. Nothing fails over a request, but as it is expected to.
    """
    said: list[str] = []
    faults: list[BaseException] = []

    def opened() -> Ledger:
        return Ledger(open_store(str(store), create=True), lambda: now_us, str(store), said.append, vault=vault)

    verifier = Verifier(KeySet([ECKey.import_key(KEY.as_dict(private=False))]), ISSUER, AUDIENCE, lambda: NOW_US)
    bounds = Limits(**limits)
    wiring = Wiring(opened, str(store), lambda: now_us, said.append, faults.append, embedded or Embedded(), bounds)
    front = front_of(str(store), None, lambda: now_us, faults.append, CODE) if pages else None
    with listening(("127.0.0.1", 0)) as listener, service(wiring) as behind:
        if front_at is not None:
            front = front_at(url_of(listener))
        if held_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, held_bytes)
        app = Observed(
            application(behind, verifier, said.append, faults.append, front),
            Observers(behind.watched.figures, lambda: now_us),
            {} if front is None else front.names(),
        )
        made = server_of(app, behind.end)
        thread = Thread(target=made.run, kwargs={"sockets": [listener]})
        url = url_of(listener)
        thread.start()
        try:
            yield url
        finally:
            made.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
    assert {type(fault) for fault in faults} == ({expected} if expected else set()), faults


EVERYBODY = (*ROLES, None)
PATHS = {
    "board": "/v1/memberships",
    "overview": "/v1/overview?at=2024-08-01",
    "what-if": "/v1/what-if?edition=%7B%22min_responses%22%3A5%7D&to=2014-01-01",
    "status": "/v1/memberships/m-1/status",
    "history": "/v1/memberships/m-1/history",
    "rolling": "/v1/memberships/m-1/rolling?at=2011-01-01",
    "replay": "/v1/memberships/m-1/replay",
    "decisions": "/v1/memberships/m-1/decisions",
    "decisions-page": "/v1/decisions?limit=3",
    "decision-counts": "/v1/decisions/counts",
    "renewals": "/v1/renewals?within=365",
    "upcoming": "/v1/upcoming?at=2011-05-01&within=60",
    "membership-renewals": "/v1/memberships/m-1/renewals?within=365",
    "participation": "/v1/participation?by=quarter",
    "refusals": "/v1/refusals?counts=true",
    "results": "/v1/memberships/m-1/results?by=month",
    "peers": "/v1/memberships/m-1/benchmark",
    "report": "/v1/memberships/m-1/report?month=2010-06",
    "benchmark": "/v1/benchmark",
    "places": "/v1/benchmark/places",
    "designations": "/v1/designations",
    "score": f"/v1/memberships/m-1/designations/{AREA}/score",
    "what-would-it-take": f"/v1/memberships/m-1/designations/{AREA}/what-would-it-take?more_percent=30",
    "expiring": f"/v1/memberships/m-1/designations/{AREA}/expiring",
    "score-months": f"/v1/memberships/m-1/designations/{AREA}/score-months?at=2024-10-01",
    "explain": f"/v1/memberships/m-1/designations/{AREA}/explain?from=2024-08-01&to=2024-09-02",
    "designation-history": f"/v1/memberships/m-1/designations/{AREA}/history",
    "designation-decisions": f"/v1/memberships/m-1/designations/{AREA}/decisions",
    "designation-replay": f"/v1/memberships/m-1/designations/{AREA}/replay",
}
"""A question of each route."""
PROVEN = {
    "evidence": "/v1/memberships/m-1/evidence?renewal=2011-03-01",
    "designation-evidence": f"/v1/memberships/m-1/designations/{AREA}/evidence?anniversary={ANNIVERSARY}",
    "proof": "/v1/memberships/m-1/proof?renewal=2011-03-01",
    "designation-proof": f"/v1/memberships/m-1/designations/{AREA}/proof?anniversary={ANNIVERSARY}",
    "log-entries": "/log/tile/entries/000.p/5",
}
"""A question of each route that needs the log."""
