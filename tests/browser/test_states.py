"""What a page says where it cannot show what was asked: errors, nothing there yet, a session that ended."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.auth.passwords.hashing import Passwords
from app.auth.queries import user_by_name
from app.auth.sessions.signing_in import store_password
from app.kit.database import Database
from tests.browser import walk
from tests.browser.conftest import OpenPage
from tests.browser.sites import Site, name_of
from tests.conftest import _run

PASSWORD = "trombone ketchup"
BARE = [path for path in walk.PATHS if "{" not in path + walk.QUERIES.get(path, "") and path not in walk.SHOWN_TO]


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_a_refusal_by_role_is_a_page_with_a_way_on(open_page: OpenPage) -> None:
    page = open_page("viewer", expected="status of 403")
    page.goto("/people")
    assert heading(page) == "This is not open to you"
    assert "needs the role admin; yours is viewer" in page.inner_text("main")
    walk.none_of(walk.axe(page, walk.WCAG) + walk.look(page, "structure"))
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="ECGs").click()
    expect(page).to_have_url(re.compile("/ecgs$"))


@pytest.mark.parametrize("address", ["/nothing-here", "/ecgs/5b2c1b0e-0000-4000-8000-000000000000"])
def test_what_is_not_there_is_a_page(open_page: OpenPage, address: str) -> None:
    page = open_page("viewer", expected="status of 404")
    page.goto(address)
    assert heading(page) == "There is no such page"
    walk.none_of(walk.axe(page, walk.WCAG) + walk.look(page, "structure"))


def test_an_address_that_cannot_be_read_says_which_part(open_page: OpenPage) -> None:
    page = open_page("viewer", expected="status of 422")
    page.goto("/disagreement?age_min=old&nonsense=1")
    assert heading(page) == "This could not be done"
    assert "age_min" in page.inner_text("main")
    walk.none_of(walk.axe(page, walk.WCAG) + walk.look(page, "structure"))


def test_a_database_that_is_away_is_a_page_and_comes_back(open_page: OpenPage, own_site: Site, server_url: str) -> None:
    page = open_page("viewer", at=own_site, expected="status of 503")
    page.goto("/ecgs")
    with away(own_site, server_url):
        answer = page.goto("/ecgs")
        assert answer is not None and answer.status == 503
        assert heading(page) == "Something went wrong on our side"
    page.reload()
    assert heading(page) == "ECGs"


@contextmanager
def away(site: Site, server_url: str) -> Iterator[None]:
    name = name_of(site.settings)
    try:
        _run(
            server_url,
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        yield
    finally:
        _run(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_every_page_says_what_to_do_in_an_empty_archive(open_page: OpenPage, empty_site: Site) -> None:
    page = open_page("admin", at=empty_site)
    faults = []
    for path in BARE:
        answer = page.goto(path)
        walk.settle(page)
        found = [] if answer and answer.status == 200 else [f"answers {answer and answer.status}"]
        found += walk.look(page, "structure") + walk.look(page, "width")
        faults += [f"{path}: {fault}" for fault in found]
    walk.none_of(faults)


def test_who_is_not_signed_in_comes_back_to_the_page_they_wanted(open_page: OpenPage, own_site: Site) -> None:
    database = Database(own_site.settings)
    with database.begin() as session:
        user = user_by_name(session, "viewer")
        assert user is not None
        store_password(session, "test", user, Passwords().hash(PASSWORD))
    database.close()
    page = open_page(None, at=own_site)
    page.goto("/ecgs?has_waveform=true")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{own_site.url}/ecgs?has_waveform=true")


def end_sessions(site: Site) -> None:
    database = Database(site.settings)
    with database.begin() as session:
        session.execute(text("DELETE FROM user_sessions"))
    database.close()


def test_a_session_that_ends_between_two_clicks_leads_to_signing_in(open_page: OpenPage, own_site: Site) -> None:
    page = open_page("viewer", at=own_site, expected="status of 401")
    page.goto("/disagreement")
    walk.settle(page)
    end_sessions(own_site)
    page.get_by_label("Hedged findings").select_option("ignore")
    expect(page).to_have_url(re.compile("/sign-in"))
    assert page.get_by_label("Password").is_visible()
    assert "pairs of" not in page.inner_text("body")


def test_a_part_that_fails_says_so_and_leaves_the_page(open_page: OpenPage, own_site: Site, server_url: str) -> None:
    page = open_page("viewer", at=own_site, expected="status of 503|Response Status Error Code 503")
    page.goto("/disagreement")
    walk.settle(page)
    with away(own_site, server_url):
        page.get_by_label("Hedged findings").select_option("ignore")
        expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("Something went wrong on our side")
    assert page.get_by_role("heading", level=1, name="Disagreement").is_visible()
    page.get_by_label("Hedged findings").select_option("negative")
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_count(0)


def test_a_service_that_does_not_answer_is_said(open_page: OpenPage) -> None:
    page = open_page("viewer", expected="ERR_INTERNET_DISCONNECTED|console error: htmx:")
    page.goto("/disagreement")
    walk.settle(page)
    page.context.set_offline(True)
    page.get_by_label("Hedged findings").select_option("ignore")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.context.set_offline(False)
