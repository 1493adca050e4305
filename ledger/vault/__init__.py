"""The vault: who a subject is. A store of its own, apart from the book (DESIGN 13).

The book knows people by a random `subject` reference alone. Name, mail address, phone number and language of a subject
stand here, each sealed by AES-256-GCM; the facts of the book pass by this package, and it passes by them.

    database, postgres, tables   the two databases that can keep it, and its tables
    keys, boxes                  key-encryption keys, and the format of what is sealed
    addresses, languages         mail addresses in the one form that is compared; the languages of the survey (I6)
    partner_list, uploading      a partner's list as a CSV file, and taking it in
    vault                        contacts in and out, each reading recorded before it is done
    access_log                   who read which subject, when and why
    rewrapping                   rotation of the key-encryption key

**Keys.** Each holder has a random data key of its own, and everything sealed of that holder is sealed under it. A data key
is kept wrapped under a key-encryption key, which is in no database: a file or the environment hands it to the program.
So to destroy one data key is to destroy all that was sealed of its holder, wherever copies of it lie.

    holder of a data key           what is sealed under it
    subject/<subject>              the contact of a subject
    vault/index                    nothing: it is the key of the blind index (`vault.BlindIndex`)

The holders of answers and comments will be their responses, never subjects, so that an anonymous answer is tied to nobody.

**Nothing is taken for erased.** A row whose key is missing or unknown, that is damaged, or that belongs to another place is an
error of its own name (`ledger.errors`); no reader is told "nothing there" in its stead.
"""
