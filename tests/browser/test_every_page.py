"""Every page, whoever made it: accessible, small, sound, usable by keyboard and on a phone."""

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser import sites, walk
from tests.browser.guard import LISTEN, Guard
from tests.browser.sites import Site

MOST_BYTES = 200_000


class Shown(NamedTuple):
    """A page that has loaded: its own HTML as the server sent it, and the bytes that came for it and all its parts."""

    page: Page
    html: str
    bytes: int


@pytest.fixture(scope="module", params=walk.PATHS)
def shown(request: pytest.FixtureRequest, browser: Browser, whole_site: Site) -> Iterator[Shown]:
    path = request.param
    role = walk.SHOWN_TO.get(path, "admin")
    context = browser.new_context(
        base_url=whole_site.url,
        viewport={"width": 1280, "height": 800},
        color_scheme="light",
        **sites.signed_in(whole_site, role),
    )
    context.add_init_script(LISTEN)
    guard = Guard(whole_site.url, None)
    context.on("page", guard.watch)
    page = context.new_page()
    transferred = walk.Transferred(page)
    answer = page.goto(walk.address(path, whole_site))
    assert answer is not None and answer.status == 200, (path, answer and answer.status)
    assert answer.headers["content-type"].startswith("text/html"), f"{path} belongs into walk.PARTS"
    walk.settle(page)
    yield Shown(page, answer.text(), transferred.bytes)
    context.close()
    assert guard.faults == []


def test_axe_finds_nothing(shown: Shown) -> None:
    light = walk.axe(shown.page, walk.WCAG)
    shown.page.emulate_media(color_scheme="dark")
    dark = walk.axe(shown.page, walk.COLOURS)
    shown.page.emulate_media(color_scheme="light")
    walk.none_of([*light, *(f"dark: {fault}" for fault in dark)])


def test_it_is_sound(shown: Shown) -> None:
    walk.none_of(walk.unbalanced(shown.html) + walk.look(shown.page, "structure"))


def test_its_numbers_are_explained(shown: Shown) -> None:
    walk.none_of(walk.look(shown.page, "numbers"))


def test_it_is_small(shown: Shown) -> None:
    assert 1_000 < shown.bytes < MOST_BYTES


def test_it_can_be_looked_at_on_a_phone(shown: Shown) -> None:
    faults = walk.look(shown.page, "width") + walk.look(shown.page, "clipped")
    shown.page.set_viewport_size({"width": 390, "height": 844})
    shown.page.wait_for_timeout(150)
    faults += [f"390 px: {fault}" for fault in walk.look(shown.page, "width") + walk.look(shown.page, "clipped")]
    shown.page.set_viewport_size({"width": 1280, "height": 800})
    walk.none_of(faults)


def test_nothing_moves_for_who_wants_no_motion(shown: Shown) -> None:
    shown.page.emulate_media(reduced_motion="reduce")
    faults = walk.look(shown.page, "motion")
    shown.page.emulate_media(reduced_motion="no-preference")
    walk.none_of(faults)


def test_the_keyboard_comes_everywhere(shown: Shown) -> None:
    walk.none_of(walk.keyboard(shown.page))


@pytest.mark.parametrize("path", [route.path_format for route in walk.routes() if route.path_format in walk.PARTS])
def test_a_part_is_sound(whole_site: Site, path: str) -> None:
    cookies = dict([sites.new_session(whole_site, "admin")])
    with httpx.Client(base_url=whole_site.url, headers={"HX-Request": "true"}, cookies=cookies) as client:
        answer = client.get(walk.address(path, whole_site))
    assert answer.status_code == 200
    assert "<html" not in answer.text
    walk.none_of(walk.unbalanced(answer.text))
