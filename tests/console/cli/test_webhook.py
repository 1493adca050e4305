"""`csat-ledger webhook`: what is registered, shown, replayed and removed; a secret is in no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.webhooks.registry import Held, Progress, held, save, webhook, webhooks
from consumers.webhooks.secrets import make_secret_file
from ledger.store.sqlite import SQLiteStore
from tests.console.support import Program, met
from tests.support.answers import wrong_with

URL = "https://crm.example/hooks?token=hush"


@pytest.fixture
def secret(program: Program) -> Path:
    program.record(*met())
    make_secret_file(program.folder / "hook.secret")
    return program.folder / "hook.secret"


def added(program: Program, secret: Path, *options: str) -> str:
    ran = program.json("webhook", "add", URL, "--secret-file", str(secret), *options)
    assert (ran.code, wrong_with("webhook", ran.json)) == (0, []), ran
    name: str = ran.json["id"]
    return name


def test_a_webhook_is_registered_listed_without_its_secrets_and_removed(program: Program, secret: Path) -> None:
    name = added(program, secret, "--types", "EligibilityChanged")
    ran = program.json("webhook", "list")
    (line,) = ran.lines
    assert (line["id"], line["url"], line["types"]) == (name, "https://crm.example/hooks?…", ["EligibilityChanged"])
    assert (line["waiting"], line["held"], line["parked"], line["trouble"]) == (0, 0, 0, None), "it starts at the end"
    for text in (ran.out, program.run("webhook", "list").out):
        assert secret.read_text().strip() not in text
        assert "hush" not in text
    removed = program.json("webhook", "remove", name)
    assert (removed.json, wrong_with("webhook", removed.json)) == ({"removed": name}, [])
    assert program.json("webhook", "list").lines == []


def test_a_webhook_that_starts_at_the_beginning_shows_what_waits(program: Program, secret: Path) -> None:
    added(program, secret, "--after", "0")
    (line,) = program.json("webhook", "list").lines
    assert line["waiting"] == len(program.json("changes").lines) > 0
    assert line["oldest_waiting_at"] is not None


def test_the_database_holds_no_secret(program: Program, secret: Path) -> None:
    added(program, secret)
    word = secret.read_text().strip().removeprefix("whsec_").encode()
    for file in program.folder.glob(f"{program.store.name}*"):
        assert word not in file.read_bytes()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://crm.example/hooks", "expected https://"),
        ("https://name:word@crm.example/", "name or password"),
        ("https://crm.example:25/", "found port 25"),
        ("https://crm.example/#part", "fragment"),
        ("ftp://crm.example/", "none of a web server"),
        ("https://crm.example:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://crm.example/\u00e4", "ASCII"),
        ("crm.example", "none of a web server"),
    ],
)
def test_a_url_that_cannot_be_is_refused(program: Program, secret: Path, url: str, said: str) -> None:
    ran = program.json("webhook", "add", url, "--secret-file", str(secret))
    assert (ran.code, ran.json["error"]) == (2, "bad-input"), ran
    assert said in ran.json["message"]
    assert "word" not in ran.json["message"].replace("password", "")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("whsec_dG9vIHNob3J0\n", 0o600, "no secret"),
        ("hush hush\n", 0o600, "no secret"),
        ("", 0o600, "found 0 secrets"),
        ("x" * 5_000, 0o600, "more than 4,096 bytes"),
        (f"whsec_{'a' * 44}\n", 0o640, "mode 0640, expected 0600"),
    ],
)
def test_a_file_that_holds_no_secret_or_is_open_to_others_is_refused(
    program: Program, secret: Path, content: str, mode: int, said: str
) -> None:
    secret.write_text(content)
    secret.chmod(mode)
    ran = program.json("webhook", "add", URL, "--secret-file", str(secret))
    assert (ran.code, ran.json["error"]) == (2, "bad-input"), ran
    assert said in ran.json["message"]
    assert "hush" not in ran.json["message"]


def test_what_is_parked_is_shown_and_a_replay_takes_it_up(program: Program, secret: Path) -> None:
    name = added(program, secret, "--after", "0")
    first = program.json("changes").lines[0]
    store = SQLiteStore(program.store)
    found = webhook(store, name)
    end = store.last_event()
    assert end is not None
    parked = Held("m-1", first["position"], 1, 2, 30, True, "found status 500, expected 2xx")
    mark = found.mark._replace(position=end.position)
    assert save(store, [Progress(name, found.version, mark, "", {"m-1": parked})]) == []
    for action in ("parked", "waiting"):
        (line,) = program.json("webhook", action).lines
        assert wrong_with("webhook", line) == []
        assert (line["membership"], line["parked"], line["next_try_at"]) == ("m-1", True, None)
        assert line["waiting"] == len(program.json("changes").lines)
        assert "found status 500" in program.run("webhook", action, name).out
    ran = program.json("webhook", "replay", name, "--after", str(first["position"]))
    assert wrong_with("webhook", ran.json) == []
    assert ran.json == {"replayed": name, "after": first["position"], "before": end.position, "membership": None}
    (waits,) = held(store, name)
    assert (waits.position, waits.parked, waits.attempts) == (first["position"], False, 0)
    assert program.json("webhook", "parked").lines == []
    ran = program.json("webhook", "replay", name, "--after", "0", "--membership", "m-1")
    assert [(one.position, one.parked) for one in held(store, name)] == [(1, False)]
    assert [one.mark.position for one in webhooks(store)] == [first["position"]]
    store.close()


def test_a_replay_goes_back_and_never_forward(program: Program, secret: Path) -> None:
    name = added(program, secret, "--after", "3")
    ran = program.json("webhook", "replay", name, "--after", "4")
    assert (ran.code, ran.json["error"]) == (2, "bad-input")
    ran = program.json("webhook", "add", URL, "--secret-file", str(secret), "--after", "4000")
    assert (ran.code, ran.json["error"]) == (2, "position-unknown")


@pytest.mark.parametrize("arguments", [("remove", "wh-x"), ("replay", "wh-x", "--after", "0"), ("parked", "wh-x")])
def test_a_webhook_that_is_not_there_is_unknown(program: Program, secret: Path, arguments: tuple[str, ...]) -> None:
    ran = program.json("webhook", *arguments)
    assert (ran.code, ran.json["error"]) == (2, "unknown-webhook")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("add", URL),
        ("list", "wh-x"),
        ("remove",),
        ("replay", "wh-x"),
        ("list", "--after", "3"),
        ("remove", "wh-x", "--allow-private"),
        ("add", URL, "--secret-file", "x", "--membership", "m-1"),
        ("add", URL, "--secret-file", "x", "--types", "Weather"),
        ("replay", "wh-x", "--after", "0", "--membership", "no such form!"),
        ("dance",),
    ],
)
def test_options_that_do_not_go_together_are_usage(program: Program, secret: Path, arguments: tuple[str, ...]) -> None:
    ran = program.json("webhook", *arguments)
    assert (ran.code, ran.json["error"]) == (2, "usage"), ran
