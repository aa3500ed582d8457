"""Who may open what: each page for each role, as the API has it; and nothing that a page offers is refused afterwards."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from app.auth.service import ROLES, allows
from app.main import ROUTERS
from app.pages import PAGES
from app.pages.navigation import NAV
from tests.browser import sites, walk
from tests.browser.sites import Site

HTML = {"Accept": "text/html"}
ROUTES = [route for router in (*PAGES, *ROUTERS) for route in router.routes if isinstance(route, APIRoute)]
OF_PAGES = {route.path_format: route for route in walk.routes()}
OF_API = {route.path_format.removeprefix("/v1"): route for route in ROUTES if "GET" in route.methods}
MOST_PAGES = 120


def route_of(method: str, path: str) -> APIRoute | None:
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    return next((route for route in ROUTES if route.matches(scope)[0] is Match.FULL), None)


def asking(site: Site, role: str | None) -> httpx.Client:
    cookies = dict([sites.new_session(site, role)]) if role else {}
    return httpx.Client(base_url=site.url, headers=HTML, cookies=cookies, timeout=60)


@pytest.mark.parametrize("path", [path for path in walk.PATHS if path not in walk.SHOWN_TO])
def test_a_page_opens_for_its_roles_alone(whole_site: Site, path: str) -> None:
    needed, address = walk.needed(OF_PAGES[path]), walk.address(path, whole_site)
    for role in ROLES:
        with asking(whole_site, role) as client:
            answer = client.get(address)
            wanted = 200 if needed is None or allows(role, needed) else 403
            assert answer.status_code == wanted, (role, answer.status_code)
            assert answer.headers["content-type"].startswith("text/html")
    with asking(whole_site, None) as client:
        answer = client.get(address)
        if needed is not None:
            assert answer.status_code == 303
            target = urlsplit(answer.headers["location"])
            assert (target.path, parse_qs(target.query)["next"]) == ("/sign-in", [address])


@pytest.mark.parametrize("path", [path for path in walk.PATHS if path in OF_API and OF_API[path].path != path])
def test_a_page_asks_for_the_role_that_the_api_asks_for(path: str) -> None:
    assert walk.needed(OF_PAGES[path]) == walk.needed(OF_API[path])


@pytest.mark.parametrize("line", [line for line in NAV if line.path in OF_PAGES], ids=lambda line: line.path)
def test_the_navigation_shows_what_a_role_may_open(whole_site: Site, line: object) -> None:
    path, needed = line.path, line.role  # type: ignore[attr-defined]
    assert walk.needed(OF_PAGES[path]) == needed
    for role in ROLES:
        with asking(whole_site, role) as client:
            shown = f'<a href="{path}"' in client.get("/", follow_redirects=True).text
            assert shown == allows(role, needed), role


@pytest.mark.parametrize("role", ROLES)
def test_what_a_page_offers_is_allowed_and_there(whole_site: Site, role: str) -> None:
    """Follows links from the navigation, one of each kind, and looks at every form and button on the way."""
    refused, seen, done = [], set(), 0
    todo = [("/", "the browser")] + [
        (line.path, "the navigation") for line in NAV if allows(role, line.role) and line.path in OF_PAGES
    ]
    with asking(whole_site, role) as client:
        while todo and done < MOST_PAGES:
            target, source = todo.pop(0)
            parts = urlsplit(target)
            route = route_of("GET", parts.path)
            kind = (route.path_format if route else parts.path, *sorted(parse_qs(parts.query)))
            if kind in seen or parts.path.startswith(("/static/", "/docs", "/sign-")):
                continue
            seen.add(kind)
            done += 1
            answer = client.get(target)
            if answer.status_code >= 400:
                refused.append(f"{source} leads to {target}: {answer.status_code}")
            if answer.headers.get("content-type", "").startswith("text/html") and answer.status_code == 200:
                for method, address in offers(answer.text):
                    absolute = urlsplit(urljoin(target, address))
                    if absolute.netloc or not re.match(r"[/?#]|\w", address):
                        refused.append(f"{target} leads elsewhere: {address}")
                    elif method == "GET":
                        todo.append((absolute._replace(fragment="").geturl(), target))
                    else:
                        found = route_of(method, absolute.path)
                        needed = walk.needed(found) if found else None
                        if found is None or (needed is not None and not allows(role, needed)):
                            refused.append(f"{target} offers {method} {absolute.path}, which needs {needed}")
    walk.none_of(refused)
    assert done


def offers(html: str) -> set[tuple[str, str]]:
    """Return what a page offers: the method and the address of each link, form and button."""
    reader = _Offers()
    reader.feed(html)
    return reader.found


class _Offers(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for method in ("get", "post", "put", "delete", "patch"):
            if address := given.get(f"hx-{method}"):
                self.found.add((method.upper(), address))
        if tag == "a" and (href := given.get("href")) and not href.startswith("#"):
            self.found.add(("GET", href))
        if tag == "form" and (given.get("method") or "get").lower() == "post" and not given.get("hx-post"):
            self.found.add(("POST", given.get("action") or ""))
        if tag in ("button", "input") and (action := given.get("formaction")):
            self.found.add(("POST", action))
