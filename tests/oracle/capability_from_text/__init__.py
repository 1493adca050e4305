"""A brute-force oracle of the capability score, written from the words of the rules alone.

It shares nothing with the ledger, the verifier or the oracle beside it, and keeps nothing but the accepted facts.
`known` is the number of accepted facts that are known (None: all of them); shipped editions have number 0.
Announcements take no number here, so a number is no position of a ledger's book.
"""
