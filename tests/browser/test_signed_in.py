"""Signing in, and sessions that end."""

from tests.browser.conftest import OpenPage


def test_the_cookie_says_who_it_is(open_page: OpenPage) -> None:
    page = open_page("reader")
    page.goto("/v1/me")
    assert '"reader"' in page.inner_text("body")
