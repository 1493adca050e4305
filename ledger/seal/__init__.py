"""Sealing: the book becomes a transparency log in a folder, signed and witnessed.

The formats and their verification are in `ledger.proof`, which knows neither files nor databases. Here is what writes
them and what reads them back:

    folder      the files of a log: durable writing, the checkpoint, the history of checkpoints, the lock
    log_reader  the port through which a log is read, from a folder or (`log_url`) from a URL
    log_server  the log over HTTP; `published_log` what of a folder it serves, `token_file` to whom
    growth      the right edge of the tree: entries in, full and partial tiles out
    state       where every stream ends, and which entries are heads entries: a cache that is checked, never believed
    sealer      takes events from the feed, logs heads, signs, has witnesses cosign, publishes
    keyfiles    key files; `rotation` the event that makes a new key known
    witness     what a witness does; `witness_http` its server and the sealer's side of the protocol
    timestamp   RFC 3161 timestamps over a checkpoint
    evidence    the bundle of one decision
    findings    what an audit or a monitor finds, and the verdict to which it leads
"""
