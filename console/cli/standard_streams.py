"""The three streams that a program starts with, made fit for whatever it was started with.

A shell can close them (`>&-`), and then the next file that is opened takes the number of the stream that is missing:
what is written to stderr would go into a database. So what is closed is opened on /dev/null first.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import BinaryIO

from console.cli.exits import Failure


def prepare_streams() -> None:
    """Opens closed streams on /dev/null; makes what an encoding lacks an escape instead of an error."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the program
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def standard_input(expected: str) -> BinaryIO:
    """What `-` stands for. Raises Failure where the program was started without it, saying what was expected there."""
    if sys.stdin is None:
        raise Failure("unreadable", f"found stdin closed, expected {expected}")
    return sys.stdin.buffer
