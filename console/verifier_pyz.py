"""Builds csat-verify.pyz: the offline verifier as one file, with everything that it imports but `cryptography`.

    python -m console.verifier_pyz csat-verify.pyz          (`make verifier`)
    python csat-verify.pyz FILE --policy FILE [--json]
    python csat-verify.pyz verify-receipt RECEIPTS --proof FILE --policy FILE [--json]

What goes in is found by following the imports of `ledger.proof.verify` and `ledger.proof.verify_receipt`; only this
project's modules are taken, and not those that only the audit asks for (the check of a whole stream). The same sources give
the same bytes, so that an auditor can build it too and compare.
"""

from __future__ import annotations

import sys
import zipfile
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Final

from ledger.proof.registry import PROOF_PROGRAMMES

ENTRIES: Final = ("ledger.proof.verify", "ledger.proof.verify_receipt")
AUDITS: Final = [f"ledger.proof.{programme.name}.recheck" for programme in PROOF_PROGRAMMES]
"""The way in to what a programme gives to the audit alone."""
ROOT: Final = Path(__file__).resolve().parent.parent
MAIN: Final = f"""import os
import sys
import traceback

prog = os.path.basename(sys.argv[0])
try:
    if sys.argv[1:2] == ["verify-receipt"]:
        from {ENTRIES[1]} import main

        sys.exit(main(sys.argv[2:], prog + " verify-receipt"))
    from {ENTRIES[0]} import main

    sys.exit(main(prog=prog))
except ImportError as error:
    sys.stderr.write(f"{{prog}}: found no module {{error.name}}, expected it: pip install cryptography\\n")
    sys.exit(2)
except Exception:
    traceback.print_exc()
    sys.exit(70)  # 1 would say that the evidence does not hold
"""
SHEBANG: Final = b"#!/usr/bin/env python3\n"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def closure() -> dict[str, Path]:
    """The verifier's modules and their files, by name."""
    finder = ModuleFinder([str(ROOT)], excludes=AUDITS)
    for entry in ENTRIES:
        finder.import_hook(entry)
    ours = sorted(name for name in finder.modules if name.split(".")[0] == "ledger")
    return {name: Path(vars(finder.modules[name])["__file__"]) for name in ours}


def build(target: Path) -> list[str]:
    """Writes the file; the names of the modules in it."""
    modules = closure()
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in modules.values()}
    with target.open("wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in [("__main__.py", MAIN.encode()), *sorted(files.items())]:
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    target.chmod(0o755)
    return list(modules)


if __name__ == "__main__":
    names = build(Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}: {len(names)} modules\n")
