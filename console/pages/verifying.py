"""The page that judges: a bundle of evidence by a policy, or a receipt by its proof, with the verifier that anybody can run.

It takes nothing from the ledger, and trusts it in nothing: the policy is the visitor's own. Who does not trust this service to
run the verifier runs it on a machine of his own; the page says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from console.http.problems import Problem
from console.pages.judging import Said, judged
from console.pages.posted import Posted, Posting
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from ledger.errors import BadInput
from ledger.instants import parse_date
from ledger.proof.facts import FACT_MAX_BYTES
from ledger.proof.log.errors import Words, printable, shown
from ledger.proof.log.policy import POLICY_MAX_BYTES
from ledger.proof.receipts.proof import PROOF_MAX_BYTES

TEMPLATE: Final = "verify.html.j2"
EVIDENCE_BYTES_MAX: Final = 32 << 20
"""Of some 60,000 events. The verifier itself takes more: `csat-ledger verify`."""
RECEIPTS_BYTES_MAX: Final = 8 << 20
AT_ONCE: Final = 3
"""With files of EVIDENCE_BYTES_MAX and a policy each: some 100 MiB in all, beside the verifiers' own memory (`judging`)."""
TEXT_SHOWN_MAX: Final = 20_000
"""A longer report is not shown as it is printed."""
ASKED: Final[tuple[str, ...]] = ("membership", "renewal", "area", "anniversary")
DATES: Final = frozenset({"renewal", "anniversary"})
EVIDENCE: Final = "evidence"
RECEIPT: Final = "receipt"

VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    "confirmed": ("good", "The log is sound, and the decision is what the rules say of what it holds."),
    "refuted": ("bad", "The log is sound, but the decision does not follow from it."),
    "tampered": ("bad", "A signature, a hash, a chain or a proof does not hold: something was changed."),
    "incomplete": ("bad", "Something that has to be there is left out."),
    "not-this-decision": ("bad", "The evidence is of another decision than the one that was asked for."),
    "unverifiable": ("warn", "Nothing can be said: a file cannot be read, or no key that the policy trusts has signed it."),
    "kept": ("good", "The log has the event, as the receipt promised."),
    "late": ("bad", "The log did not have the event by the time that the receipt promised."),
    "broken": ("bad", "The log contradicts the receipt."),
    "unproven": ("warn", "Neither kept nor broken is shown."),
    "not-this-fact": ("bad", "The receipt is for something else than this fact."),
    "unreadable": ("warn", "Nothing can be said: a file cannot be read, or no key that the policy trusts has signed it."),
}  # fmt: skip
"""Verdict -> how good it is, and what it says; the words are those of the verifiers."""


async def verify_page(_visit: Visit) -> Shown:
    """The forms."""
    return _shown()


async def verify_posted(_visit: Visit, posted: Posted) -> Shown:
    """The verdict on what was posted. Raises Problem (400) where a file is left out."""
    what = posted.fields.get("what")
    if what == EVIDENCE:
        _require(posted, "evidence", "policy")
        files = {name: posted.files[name] for name in ("evidence", "policy")}
        asked = {name: posted.fields[name] for name in ASKED if name in posted.fields}
        options = [f"--{name}={value}" for name, value in asked.items() if _plain(name, value)]
        said = await judged("ledger.proof.verify", files, options)
        return _shown(what, said, asked)
    if what == RECEIPT:
        _require(posted, "receipts", "proof", "policy")
        files = {name: posted.files[name] for name in ("receipts", "proof", "policy", "fact") if name in posted.files}
        said = await judged("ledger.proof.verify_receipt", files)
        return _shown(what, said)
    raise Problem(400, "bad-input", f"found another form, expected one of {EVIDENCE} or {RECEIPT}", "what")


VERIFYING: Final = Posting(
    verify_posted,
    fields=frozenset(("what", *ASKED)),
    files={
        "evidence": EVIDENCE_BYTES_MAX, "policy": POLICY_MAX_BYTES, "receipts": RECEIPTS_BYTES_MAX,
        "proof": PROOF_MAX_BYTES, "fact": FACT_MAX_BYTES,
    },
    bytes_max=EVIDENCE_BYTES_MAX + POLICY_MAX_BYTES,
    at_once=AT_ONCE,
    of_one=2,
)  # fmt: skip


def visible(value: Any) -> str:
    """A value of a report on one line of ASCII, not too long: whatever a file holds makes no line, and no turn, of its own."""
    return printable(shown(Words(value) if isinstance(value, str) else value))


def _shown(what: str = "", said: Said | None = None, asked: Mapping[str, str] | None = None) -> Shown:
    report = None if said is None else said.report
    kind, sentence = ("", "")
    if report is not None:
        kind, sentence = VERDICTS.get(report["verdict"], ("warn", "This page does not know this verdict."))
    return Shown(
        TEMPLATE,
        {
            "title": "Verify",
            "what": what,
            "said": report,
            "text": said.text if said is not None and len(said.text) <= TEXT_SHOWN_MAX else None,
            "kind": kind,
            "sentence": sentence,
            "asked": asked or {},
            "visible": visible,
            "evidence_mib": EVIDENCE_BYTES_MAX >> 20,
        },
    )


def _require(posted: Posted, *names: str) -> None:
    for name in names:
        if name not in posted.files:
            raise Problem(400, "bad-input", "found no file, or an empty one, expected one", name)


def _plain(name: str, value: str) -> bool:
    """Whether a field can be an argument of a program. Raises Problem (400) where it cannot."""
    if "\0" in value:
        raise Problem(400, "bad-input", "found a character that no name has, expected a name", name)
    if name in DATES:  # else a date in another form would pass for that of another decision
        try:
            parse_date(value)
        except BadInput as error:
            raise Problem(400, "bad-input", str(error), name) from None
    return True
