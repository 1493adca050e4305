"""All errors of the client in one place. Each message says what was found and what was expected; `code` never changes.

ClientError
├── Problem             what the service answers where it does not do what it is asked (RFC 9457); `status` is that of HTTP
│   ├── NotAllowed          no token, one that is not good, or one whose role may not ask this (401, 403)
│   ├── NotKnown            a membership or designation that the ledger does not know (404)
│   ├── PositionUnknown     a position that the book has not reached, or of another book (409)
│   ├── FactRefused         a fact that form, id or rules turn away (422)
│   └── NotNow              nothing can be done now: try again later (429, 503, 504)
├── ServiceUnreachable  the service gives no answer, or none that it could have given, within the deadline
├── BadAnswer           an answer that is not what the service's document says, or is too long
├── BadRequest          an argument that cannot be what it should be: nothing was sent
├── WebhookRefused      a delivery that is not, or not now, signed with the secret
├── ReceiptsUnusable    a file of receipts that cannot be read or written
├── ExtraMissing        a part of the client that is not installed
├── BrokerUnreachable   the broker cannot be reached, or did not do what it was asked in time; trying again may help
├── TopicsUnfit         a topic is missing, or not as it must be; somebody has to look
├── TopicsChanged       a topic was made anew, or got more partitions, under a process that uses it: it looks again
├── MessagesLost        what a subscriber was to read next is not in the topic, or not in this topic
├── HistoryChanged      a subscriber has seen announcements that the ledger does not have any more
└── BadMessage          a message that is not what the topic's schema says
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of all errors that this client raises on purpose."""

    code: str = "failed"
    """Says what is wrong, for programs; it never changes."""


class Problem(ClientError):
    """What the service answers where it does not do what it is asked (RFC 9457)."""

    def __init__(
        self, status: int, code: str, detail: str, field: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        """Of HTTP."""
        self.code = code
        """A refusal or error code of the ledger; it never changes."""
        self.detail = detail
        """What was found, and what was expected."""
        self.field = field
        """The member or parameter that it is about, where it is one."""
        self.retry_after_s = retry_after_s
        """So many seconds later it may be asked again, where the service says so."""


class NotAllowed(Problem):
    """No token, one that is not good, or one whose role may not ask this."""


class NotKnown(Problem):
    """A membership, a designation or a path that is not there."""


class PositionUnknown(Problem):
    """A position that the book has not reached, or a cursor of another book."""

    code = "position-unknown"


class FactRefused(Problem):
    """A fact that form, id or rules turn away."""


class NotNow(Problem):
    """The service cannot do it now, or has not got so far within its time."""


class ServiceUnreachable(ClientError):
    """The service gives no answer within the deadline, or the connection is lost again and again."""

    code = "service-unreachable"


class BadAnswer(ClientError):
    """An answer that is not what the service's document says, or is longer than the client takes."""

    code = "bad-answer"


class BadRequest(ClientError):
    """An argument that cannot be what it should be: nothing was sent."""

    code = "bad-request"


class WebhookRefused(ClientError):
    """A delivery that is not signed with the secret, is too old, or holds no announcement."""

    code = "webhook-refused"


class ReceiptsUnusable(ClientError):
    """A file of receipts that cannot be read or written."""

    code = "receipts-unusable"


class ExtraMissing(ClientError):
    """A module that only comes with an extra of this client, and is not installed."""

    code = "missing"

    def __init__(self, module: str | None, extra: str) -> None:
        super().__init__(
            f"found no module {module}, expected the extra `{extra}` of csat-ledger-client to be installed: "
            f"pip install 'csat-ledger-client[{extra}]'"
        )


class BrokerUnreachable(ClientError):
    """The broker cannot be reached, or did not do what it was asked; trying again later may help."""

    code = "broker-unreachable"


class TopicsUnfit(ClientError):
    """A topic is missing or is not as it must be."""

    code = "topics-unfit"


class TopicsChanged(ClientError):
    """A topic was made anew, or got more partitions, under a process that uses it."""

    code = "topics-changed"


class MessagesLost(ClientError):
    """What a subscriber was to read next is not in the topic any more, or the topic is another one."""

    code = "messages-lost"


class HistoryChanged(ClientError):
    """A subscriber has seen announcements that the ledger does not have any more: an older book was restored."""

    code = "history-changed"


class BadMessage(ClientError):
    """A message that is not what the topic's schema says."""

    code = "bad-message"
