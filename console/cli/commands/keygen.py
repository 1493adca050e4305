"""Makes a key: a secret file that only its owner may read, a public one, and policy.json to start from.

The log's key signs checkpoints and is named after the log; the policy trusts it, and the witnesses that --trust names: it
wants more than half of them, and one that checks the log before it cosigns, whose key's name ends in /checking, where one
is named. A witness's key (--witness) cosigns checkpoints, and goes into the policies of others. A key of receipts
(--receipts, named ORIGIN/receipt-1 and on) signs what `record --receipts` promises. No file is ever written over."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.proof_files import proving
from console.cli.session import Session
from projections.questions.answer import LEFT_OUT, MayBeLeftOut

EPILOG: Final = """\
examples:
  csat-ledger keygen --name ledger.example/renewals --out keys     keys/log.key, keys/log.vkey, keys/policy.json
  csat-ledger keygen --name auditor.example/w1 --out keys --witness           keys/witness.key, keys/witness.vkey
  csat-ledger keygen --name auditor.example/w1/checking --out keys --witness  the same, of a checking witness
  csat-ledger keygen --name ledger.example/renewals --out keys --receipts     keys/receipt-1.key, keys/receipt-1.vkey"""


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
    """The file with a policy to start from; of a log's key alone."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--name", required=True, metavar="ORIGIN", help="the log's name, or the witness's")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the files go")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--witness", action="store_true", help="a key that cosigns")
    kind.add_argument("--receipts", action="store_true", help="a key that signs receipts")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        type=Path,
        metavar="VKEY-FILE",
        help="the public key of a witness that the policy trusts; may be given several times",
    )


def run(session: Session) -> int:
    """Makes the files and says what to do with them."""
    options, output = session.options, session.output
    if options.trust and (options.witness or options.receipts):
        raise Failure(
            "usage", "found --trust beside --witness or --receipts, expected it for a log's key, with its policy"
        )
    with proving():
        from ledger.proof.log.note import COSIGNATURE_V1, ED25519
        from ledger.seal.keyfiles import load_witnesses, make_key_files, make_policy_file, make_receipt_key_files

        trusted = load_witnesses(options.trust)
        if options.receipts:
            made = make_receipt_key_files(options.out, options.name)
        else:
            made = make_key_files(options.out, options.name, COSIGNATURE_V1 if options.witness else ED25519)
        try:
            policy = (
                None if options.witness or options.receipts else make_policy_file(options.out, made.verifier, trusted)
            )
        except OSError:  # the same can be done again
            made.remove()
            raise
    if output.as_json:
        file = LEFT_OUT if policy is None else str(policy.path)
        output.json(KeyMade(str(made.key), str(made.vkey), str(made.verifier), file))
        return DONE
    output.text(f"secret  {made.key}", f"public  {made.vkey}")
    if policy is None:
        where = (
            'Put {"vkey":…,"from":1,"to":null} with it under `receipts`, `keys` in the policies of those who get receipts.'
            if options.receipts
            else "Put it under `witnesses` in the policies of those who trust this witness."
        )
        output.text("", str(made.verifier), "", where)
    elif policy.written:
        whom = (
            (f"and {len(trusted)} witnesses" if len(trusted) > 1 else "and 1 witness") if trusted else "and no witness"
        )
        output.text(f"policy  {policy.path}, which trusts this key, {whom}:", "", *policy.text.split("\n"))
        if not trusted:
            output.words(
                "once you name witnesses, let `quorum` be more than half of them, and `checking` 1: one at least should look "
                "into the log before it cosigns; keygen --trust writes both. A checking witness's key has a name that ends in "
                "/checking"
            )
    else:
        found = f"found {policy.path} and left it as it is; a policy that trusts this key:"
        output.text("", found, "", *policy.text.split("\n"))
    return DONE
