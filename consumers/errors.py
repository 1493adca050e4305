"""Errors of what talks to Kafka and to webhooks; the base of them all is the ledger's.

LedgerError
├── BrokerUnreachable   the broker cannot be reached, or did not do what it was asked in time; trying again may help
│   └── Undecided       a call did not return within its time: what it was to do may be done or not
├── TopicsUnfit         a topic is missing, or not as it must be; somebody has to look
├── TopicsChanged       a topic was made anew, or got more partitions, under a process that uses it: it looks again
├── RelayStopped        the relay must not go on: the feed has a hole, or Kafka does not hold what was relayed
├── MessagesLost        what a subscriber was to read next is not in the topic, or not in this topic
├── HistoryChanged      a subscriber has seen announcements that the ledger does not have any more
├── BadMessage          a message that is not what the topic's schema says
└── UnknownWebhook      a webhook that is not registered
"""

from __future__ import annotations

from ledger.errors import LedgerError


class BrokerUnreachable(LedgerError):
    """The broker cannot be reached, or did not do what it was asked; trying again later may help."""


class Undecided(BrokerUnreachable):
    """A call to the broker did not return in time: what it was to do may be done or not."""


class TopicsUnfit(LedgerError):
    """A topic is missing or is not as it must be."""


class TopicsChanged(LedgerError):
    """A topic was made anew, or got more partitions, under a process that uses it."""


class RelayStopped(LedgerError):
    """The relay must not go on: the feed has a hole, or Kafka does not hold what was relayed of this book."""


class MessagesLost(LedgerError):
    """What a subscriber was to read next is not in the topic any more, or the topic is another one."""


class HistoryChanged(LedgerError):
    """A subscriber has seen announcements that the ledger does not have any more: an older book was restored."""


class BadMessage(LedgerError):
    """A message that is not what the topic's schema says."""


class UnknownWebhook(LedgerError):
    """A webhook that is not registered."""

    code = "unknown-webhook"
