"""What is noted of a request while it is answered, for whoever tells of it when it is over (`console.http.observed`)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

CODE: Final = "code"
"""The code of the problem with which it was answered."""
REASON: Final = "reason"
"""Why an access was refused, where the code does not tell one reason from another."""


def note(scope: MutableMapping[str, Any], key: str, value: str) -> None:
    """Notes a code or a reason: of few values, and never a name."""
    scope.setdefault("state", {})[key] = value
