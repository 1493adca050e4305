"""Linking: the writer's hold on the link key of its book, which it asks for when a fact first needs it (DESIGN 13)."""

from __future__ import annotations

from ledger.errors import LinkKeyMismatch, LinkKeyMissing
from ledger.link_key import Link, LinkKey, LinkKeys, NoKeys
from ledger.store.base import Store, WriteTransaction
from ledger.store.link_key_file import LinkKeyFile


class Linking:
    """The key of the book as it was last seen. It is the same for as long as the book is; `forget` where it may not be."""

    def __init__(self, keys: LinkKeys) -> None:
        self._keys = keys
        self._key: LinkKey | None = None

    def link(self, transaction: WriteTransaction) -> Link:
        """What gives tokens in a transaction; the key is looked for with the first of them."""

        def token(*names: str) -> str:
            key = self._key
            if key is None:
                key = self._key = key_of_book(transaction, self._keys)
            return key.token(*names)

        return token

    def forget(self) -> None:
        """The book may be another one, or lack what was recorded in it last."""
        self._key = None


def key_of_book(transaction: WriteTransaction, keys: LinkKeys) -> LinkKey:
    """The link key of a book, whose id is recorded if it was not. One writer at a time holds the book, so there is one key.

    Raises LinkKeyMissing, LinkKeyMismatch, LinkKeyUnusable.
    """
    recorded, key = transaction.link_key_id(), keys.find()
    if key is None and recorded is None:
        key = keys.make()
    if key is None:
        expected = "that of a new one" if recorded is None else f"key {recorded}, under which this book ties answers"
        raise LinkKeyMissing(
            f"{keys.name}: found no link key, expected {expected}; what names an invitation can be handed in again "
            "once it is there"
        )
    if recorded is None:
        transaction.save_link_key_id(key.id)
    elif key.id != recorded:
        raise LinkKeyMismatch(f"{keys.name}: found link key {key.id}, expected {recorded}, which this book began with")
    return key


def keys_of_store(store: Store) -> LinkKeys:
    """Where the link key of a book lies that is told no other place: beside the file of the book, made at first use."""
    path = store.link_key_path
    return NoKeys(store.name) if path is None else LinkKeyFile(path, makes=True)
