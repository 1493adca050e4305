"""What code and messages cite leads somewhere in docs/, and links of the pages lead to files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
RULE = re.compile(r"(?<![\w-])\(?([RIPSC]\d{1,2})(?=[\s,;:.)\]]|$)")
SECTION = re.compile(r"DESIGN (\d+)")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def cited(pattern: re.Pattern[str]) -> set[str]:
    """What docstrings, comments and sentences of the programs cite."""
    found = set()
    for folder in ("ledger", "projections", "consumers", "console"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(pattern.findall(path.read_text()))
    return found


def test_every_rule_that_is_cited_stands_in_a_table_of_the_docs() -> None:
    told = set()
    for page in ("survey.md", "capability.md"):
        told |= set(re.findall(r"^\| ([RIPSC]\d{1,2}) \|", (ROOT / "docs" / page).read_text(), re.MULTILINE))
    rules = cited(RULE)
    assert len(rules) > 20
    assert rules <= told


def test_every_section_of_the_design_that_is_cited_is_there() -> None:
    told = set(re.findall(r"^## (\d+)\. ", (ROOT / "docs/design.md").read_text(), re.MULTILINE))
    sections = cited(SECTION)
    assert sections
    assert sections <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
