"""The events of a designation, and its decisions checked, in lines for people: what `replay M --area A` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from console.cli.output import Output, short
from console.cli.points import points, qualified
from projections.questions.designation_replay import DesignationCheck, DesignationStep

Data = Mapping[str, Any]


def designation_step_parts(step: DesignationStep) -> tuple[str, str]:
    """A step for people: what it did to the score, and what it is about."""
    return (
        f"{step.seq:>6}  {short(step.occurred_at):<27}  {step.type:<19}  {points(step.centipoints):>6}  "
        f"{'yes' if step.qualified else ' no'}",
        _ABOUT[step.type](step.data) if step.type in _ABOUT else "",
    )


def print_designation_check(output: Output, check: DesignationCheck) -> None:
    """The check of a decision for people: both sides where they differ."""
    verdict = "the same again" if check.same else "NOT the same again"
    output.flowing(f"checked: anniversary {check.anniversary}, revision {check.revision}, {check.outcome}: {verdict}")
    if isinstance(check.different, Mapping):
        for name, sides in check.different.items():
            output.flowing(f"  {name}: recorded {sides.recorded}, recomputed {sides.recomputed}")


def _changed(data: Data) -> str:
    revises = ", revises" if data["revises"] else ""
    return f"=> {qualified(data['qualified'])} with {points(data['centipoints'])} ({data['cause']}{revises})"


def _certificate(data: Data) -> str:
    until = f" to {data['valid_until']}" if data["valid_until"] is not None else ""
    return f"{data['certificate']} of {data['person']}, {data['tier']}, from {data['valid_from']}{until}"


def _reported(data: Data) -> str:
    return f"{data['customer']}, {data['workload']}, {data['month']}, {data['association']}"


_ABOUT: Final[dict[str, Callable[[Data], str]]] = {
    "DesignationOpened": lambda data: str(data["name"]),
    "AnniversarySet": lambda data: str(data["anniversary"]),
    "UsageReported": lambda data: f"{_reported(data)}: {data['units']:,} units",
    "RevenueReported": lambda data: f"{_reported(data)}: ${points(data['amount_cents'])}",
    "MonthClosed": lambda data: str(data["month"]),
    "MonthCloseCorrected": lambda data: f"{data['month']}, closed at {short(data['closed_at'])}",
    "CertificateRecorded": _certificate,
    "CertificateEnded": lambda data: f"{data['certificate']} on {data['on']}",
    "DesignationDecided": lambda data: f"{data['anniversary']}: {data['outcome']}",
    "DesignationChanged": _changed,
}
