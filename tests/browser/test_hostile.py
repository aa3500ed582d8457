"""Hostile texts in an archive and in an address: shown as text on every page, and no page is torn apart by them."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from app.kit.declared import dependencies_of
from tests.browser import walk
from tests.browser.conftest import OpenPage
from tests.browser.sites import HOSTILE, Site

OF_PAGES = {route.path_format: route for route in walk.routes()}
INJECTED = ".hostile, img[src='x'], script:not([src]):not([type='application/json']), a[href^='javascript:']"


def unharmed(page: Page) -> list[str]:
    """Return how texts have harmed a page."""
    walk.settle(page)
    faults = [f"injected: {html}" for html in page.eval_on_selector_all(INJECTED, "each => each.map(e => e.outerHTML)")]
    if "{49}" in page.inner_text("body") or "$49" in page.inner_text("body"):
        faults.append("a template was evaluated")
    faults += walk.look(page, "width") + walk.look(page, "clipped")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    return faults + [f"390 px: {fault}" for fault in walk.look(page, "width") + walk.look(page, "clipped")]


@pytest.mark.parametrize("path", walk.PATHS)
def test_a_page_of_hostile_things(open_page: OpenPage, whole_site: Site, path: str) -> None:
    page = open_page(walk.SHOWN_TO.get(path, "admin"), at=whole_site)
    for hostile in whole_site.hostile if "{ecg_id}" in path else whole_site.hostile[:1]:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(walk.address(path, whole_site).replace(whole_site.ids["ecg_id"], hostile))
        walk.none_of(unharmed(page))


@pytest.mark.parametrize("path", walk.PATHS)
def test_a_hostile_address(open_page: OpenPage, whole_site: Site, path: str) -> None:
    """Every parameter of a page at once, then a parameter that it does not know; what it cannot read it says so."""
    page = open_page(walk.SHOWN_TO.get(path, "admin"), at=whole_site, expected="status of 4..")
    names = [field.alias for each in dependencies_of(OF_PAGES[path]) for field in each.query_params]
    for text in HOSTILE[:5]:
        query = urlencode(dict.fromkeys(names, text) | ({} if names else {text: text}))
        page.set_viewport_size({"width": 1280, "height": 800})
        answer = page.goto(f"{walk.address(path, whole_site).partition('?')[0]}?{query}")
        assert answer is not None and answer.status < 500
        walk.none_of(unharmed(page))
