"""A real browser, a served archive, and pages on which nothing may go wrong.

- `open_page(role, …)` opens a page of the shared site, signed in; `page` is the admin's. A console error, an error of
  the page, a violation of the content security policy, a dialog, or a request elsewhere fails the test.
- `site` is shared: a test may add to it and must not take away. `own_site` is a copy for one test alone, and
  `empty_site` has users only: `open_page(role, at=own_site)`.
- `whole_site` has one of everything, also what takes long to make: every page is walked on it.
- `answering` answers questions for predictions on the shared site; `inferring(own_site.settings)` on another one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.inferring import inferring
from tests.browser import sites
from tests.browser.chromium import FLAGS, program
from tests.browser.guard import LISTEN, Guard
from tests.browser.sites import Site

HERE = Path(__file__).parent
OpenPage = Callable[..., Page]


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = program()
    if found is None:
        pytest.skip("Chromium is not installed, and OVERREAD_TEST_BROWSER names no browser")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def filled(chromium: str, template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An archive that nobody serves: the sites of tests are copies of it."""
    with sites.empty(template, tmp_path_factory.mktemp("filled") / "data") as site:
        yield sites.fill(site)


@pytest.fixture(scope="session")
def site(filled: Site, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        sites.copied(server_url, filled, tmp_path_factory.mktemp("site") / "data") as copy,
        sites.serving(copy) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def whole_site(filled: Site, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("whole") / "data"
    with sites.copied(server_url, filled, folder) as copy, sites.serving(sites.complete(copy)) as site:
        yield site


@pytest.fixture
def own_site(filled: Site, server_url: str, tmp_path: Path) -> Iterator[Site]:
    with sites.copied(server_url, filled, tmp_path / "data") as copy, sites.serving(copy) as site:
        yield site


@pytest.fixture
def empty_site(chromium: str, template: tuple[str, str], tmp_path: Path) -> Iterator[Site]:
    with sites.empty(template, tmp_path / "data") as made, sites.serving(made) as site:
        yield site


@pytest.fixture(scope="session")
def answering(site: Site) -> Iterator[None]:
    with inferring(site.settings):
        yield


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open pages in contexts of their own; what went wrong on any of them fails the test at its end.

    `expected`: a pattern of messages that are no fault, such as `status of 404`. `role` None: nobody is signed in.
    """
    contexts, guards = [], []

    def open_page(
        role: str | None = "admin",
        *,
        at: Site | None = None,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        scale: float = 1,
        expected: str | None = None,
        **options: Any,
    ) -> Page:
        here: Site = at or request.getfixturevalue("site")
        context = browser.new_context(
            base_url=here.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=scale,
            **sites.signed_in(here, role),
            **options,
        )
        context.set_default_timeout(15_000)
        context.add_init_script(LISTEN)
        guard = Guard(here.url, expected)
        context.on("page", guard.watch)
        contexts.append(context)
        guards.append(guard)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    faults = [fault for guard in guards for fault in guard.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()
