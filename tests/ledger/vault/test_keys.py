"""Files of keys: who may read them, what they hold, and how a new key comes into one."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from ledger.errors import VaultKeyMismatch, VaultKeyMissing, VaultKeyUnusable, VaultSwapped
from ledger.vault.keys import KEYS_MAX, VaultKey, add_key, make_key_file, parse_keys, read_key_file

SECRET = bytes(range(32))
DIGITS = SECRET.hex()


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_id_of_a_key_is_worked_out_as_the_format_says() -> None:
    expected = hmac.new(SECRET, b"csat-ledger vault key", "sha256").hexdigest()[:16]
    assert VaultKey(SECRET).id == expected


def test_a_data_key_opens_for_its_holder_alone() -> None:
    key = VaultKey(SECRET)
    box = key.wrap("v", "subject/s-1", b"k" * 32)
    assert key.unwrap("v", "subject/s-1", box) == b"k" * 32
    for vault, holder in (("v", "subject/s-2"), ("w", "subject/s-1")):
        with pytest.raises(VaultSwapped):
            key.unwrap(vault, holder, box)


def test_a_new_file_has_one_key_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    made = make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path).current.secret == made.current.secret
    assert len(made.keys) == 1
    with pytest.raises(VaultKeyUnusable, match="never written over"):
        make_key_file(path)
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


def test_a_new_key_stands_before_the_others_and_wraps(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = make_key_file(path)
    second = add_key(path)
    assert [key.id for key in second.keys[1:]] == [first.current.id]
    assert second.current.id != first.current.id
    assert second.key(first.current.id).secret == first.current.secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    make_key_file(tmp_path / "there/keys")
    (tmp_path / "keys").symlink_to(tmp_path / "there/keys")
    assert len(add_key(tmp_path / "keys").keys) == 2
    assert (tmp_path / "keys").is_symlink()


def test_a_file_takes_no_more_keys_than_it_may_hold(tmp_path: Path) -> None:
    path = written(tmp_path / "keys", "".join(f"{bytes([one]).hex() * 32}\n" for one in range(KEYS_MAX)))
    with pytest.raises(VaultKeyUnusable, match="expected fewer"):
        add_key(path)
    assert len(read_key_file(path).keys) == KEYS_MAX


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found 0 lines"),
        (DIGITS[:-1], "no key in line 1"),
        (f"{DIGITS}\nsecret word\n", "no key in line 2"),
        (f"{DIGITS}\n{DIGITS.upper()}\n", "a key twice"),
        (f"{DIGITS}\n" * 40, "found"),
        ("é" * 32, "no file of keys"),
    ],
    ids=["empty", "short", "words", "twice", "many", "not ascii"],
)
def test_a_file_of_something_else_is_no_file_of_keys_and_nothing_of_it_is_told(
    tmp_path: Path, text: str, said: str
) -> None:
    path = written(tmp_path / "keys", text)
    with pytest.raises(VaultKeyUnusable, match=said) as raised:
        read_key_file(path)
    assert DIGITS[:8] not in str(raised.value)
    assert "secret word" not in str(raised.value)


def test_a_file_that_others_may_read_a_folder_and_none_are_no_files_of_keys(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyUnusable, match="mode 0640"):
        read_key_file(written(tmp_path / "keys", DIGITS, 0o640))
    with pytest.raises(VaultKeyUnusable):
        read_key_file(tmp_path)
    with pytest.raises(VaultKeyMissing, match="--make-key"):
        read_key_file(tmp_path / "none")
    with pytest.raises(VaultKeyMissing):
        add_key(tmp_path / "none")


def test_a_key_that_is_not_at_hand_is_a_mismatch_that_names_what_is() -> None:
    keyring = parse_keys([DIGITS], "the environment")
    with pytest.raises(VaultKeyMismatch, match=rf"^the environment: found the keys {keyring.current.id}, expected abc"):
        keyring.key("abc")


def test_keys_have_no_text_that_shows_them() -> None:
    keyring = parse_keys([DIGITS], "it")
    assert DIGITS[:8] not in f"{keyring!r} {keyring.current!r}"
