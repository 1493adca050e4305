"""Makes a key: a secret file that only its owner may read, a public one, and policy.json to start from.

The log's key signs checkpoints and is named after the log; the policy trusts it, and no witness. A witness's key
(--witness) cosigns checkpoints, and goes into the policies of others. A file that is there already is never written over."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import DONE
from console.cli.proof_files import proving
from console.cli.session import Session
from projections.questions.answer import LEFT_OUT, MayBeLeftOut

EPILOG: Final = """\
examples:
  csat-ledger keygen --name ledger.example/renewals --out keys     keys/log.key, keys/log.vkey, keys/policy.json
  csat-ledger keygen --name auditor.example/w1 --out keys --witness           keys/witness.key, keys/witness.vkey"""


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The files of a new key."""

    key: str
    """The file with the secret key."""
    vkey: str
    """The file with the public key."""
    verifier: str
    """The public key, as policies have it."""
    policy: str | MayBeLeftOut = LEFT_OUT
    """The file with a policy to start from; not for a witness's key."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--name", required=True, metavar="ORIGIN", help="the log's name, or the witness's")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the files go")
    parser.add_argument("--witness", action="store_true", help="a key that cosigns")


def run(session: Session) -> int:
    """Makes the files and says what to do with them."""
    options, output = session.options, session.output
    with proving():
        from ledger.proof.log.note import COSIGNATURE_V1, ED25519
        from ledger.seal.keyfiles import make_key_files, make_policy_file

        made = make_key_files(options.out, options.name, COSIGNATURE_V1 if options.witness else ED25519)
        policy = None if options.witness else make_policy_file(options.out, made.verifier)
    if output.as_json:
        file = LEFT_OUT if policy is None else str(policy.path)
        output.json(KeyMade(str(made.key), str(made.vkey), str(made.verifier), file))
        return DONE
    output.text(f"secret  {made.key}", f"public  {made.vkey}")
    if policy is None:
        output.text(
            "", str(made.verifier), "", "Put it under `witnesses` in the policies of those who trust this witness."
        )
    elif policy.written:
        output.text(f"policy  {policy.path}, which trusts this key, and no witness:", "", *policy.text.split("\n"))
    else:
        found = f"found {policy.path} and left it as it is; a policy that trusts this key:"
        output.text("", found, "", *policy.text.split("\n"))
    return DONE
