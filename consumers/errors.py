"""Errors of what talks to Kafka; the base of them all is the ledger's.

LedgerError
├── BrokerUnreachable   the broker cannot be reached, or did not do what it was asked in time; trying again may help
│   └── Undecided       a call did not return within its time: what it was to do may be done or not
├── TopicsUnfit         a topic is missing, or not as it must be; somebody has to look
├── RelayStopped        the relay must not go on: the feed has a hole, or Kafka holds the messages of another book
├── MessagesLost        what a subscriber was to read next has been deleted from the topic
└── BadMessage          a message that is not what the topic's schema says
"""

from __future__ import annotations

from ledger.errors import LedgerError


class BrokerUnreachable(LedgerError):
    """The broker cannot be reached, or did not do what it was asked; trying again later may help."""


class Undecided(BrokerUnreachable):
    """A call to the broker did not return in time: what it was to do may be done or not."""


class TopicsUnfit(LedgerError):
    """A topic is missing or is not as it must be."""


class RelayStopped(LedgerError):
    """The relay must not go on: the feed has a hole, or Kafka holds the messages of another book."""


class MessagesLost(LedgerError):
    """What a subscriber was to read next is not in the topic any more."""


class BadMessage(LedgerError):
    """A message that is not what the topic's schema says."""
