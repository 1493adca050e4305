"""A programme's check of one stream, for whoever goes over a whole log or book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ledger.proof.log.errors import shown
from ledger.proof.log.event import Event
from ledger.proof.programme import Difference, LightCheck, ProofProgramme
from ledger.seal.findings import Finding


class Judge:
    """A programme's check of a stream. Where the check itself fails, that is a finding, and the rest is not judged."""

    def __init__(self, stream: str, programme: ProofProgramme) -> None:
        self.check = programme.new_check(stream)
        self._stream = stream
        self._failed: list[Finding] = []

    def take(
        self, rows: Sequence[tuple[Any, ...]], events: Sequence[Event | int | None], labels: Sequence[str | None]
    ) -> None:
        """The next events, with the rows that they were read from. Those of light types are not made at all."""
        if self._failed:
            return
        check = self.check
        light = cast("LightCheck", check)
        known_labels = getattr(check, "known_labels", ())
        row: tuple[Any, ...] = ()
        try:
            for row, event, label in zip(rows, events, labels, strict=True):
                if isinstance(event, int):
                    light.take_instant(event, row)
                    if label is not None and label not in known_labels:
                        light.take_label(label, row)
                elif event is not None:
                    check.take(event)
        except Exception as error:
            self._fail("event {}/{} {}".format(*row), error)

    def finish(self) -> list[Finding]:
        """What does not follow, and what the check failed at."""
        differences: Sequence[Difference] = ()
        try:
            differences = self.check.finish()
        except Exception as error:
            if not self._failed:
                self._fail(self._stream, error)
        return self._failed + self._findings(differences)

    def so_far(self) -> list[Finding]:
        """What does not follow, whatever comes next; what it failed at."""
        return self._failed + self._findings(self.check.differences)

    def _findings(self, differences: Sequence[Difference]) -> list[Finding]:
        return [
            Finding(
                "refuted",
                what if self._stream in what else f"{self._stream}: {what}",
                shown(found),
                shown(expected),
            )
            for what, found, expected in differences
        ]

    def _fail(self, where: str, error: Exception) -> None:
        found = f"what the rules fail at: {shown(repr(error))}"
        self._failed.append(Finding("unverifiable", where, found, "an event; what follows in the stream is not judged"))
