"""Key-encryption keys: they wrap the data keys of the vault, and are kept in no database.

A file of keys has one key a line, 64 hex digits: the first one wraps, the others only open what was wrapped before they
were rotated away. It is of mode 0600. In the environment the keys stand in the same order, with commas between them.

The *id* of a key is the first 16 hex digits of the HMAC-SHA-256 under it of the bytes `csat-ledger vault key`. Each wrapped
data key names the id of what wraps it. A key wraps each data key under a random nonce of 96 bits, so that it may wrap
2^32 of them at most (NIST SP 800-38D, 8.3): rotate it before.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import VaultKeyMismatch, VaultKeyMissing, VaultKeyUnusable
from ledger.store.sqlite_files import alone_in
from ledger.vault.boxes import KEY_BYTES, NONCE_ENDS, PLACE_ENDS, open_box, place_of, seal

ID_DIGITS: Final = 16
KEYS_MAX: Final = 16
"""A file holds no more keys: older ones are rotated away for good."""
FILE_BYTES_MAX: Final = KEYS_MAX * (2 * KEY_BYTES + 2)
_NAMED: Final = b"csat-ledger vault key"
_OTHERS: Final = 0o077
_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


class VaultKey:
    """A key-encryption key. It has no repr of its own, so that no log shows the bytes."""

    __slots__ = ("_cipher", "id", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"found a vault key of {len(secret)} bytes, expected {KEY_BYTES}")
        self.secret = secret
        self.id = hmac.digest(secret, _NAMED, sha256).hex()[:ID_DIGITS]
        self._cipher = AESGCM(secret)

    def wrap(self, vault: str, holder: str, data_key: bytes, nonce: bytes = b"") -> bytes:
        """A data key in a box that opens for its holder in its vault alone; `nonce` as `boxes.seal`."""
        return seal(self._cipher, _place(vault, holder), data_key, nonce)

    def unwrap(self, vault: str, holder: str, box: bytes) -> bytes:
        """The data key in a box. Raises VaultDamaged, VaultSwapped."""
        return open_box(self._cipher, _place(vault, holder), box, f"the data key of {holder}")

    def unwrap_at_once(self, vault: str, holder: str, box: bytes) -> bytes:
        """As `unwrap`, for many: what stands around the ciphertext is looked at only where that does not open."""
        place = _place(vault, holder)
        try:
            return self._cipher.decrypt(box[PLACE_ENDS:NONCE_ENDS], box[NONCE_ENDS:], place)
        except (InvalidTag, TypeError, ValueError):
            return open_box(self._cipher, place, box, f"the data key of {holder}")


class Keyring:
    """The keys at hand: the first wraps, all of them open."""

    def __init__(self, keys: Sequence[VaultKey], where: str) -> None:
        self.keys = tuple(keys)
        self.current = keys[0]
        self.where = where
        self._by_id = {key.id: key for key in keys}

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._by_id)

    def key(self, key_id: str) -> VaultKey:
        """The key of an id. Raises VaultKeyMismatch where it is not at hand."""
        key = self._by_id.get(key_id)
        if key is None:
            raise VaultKeyMismatch(
                f"{self.where}: found the keys {', '.join(self._by_id)}, expected {key_id} among them, which wraps data keys "
                "of this vault; nothing is erased by that, and nothing can be read without it"
            )
        return key


def parse_keys(lines: Sequence[str], where: str) -> Keyring:
    """The keys that lines of hex digits stand for. Raises VaultKeyUnusable; no message repeats a line."""
    if not 1 <= len(lines) <= KEYS_MAX:
        raise VaultKeyUnusable(f"{where}: found {len(lines)} lines, expected 1 to {KEYS_MAX} keys")
    for number, line in enumerate(lines, 1):
        if len(line) != 2 * KEY_BYTES or not _DIGITS.issuperset(line):
            raise VaultKeyUnusable(f"{where}: found no key in line {number}, expected {2 * KEY_BYTES} hex digits")
    keys = [VaultKey(bytes.fromhex(line)) for line in lines]
    if len({key.id for key in keys}) < len(keys):
        raise VaultKeyUnusable(f"{where}: found a key twice among {len(keys)}, expected each once")
    return Keyring(keys, where)


def read_key_file(path: Path) -> Keyring:
    """The keys in a file of one's own that nobody else can read. Raises VaultKeyMissing, VaultKeyUnusable."""
    try:
        # Without waiting for somebody to write into it, where it is a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise VaultKeyUnusable(f"{path}: found what is no plain file, expected keys of a vault")
            if found.st_uid == os.getuid() and found.st_mode & _OTHERS:
                mode = stat.S_IMODE(found.st_mode)
                raise VaultKeyUnusable(f"{path}: found mode {mode:04o}, expected 0600: others may use these keys")
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise VaultKeyMissing(
            f"{path}: found no file, expected the keys of the vault; `csat-ledger vault migrate --make-key` makes a first one"
        ) from None
    except OSError as error:
        raise VaultKeyUnusable(f"{path}: found {error.strerror}, expected the keys of a vault") from None
    if len(content) > FILE_BYTES_MAX or not content.isascii():
        raise VaultKeyUnusable(f"{path}: found no file of keys, expected lines of {2 * KEY_BYTES} hex digits")
    return parse_keys(content.decode("ascii").splitlines(), str(path))


def make_key_file(path: Path) -> Keyring:
    """Makes a file with a new key where there is none. Raises VaultKeyUnusable where there is one already."""
    with _writing(path), alone_in(path.parent):
        if path.exists():
            raise VaultKeyUnusable(f"{path}: found a file, expected none: a key is never written over")
        _replace(path, [VaultKey(os.urandom(KEY_BYTES))])
    return read_key_file(path)


def add_key(path: Path) -> Keyring:
    """Puts a new key before those in a file; the file is replaced as a whole. Raises VaultKeyMissing, VaultKeyUnusable."""
    with _writing(path), alone_in(path.resolve().parent):
        keyring = read_key_file(path)
        if len(keyring.ids) == KEYS_MAX:
            raise VaultKeyUnusable(
                f"{path}: found {KEYS_MAX} keys, expected fewer: remove those that no vault and no backup needs any more"
            )
        _replace(path.resolve(), [VaultKey(os.urandom(KEY_BYTES)), *keyring.keys])
    return read_key_file(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Errors of the system while a file of keys is written, as ours."""
    try:
        yield
    except OSError as error:
        raise VaultKeyUnusable(f"{path}: a key could not be written: {error.strerror}") from None


def _replace(path: Path, keys: Sequence[VaultKey]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("".join(f"{key.secret.hex()}\n" for key in keys).encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _place(vault: str, holder: str) -> bytes:
    return place_of(vault, "data key", holder)
