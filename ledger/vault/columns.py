"""The core answers of many responses at once, for tables that name nobody: no comment and no question of a partner's own.

One data key is unwrapped and one box opened for each response. Nothing else is done for each: a box that does not open is
looked at a second time, to say what is wrong with it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import VaultDamaged
from ledger.vault.boxes import NONCE_ENDS, PLACE_ENDS, open_box, place_of
from ledger.vault.responses import NO_ANSWER, VERSION, response_holder
from ledger.vault.vault import Vault

PAGE: Final = 20_000
_SELECT: Final = """
    SELECT a.fact, a.membership, a.response, a.answers, k.kek, k.wrapped
    FROM answers a LEFT JOIN data_keys k ON k.holder = 'response/' || a.fact
    WHERE a.state = 'kept' AND a.answers IS NOT NULL AND a.fact > ? ORDER BY a.fact LIMIT ?"""


class CoreAnswers(NamedTuple):
    """The core answers of a response that is kept; each a whole number from 0 to 10, or None."""

    fact: str
    """The id of the fact: rows come in its order."""
    membership: str
    response: str
    overall: int | None
    continue_: int | None
    re_engage: int | None
    recommend: int | None


def columns(vault: Vault, after_fact: str = "", limit: int = PAGE) -> list[CoreAnswers]:
    """At most `limit` responses with answers whose facts' ids follow one, in the order of these ids; anonymous ones too.

    Raises VaultDamaged, VaultSwapped, VaultKeyMismatch: nothing is left out.
    """
    with vault.database.reading() as transaction:
        rows = transaction.query(_SELECT, (after_fact, limit))
    keys = {kek: vault.keyring.key(kek) for kek in {row[4] for row in rows} if kek is not None}
    opened, vault_id, made = [], vault.id, tuple.__new__
    for fact, membership, response, box, kek, wrapped in rows:
        if wrapped is None:
            raise VaultDamaged(
                f"{response_holder(fact)}: found no data key, expected one: no erasure of it is recorded"
            )
        holder = "response/" + fact
        data_key = keys[kek].unwrap_at_once(vault_id, holder, wrapped)
        cipher = AESGCM(data_key)
        place = place_of(vault_id, holder, "answers", VERSION, membership, response)
        try:
            plain = cipher.decrypt(box[PLACE_ENDS:NONCE_ENDS], box[NONCE_ENDS:], place)
        except (InvalidTag, TypeError, ValueError):
            plain = open_box(cipher, place, box, f"answers of {holder}")
        overall, continue_, re_engage, recommend = plain[:4]
        opened.append(
            made(
                CoreAnswers,
                (
                    fact,
                    membership,
                    response,
                    None if overall == NO_ANSWER else overall,
                    None if continue_ == NO_ANSWER else continue_,
                    None if re_engage == NO_ANSWER else re_engage,
                    None if recommend == NO_ANSWER else recommend,
                ),
            )
        )
    return opened
