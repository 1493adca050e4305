"""The survey itself: an invitation, its reminder and its response, and what may become of them."""

from random import Random
from typing import Final

from console.demo.survey.arrivals import HOUR_US, Post
from console.demo.survey.companies import LANGUAGES, Fact, Member
from console.demo.survey.refused import KINDS, Chain, wrong_fact
from ledger.instants import DAY_US, format_instant

_CHAINS_PER_WRONG_FACT: Final = 250
_CHAINS_TRIED_MAX: Final = 1_000  # a kind of wrong fact that suits none of so many is passed over
_VOID_REASONS: Final = ("test", "duplicate", "fraud", "withdrawn")


class Survey:
    """Runs the survey of every membership; whatever an invitation causes goes into the post at once."""

    def __init__(self, rng: Random, post: Post) -> None:
        self._random = rng.random
        self._post = post
        self._chains_to_wrong_fact = 20
        self._wrong_facts = 0
        self._voids = 0

    def invite(self, member: Member, month_us: int, answered: bool) -> None:
        """One invitation within the month, and all that comes of it."""
        random, post = self._random, self._post
        org = member.orgs[int(random() * len(member.orgs))]
        at_us = month_us + int(random() * 26 * DAY_US)
        subject, heard_us = self._subject(member, org, at_us)
        if heard_us:  # asked for permission just now
            at_us += int((0.05 + random() * 1.5) * DAY_US)
        operator, key = random() < member.operator, post.serial()
        fields: Fact = {"invitation": f"i-{key}", "subject": subject, "customer_org": org}
        place = self._place(member, fields)
        fields["channel"] = "operator" if operator else "partner"
        if operator:
            fields["language"] = LANGUAGES[key % len(LANGUAGES)]
        chain = Chain(member, post.fact(member, "record-invitation", at_us, fields))
        last_us = heard_us = post.send(at_us, heard_us, chain.invitation)
        wait = random()
        answered_us = at_us + HOUR_US + int(wait * wait * 26 * DAY_US)  # most answer soon
        reminded_us = at_us + int((7 + random() * 2) * DAY_US)
        if operator and random() < 0.7 and not (answered and answered_us <= reminded_us):
            chain.reminder = post.fact(member, "record-reminder", reminded_us, {"invitation": f"i-{key}"})
            last_us = post.send(reminded_us, heard_us, chain.reminder)
        if answered:
            answer: Fact = {"response": f"r-{key}", "customer_org": org, "invitation": f"i-{key}", **place}
            last_us = max(last_us, self._respond(member, answered_us, heard_us, answer, chain))
        elif random() < 0.02:
            chain.withdrawn = True
            withdrawn_us = at_us + int((25 + random() * 30) * DAY_US)
            fact = post.fact(member, "withdraw-consent", withdrawn_us, {"subject": subject, "customer_org": org})
            last_us = max(last_us, post.send(withdrawn_us, heard_us, fact))
        if not chain.withdrawn:  # may be asked again half a year after the ledger knows all of this
            member.known.setdefault(org, []).append((last_us + 180 * DAY_US, subject))
        self._perhaps_wrong(chain, last_us)

    def respond_by_link(self, member: Member, month_us: int) -> None:
        """A response through the partner's own link: no invitation and no consent in the ledger (I3)."""
        random = self._random
        at_us = month_us + int(random() * 28 * DAY_US)
        org = member.orgs[int(random() * len(member.orgs))]
        fields: Fact = {"response": f"r-{self._post.serial()}", "customer_org": org}
        self._place(member, fields)
        self._respond(member, at_us, 0, fields, None)

    def _subject(self, member: Member, org: str, at_us: int) -> tuple[str, int]:
        """Somebody of the organisation: one who agreed before (0), or a new one and when the ledger hears of that."""
        known = member.known.get(org)
        if known and known[0][0] < at_us:
            return known.pop(0)[1], 0
        subject = f"s-{int(self._random() * 2**52):013x}"
        consent = self._post.fact(member, "record-consent", at_us, {"subject": subject, "customer_org": org})
        return subject, self._post.send(at_us, 0, consent)

    def _respond(self, member: Member, at_us: int, heard_us: int, fields: Fact, chain: Chain | None) -> int:
        """The response, and what may become of it. Returns when the ledger has heard the last of it."""
        random, post = self._random, self._post
        fields["anonymous"] = random() < 0.12
        response = post.fact(member, "record-response", at_us, fields)
        last_us = post.send(at_us, heard_us, response)
        named, chance = {"response": fields["response"]}, random()
        if chance < 0.04 and not fields["anonymous"]:
            chosen_us = at_us + int((0.1 + random() * 20) * DAY_US)
            last_us = post.send(chosen_us, last_us, post.fact(member, "choose-anonymity", chosen_us, named))
        void = chance > 0.97
        if void:
            self._voids += 1
            void_us = at_us + int((0.2 + random() * 50) * DAY_US)
            named["reason"] = _VOID_REASONS[self._voids % len(_VOID_REASONS)]
            last_us = post.send(void_us, last_us, post.fact(member, "void-response", void_us, named))
        if chain is not None:
            chain.response, chain.void = response, void
        return last_us

    def _place(self, member: Member, fields: Fact) -> Fact:
        """Adds the location where the membership has, or may come to have, several; the first does most of the work."""
        if member.profile.locations[1] == 1:
            return {}
        places = member.locations
        place = places[0] if self._random() < 0.6 else places[int(self._random() * len(places))]
        fields["location"] = place
        return {"location": place}

    def _perhaps_wrong(self, chain: Chain, heard_us: int) -> None:
        """Now and then a fact that must be refused, once everything that it gets wrong is known."""
        self._chains_to_wrong_fact -= 1
        if self._chains_to_wrong_fact > 0:
            return
        at_us = heard_us + DAY_US
        kind = KINDS[self._wrong_facts % len(KINDS)]
        fact = wrong_fact(kind, f"f-{self._post.serial()}", format_instant(at_us), chain)
        if fact is not None:
            self._post.put(at_us + HOUR_US, fact)
        elif self._chains_to_wrong_fact > -_CHAINS_TRIED_MAX:
            return  # this chain does not suit, and the next one may
        self._wrong_facts += 1
        self._chains_to_wrong_fact = _CHAINS_PER_WRONG_FACT
