"""From a template to what is sent: the page with the headers that keep it to itself.

No script and no style stands in a page, and none is taken from elsewhere (Content-Security-Policy); no page is framed, and no
other site is told what was looked at. No page is kept: the back button asks for it anew, so that it shows nothing to who signs
in next at the same browser, or to nobody. What is answered to a post is kept, but not shown to anybody else.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from console.http.problems import fault
from console.http.whole import Whole
from console.pages.assets import FOR_EVER, Asset, address_of
from console.pages.words import FILTERS

PROBLEM: Final = "problem.html.j2"
HTML: Final = "text/html; charset=utf-8"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Vary": "Cookie, Accept-Encoding",
}
PACKED_FROM_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that is to be rendered: its template, what the template names, and how it is sent."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a page hands over."""

    body: bytes
    media_type: str
    name: str
    """Letters, digits, dots, dashes and underlines."""


@cache
def environment() -> Environment:
    """The templates of all pages. What a template names and a page does not give is an error."""
    made = Environment(
        loader=PackageLoader("console.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(FILTERS)
    made.globals["asset"] = address_of
    return made


def read_problem_page() -> None:
    """Reads what the page of a problem is made of, so that it can be shown where no file can be opened any more."""
    shown = Shown(PROBLEM, {"problem": fault(), "title": ""})
    rendered(shown, {"caller": None, "pages": [], "page": None, "mark": "", "dev": False, "behind": 0, "who": ""})


def rendered(shown: Shown, frame: Mapping[str, Any]) -> str:
    """A page as HTML; `frame` is what every page names: who is signed in, and what else there is to see."""
    return environment().get_template(shown.template).render({**frame, **shown.context})


def html(request: Request, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page, packed where the browser takes it."""
    return _whole(request, text.encode(), HTML, {**HEADERS, **(headers or {})}, status)


def file(request: Request, found: Download) -> Response:
    """A download under a name of our own."""
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{found.name}"'}
    return _whole(request, found.body, found.media_type, headers, 200)


def asset(request: Request, found: Asset) -> Response:
    """A file that may be kept for ever."""
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding", "Cross-Origin-Resource-Policy": "same-origin"}
    packed = takes_gzip(request)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Whole(found.packed if packed else found.plain, found.media_type, headers)


def with_cookies(response: Response, *cookies: str) -> Response:
    """The same with cookies, each in a header of its own."""
    response.raw_headers.extend((b"set-cookie", cookie.encode("latin-1")) for cookie in cookies)
    return response


def takes_gzip(request: Request) -> bool:
    """Whether the browser takes gzip."""
    said = request.headers.get("accept-encoding", "").replace(" ", "").split(",")
    return "gzip" in said


def _whole(request: Request, body: bytes, media_type: str, headers: dict[str, str], status: int) -> Response:
    if len(body) >= PACKED_FROM_BYTES and takes_gzip(request):
        body, headers = gzip.compress(body, 5, mtime=0), headers | {"Content-Encoding": "gzip"}
    return Whole(body, media_type, headers, status)
