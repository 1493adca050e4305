"""Key files: `NAME.key` is secret (mode 0600), `NAME.vkey` is for everybody. One line each (see `ledger.proof.log.note`).

A log's key has a memory of what it signed last beside it, `NAME.signed` (see `ledger.seal.signing`), and a policy that
trusts it, to start from (see `ledger.proof.log.policy`).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from ledger.errors import WrongKey
from ledger.proof.log.errors import ProofError
from ledger.proof.log.files import read_file
from ledger.proof.log.keys import new_key
from ledger.proof.log.note import COSIGNATURE_V1, ED25519, VerifierKey, parse_verifier_key
from ledger.proof.log.policy import KEYS_MAX, is_checking
from ledger.proof.log.signer import SignerKey, parse_signer_key
from ledger.seal.folder import fsync_folder, naming
from ledger.seal.signing import ENDING

KEY_MAX_BYTES: Final = 4_096
POLICY: Final = "policy.json"
STEMS: Final = {ED25519: "log", COSIGNATURE_V1: "witness"}


class KeyFiles(NamedTuple):
    """A new key and its two files."""

    key: Path
    vkey: Path
    verifier: VerifierKey

    def remove(self) -> None:
        """Removes a key that was just made, and that nobody has used yet."""
        for path in (self.key, self.vkey, memory_of(self.key)):
            path.unlink(missing_ok=True)


class PolicyFile(NamedTuple):
    """A policy, and whether it was written: one that is there is never written over."""

    path: Path
    text: str
    written: bool


def make_key_files(folder: Path, name: str, signature_type: int) -> KeyFiles:
    """Makes a key and writes its files, `log.…` or `witness.…`. Raises WrongKey rather than write over a key."""
    try:
        signer = new_key(name, signature_type)
    except ProofError as error:
        raise WrongKey(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    stem = STEMS[signature_type]
    key, vkey = folder / f"{stem}.key", folder / f"{stem}.vkey"
    memory = [memory_of(key)] if signature_type == ED25519 else []
    for path in (key, vkey, *memory):
        if path.exists():
            raise WrongKey(f"found {path}, expected none: a key is never written over")
    _write_all(
        [*((path, "", 0o600) for path in memory), (key, signer.encoded(), 0o600), (vkey, str(signer.verifier), 0o644)]
    )
    return KeyFiles(key, vkey, signer.verifier)


def make_receipt_key_files(folder: Path, origin: str) -> KeyFiles:
    """Makes a key for receipts of a log, `receipt-<n>.…` with the first number that is free. Raises WrongKey."""
    number = next(n for n in count(1) if not any((folder / f"receipt-{n}{end}").exists() for end in (".key", ".vkey")))
    try:
        signer = new_key(f"{origin}/receipt-{number}", ED25519)
    except ProofError as error:
        raise WrongKey(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    key, vkey = folder / f"receipt-{number}.key", folder / f"receipt-{number}.vkey"
    _write_all([(key, signer.encoded(), 0o600), (vkey, str(signer.verifier), 0o644)])
    return KeyFiles(key, vkey, signer.verifier)


def make_policy_file(folder: Path, verifier: VerifierKey, witnesses: Sequence[VerifierKey] = ()) -> PolicyFile:
    """Writes a policy that trusts a log's key for every size, where there is none.

    Of witnesses it wants more than half, one of them a checking one where there is one; keys of receipts are to be added.
    """
    value = {
        "origin": verifier.name,
        "logs": [{"vkey": str(verifier), "from": 0, "to": None}],
        "witnesses": [str(witness) for witness in witnesses],
        "quorum": len(witnesses) // 2 + 1 if witnesses else 0,
        "checking": int(any(map(is_checking, witnesses))),
        "receipts": {"keys": [], "within_s": 86_400},
    }
    text = json.dumps(value, indent=1)
    path = folder / POLICY
    try:
        _write_all([(path, text, 0o644)])
    except FileExistsError:
        return PolicyFile(path, text, written=False)
    return PolicyFile(path, text, written=True)


def memory_of(key: Path) -> Path:
    """The file in which a log's key has what it signed last: beside the key itself, not beside a link to it."""
    return key.resolve().with_suffix(ENDING)


def load_signer(path: Path, signature_type: int) -> SignerKey:
    """The secret key in a file that nobody else can read. Raises WrongKey."""
    try:
        signer = parse_signer_key(_line(path))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise WrongKey(f"{path}: found a key that others may read, expected mode 0600")
        if signature_type == ED25519 and path.stat().st_nlink > 1:
            raise WrongKey(
                f"{path}: found a key with several names (hard links), expected one: its memory stands beside it"
            )
    except ProofError as error:
        raise WrongKey(f"{path}: {error}") from None
    if signer.signature_type != signature_type:
        raise WrongKey(f"{path}: found signature type {signer.signature_type}, expected {signature_type}")
    return signer


def load_verifier(path: Path) -> VerifierKey:
    """The public key in a file. Raises WrongKey."""
    try:
        return parse_verifier_key(_line(path))
    except ProofError as error:
        raise WrongKey(f"{path}: {error}") from None


def load_witnesses(paths: Sequence[Path]) -> list[VerifierKey]:
    """The public keys of witnesses, as a policy may have them. Raises WrongKey."""
    witnesses = [load_verifier(path) for path in paths]
    if strangers := [str(key) for key in witnesses if key.signature_type != COSIGNATURE_V1]:
        raise WrongKey(f"found {strangers[0]}, expected the key of a witness")
    if len({key.public_key for key in witnesses}) != len(witnesses):
        raise WrongKey(
            "found the key of a witness twice, expected each witness once: it counts for one, whatever its name"
        )
    if len(witnesses) > KEYS_MAX:
        raise WrongKey(f"found {len(witnesses)} witnesses, expected at most {KEYS_MAX}")
    return witnesses


def _line(path: Path) -> str:
    try:
        data = read_file(path, KEY_MAX_BYTES, pipes=True)
        return data.decode("utf-8").strip("\n")
    except ProofError as error:  # names the file
        raise WrongKey(str(error)) from None
    except OSError as error:
        raise WrongKey(f"{path}: found {error.strerror}, expected a key file") from None
    except UnicodeDecodeError:
        raise WrongKey(f"{path}: found bytes that are not UTF-8, expected a key") from None


def _write_all(files: Sequence[tuple[Path, str, int]]) -> None:
    """Writes new files of a folder, each of one line: all or none. Raises FileExistsError, or OSError for a full disk."""
    made: list[Path] = []
    try:
        for path, line, mode in files:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            made.append(path)
            with naming(path), os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), mode)
                file.write(line and line + "\n")
                file.flush()
                os.fsync(file.fileno())
        fsync_folder(files[0][0].parent)
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise
