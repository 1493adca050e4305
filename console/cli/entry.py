"""Where the program starts: nothing that goes wrong before it runs may look like an answer.

Python ends with exit code 1 when a module cannot be loaded, and 1 says here that what was asked is not so.
"""

from __future__ import annotations

import sys

FAULT = 70
INTERRUPTED = 130


def main() -> int:
    """Runs the program; returns the exit code."""
    try:
        from console.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # an installation that is not whole
        import traceback
        from contextlib import suppress

        with suppress(OSError, ValueError, AttributeError):
            for line in traceback.format_exc().splitlines():  # behind a mark: what an error says begins no line
                sys.stderr.write(f"  | {line if line.isprintable() else ascii(line)}\n")
            sys.stderr.write(f"csat-ledger: this installation cannot be used: {error!r}\n")
        return FAULT
