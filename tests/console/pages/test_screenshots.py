"""README's pictures can be taken, and those that it shows are of the same size, and small."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from tests.console.pages.screenshots import BYTES_MAX, SHOTS, SIZE, take
from tests.console.support import ROOT

KEPT = ROOT / "docs/screenshots"


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    head = picture.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_the_pictures_of_the_readme_are_taken_of_pages_as_they_are(tmp_path: Path) -> None:
    take(tmp_path, tmp_path / "shots")
    for name in SHOTS:
        taken, kept = tmp_path / "shots" / name, KEPT / name
        assert size_of(taken) == size_of(kept) == (SIZE["width"], SIZE["height"])
        assert kept.stat().st_size <= BYTES_MAX
        assert 0.5 < taken.stat().st_size / kept.stat().st_size < 2, f"{name} is another picture: take them anew"


def test_the_readme_shows_each_of_them_and_says_what_is_on_it() -> None:
    shown = dict(re.findall(r"!\[([^\]]{20,})\]\(docs/screenshots/([\w-]+\.png)\)", (ROOT / "README.md").read_text()))
    assert set(shown.values()) == set(SHOTS) == {path.name for path in KEPT.iterdir()}
