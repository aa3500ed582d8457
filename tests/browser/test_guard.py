"""The fixtures themselves: a page on which something goes wrong is noticed."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import OpenPage
from tests.browser.guard import LISTEN, Guard
from tests.browser.sites import Site

WRONG = {
    "console": "console.error('wrong')",
    "error": "setTimeout(() => { throw new Error('wrong') })",
    "dialog": "setTimeout(() => alert('wrong'))",
    "CSP violation": "document.head.append(Object.assign(document.createElement('script'), {textContent: '1'}))",
    "CSP violation: style": "document.body.setAttribute('style', 'color: red'); document.body.insertAdjacentHTML("
    "'beforeend', '<p style=\"color: red\">x</p>')",
    "request elsewhere": "new Image().src = 'http://127.0.0.2:9/wrong.png'",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_goes_wrong_is_noticed(browser: Browser, site: Site, kind: str) -> None:
    context = browser.new_context(base_url=site.url)
    context.add_init_script(LISTEN)
    guard = Guard(site.url, r"status of 404")
    context.on("page", guard.watch)
    page = context.new_page()
    page.goto("/nothing-here")
    assert guard.faults == []
    page.evaluate(f"() => {{ {WRONG[kind]} }}")
    page.wait_for_timeout(200)
    context.close()
    assert any(kind.partition(":")[0] in fault for fault in guard.faults), guard.faults


def test_a_missing_page_is_designed(open_page: OpenPage) -> None:
    page: Page = open_page(expected="status of 404")
    page.goto("/nothing-here")
    assert page.get_by_role("heading", level=1).inner_text() == "There is no such page"
    assert "Request " in page.inner_text("main")


def test_copies_share_nothing(site: Site, own_site: Site, empty_site: Site) -> None:
    with own_site.client() as own, site.client() as shared, empty_site.client() as empty:
        assert len(own.get("/v1/ecgs").json()["items"]) == len(site.ecgs) + len(site.hostile)
        own.delete(f"/v1/ecgs/{own_site.ecgs[0]}").raise_for_status()
        assert shared.get(f"/v1/ecgs/{site.ecgs[0]}").status_code == 200
        assert empty.get("/v1/ecgs").json()["items"] == []
