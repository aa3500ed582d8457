"""Every page: found from the routers of the pages, with an identifier for each parameter of its address."""

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import CDPSession, Page
from playwright.sync_api import TimeoutError as TookTooLong

from app.auth.access import Require
from app.auth.service import ROLES, Role
from app.kit.declared import dependencies_of
from app.pages import PAGES
from tests.browser.sites import BLIND, Site

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])

ELSEWHERE = frozenset({"/", "/vocabularies/{version}/file"})
"""GET routes of the pages' routers that go on to another page, or answer with a file."""

PARTS = frozenset(
    {
        "/datasets/new/count",
        "/ecgs/{ecg_id}/predictions",
        "/evaluations/{job_id}/curves",
        "/models/{model_id}/curves",
    }
)
"""GET routes that answer with a part of a page."""

IDS: dict[str, dict[str, str]] = {
    "/evaluations/{job_id}": {"job_id": "evaluation_id"},
    "/evaluations/{job_id}/curves": {"job_id": "evaluation_id"},
    "/vocabularies/previews/{job_id}": {"job_id": "preview_id"},
    "/vocabularies/{version}/unmapped": {"version": "active"},
    "/vocabularies/{version}/unmapped/ecgs": {"version": "active"},
}
"""Which of the site's identifiers a parameter stands for, where it is not the one of its name."""

QUERIES: dict[str, str] = {
    "/disagreement/compare": "a.sex=male&b.sex=female",
    "/models/compare": "a={model_id}&b={trained_id}&dataset={dataset_id}",
    "/sign-in/link": "token={link_token}",
    "/vocabularies/compare": "a={active}&b={version}",
    "/vocabularies/{version}/unmapped/ecgs": "statement={statement}",
}
"""What an address needs after its `?` to show something. `{name}` stands for an identifier of that kind."""

SHOWN_TO: dict[str, str | None] = {"/reviews/items/{item_id}": BLIND, "/sign-in": None, "/sign-in/link": None}
"""Who opens a page that is not for the admin. None: somebody who is not signed in."""


def routes() -> Iterator[APIRoute]:
    """Yield the GET routes of the pages."""
    for router in PAGES:
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in route.methods:
                yield route


PATHS = [
    path
    for path in (route.path_format for route in routes())
    if path not in ELSEWHERE | PARTS and "." not in path.rpartition("/")[2]  # a name with a dot is a file's
]


def address(path: str, site: Site) -> str:
    """Return the address of a page with identifiers of things that are in the site."""
    query = QUERIES.get(path, "")
    ids = site.ids | {name: site.ids[other] for name, other in IDS.get(path, {}).items()}
    return (path + (f"?{query}" if query else "")).format(**ids)


def needed(route: APIRoute) -> Role | None:
    """Return the weakest role that a route admits; None where nobody need be signed in."""
    roles = [each.call.role for each in dependencies_of(route) if isinstance(each.call, Require)]
    return max(roles, key=ROLES.index, default=None)


def settle(page: Page) -> None:
    """Wait until a page has loaded its parts. One that streams events is settled after a while."""
    try:
        page.wait_for_load_state("networkidle", timeout=4_000)
    except TookTooLong:
        page.wait_for_load_state("load")
    page.wait_for_function("() => !document.querySelector('main .htmx-request, main [data-loading]')")


def look(page: Page, what: str) -> list[str]:
    """Return the faults that one function of `look.js` finds."""
    page.evaluate(LOOK)
    faults: list[str] = page.evaluate(f"() => window.__look.{what}()")
    return faults


def keyboard(page: Page) -> list[str]:
    """Return what Tab does not come to, and where the focus cannot be seen."""
    page.evaluate(LOOK)
    stops = page.evaluate("() => window.__look.follow()")
    faults: list[str] = []
    for presses in (stops + 2, 30):  # a scrolling box may be a stop too
        for _ in range(presses):
            page.keyboard.press("Tab")
        page.wait_for_timeout(20)
        faults = page.evaluate("() => window.__look.followed()")
        if not faults:
            break
    return faults


def none_of(faults: Iterable[str]) -> None:
    """Fail where there are faults, and write them all."""
    lines = list(dict.fromkeys(faults))
    assert not lines, "\n".join(lines)


def axe(page: Page, options: dict[str, Any]) -> list[str]:
    """Return the violations that axe finds: the rule, where, and why."""
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {' '.join(map(str, node['target']))}: {node.get('failureSummary', '')[:300]}"
        for violation in found
        for node in violation["nodes"]
    ]


class Transferred:
    """Counts the bytes that come over the network for a page, headers included."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Network.enable")
        self._session.on("Network.loadingFinished", self._add)

    def _add(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"line {self.getpos()[0]}: an attribute twice on <{tag}>")
        if any(not name or not name[0].isalpha() for name in names):
            self.faults.append(f"line {self.getpos()[0]}: a name of an attribute on <{tag}> that is none: {names}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<path/>` of SVG opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"line {self.getpos()[0]}: </{tag}> ends <{self.open[-1] if self.open else 'nothing'}>")
        if tag in self.open:
            while self.open.pop() != tag:
                pass


def unbalanced(html: str) -> list[str]:
    """Return where a page's tags do not end as they begin."""
    tags = _Tags()
    tags.feed(html)
    tags.close()
    return tags.faults + [f"<{tag}> is never ended" for tag in tags.open]
