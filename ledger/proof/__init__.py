"""Proofs over the ledger: a transparency log in the open C2SP formats, and the offline verifier.

Nothing in this package does I/O except `verify` (two files, read once), and nothing imports the rest of the ledger:
the standard library and `cryptography` are enough to run it.

    errors      every error, and the verdict that it leads to
    strictjson  JSON read strictly: no duplicate keys, no floats, no huge numbers
    merkle      RFC 6962 hashes, roots, inclusion and consistency proofs
    tiles       tile and entry-bundle paths and bytes (tlog-tiles)
    note        signed notes, Ed25519 keys and cosignatures (signed-note, tlog-cosignature)
    checkpoint  the body of a signed tree head (tlog-checkpoint)
    tlogproof   one entry's proof as a text file (tlog-proof)
    event       the stored bytes of a ledger event
    heads       the heads entry: where every stream ends
    bundle      the evidence bundle: one renewal decision with everything that proves it
    policy      the auditor's roots of trust
    replay      what the streams say, folded from the events
    rules       the programme's rules, implemented a second time
    sweep       the true history of a membership's status
    recheck     recomputation of every announcement and decision of a stream
    verify      the offline verifier
"""
