"""Proofs over the ledger: a transparency log in the open C2SP formats, and the offline verifier.

Nothing in this package does I/O except `verify` (the files that it is given, read once), and nothing imports the rest of
the ledger: the standard library and `cryptography` are enough to run it. In `log`, which knows no programme:

    errors      every error, and the verdict that it leads to
    strictjson  JSON read strictly: no duplicate keys, no floats, no huge numbers
    merkle      RFC 6962 hashes, roots, inclusion and consistency proofs
    multiproof  one inclusion proof for many entries
    tiles       tile and entry-bundle paths and bytes (tlog-tiles)
    note        signed notes, Ed25519 keys and cosignatures (signed-note, tlog-cosignature)
    checkpoint  the body of a signed tree head (tlog-checkpoint)
    tlogproof   one entry's proof as a text file (tlog-proof)
    event       the stored bytes of a ledger event
    heads       the heads entry: where every stream ends
    bundle      the evidence bundle: one decision with everything that proves it
    policy      the auditor's roots of trust
    report      what the verifier says, in words and as JSON
    verify      the verdict on a bundle
    since       a bundle held against an older one of the same stream

`programme` says what a programme gives to the verifier and the audit. `survey` and `capability` have the rules of each,
implemented a second time: in both, `programme` is the way in, and `recheck` recomputes every announcement and decision of
a stream. `registry` names the programmes of this ledger, and `verify` is the program that is handed them.
"""
