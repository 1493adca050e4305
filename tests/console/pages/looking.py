"""What is wrong with a page as a browser shows it: what is cut off, what lies over another, what a reader aloud cannot use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
from playwright.sync_api import Page

SERIOUS: Final = {"serious", "critical"}

WRONG: Final = """() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth + 1) {
    const wide = [...document.querySelectorAll('body *')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.right > window.innerWidth + 1 && !one.closest('.wide');
    }).slice(0, 3).map((one) => one.outerHTML.slice(0, 120));
    wrong.push(`wider than the window: ${root.scrollWidth} of ${window.innerWidth}: ${wide.join(' | ')}`);
  }
  for (const svg of document.querySelectorAll('svg')) {
    const boxes = [...svg.querySelectorAll('text')].filter((one) => one.textContent.trim())
      .map((one) => [one.textContent, one.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
    let over = 0;
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 2 && down > 3 && ++over <= 2) wrong.push(`in a chart ${boxes[i][0]} lies over ${boxes[j][0]}`);
    }
    const frame = svg.getBoundingClientRect();
    for (const [text, box] of boxes) {
      if (box.left < frame.left - 2 || box.right > frame.right + 2) wrong.push(`in a chart ${text} is cut off`);
    }
  }
  for (const time of document.querySelectorAll('time')) {
    if (time.dateTime.includes('T') && /\\d:\\d/.test(time.textContent) && !/UTC/.test(time.textContent))
      wrong.push(`a time without UTC: ${time.textContent}`);
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one headline');
  if (!document.title) wrong.push('no title');
  return wrong;
}"""
"""Looks at a page from within."""


def wrong_with(page: Page) -> list[str]:
    """What a visitor would complain of."""
    found: list[str] = page.evaluate(WRONG)
    return found


def unusable(page: Page) -> list[str]:
    """What axe-core finds that is serious."""
    page.evaluate(_axe())
    found: Any = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"] if one["impact"] in SERIOUS]


@cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
