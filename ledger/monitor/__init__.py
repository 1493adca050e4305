"""The monitor: everything that a log says, derived again from its entries alone, round after round.

It reads tiles and entry bundles, and needs neither the book nor a database of it. What it has derived it keeps in a folder
of its own, so that it goes on where it was. A checking witness cosigns what a monitor confirms;
an audit (`ledger.audit`) is a monitor beside which the book is read.

    monitor     follows a log: its checkpoints, its files, and the entries under a checkpoint, which are taken only once the
                checkpoint's root proves them
    checkpoints  the published checkpoint and the history of all, as they were seen
    entries     what the entries say: positions, chains, times, fact ids, heads entries; what they record of streams
    places      what each event says of its place, read fast; `rows` the whole event, as strictly as the verifier
    streams     the programmes' checks (`judge`), a stream at a time: the one judge of what is recorded, for the audit as well
    kept_streams  the same for a log that is followed: loaded when a stream goes on and put away afterwards
    receipts    whether the log keeps what receipts promised; with `receipt_files`, which reads them on, and `receipt_memory`
    report      what a round found
    proven      entries out of the files, with the proof that they are those of a checkpoint
    edge        the right edge of the tree
    memory      all of that on disk; `fact_memory` the ids of the facts, `checkpoint_memory` the checkpoints
    witness     the witness that looks
"""
