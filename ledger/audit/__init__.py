"""The audit: a monitor over the whole log, beside which the rows of the book are read, and compared with every entry.

audit   the whole, and what it says
beside  the rows of the book beside the events of the log; what is only in the book
parts   the streams in several processes, each judged by `ledger.monitor.streams`
spool   the events on their way there, in files
due     whether what the database keeps of when each subject is due lets every change be noticed
"""
