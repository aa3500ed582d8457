"""A person signs in by a link, sets a password, comes back with it, lets others in, and sees it in the logs."""

import re

import pytest
from playwright.sync_api import expect

from app.auth import service
from app.kit.database import Database
from tests.browser.conftest import OpenPage
from tests.browser.sites import Site

PASSWORD = "trombone ketchup"


def link(site: Site, name: str) -> str:
    database = Database(site.settings)
    with database.begin() as session:
        token = service.sign_in_link(session, "test", name)
    database.close()
    return f"/sign-in/link?token={token}"


def test_the_first_admin_comes_in_sets_a_password_and_lets_others_in(empty_site: Site, open_page: OpenPage) -> None:
    page = open_page(None, at=empty_site, expected="status of 403")
    page.goto(link(empty_site, "admin"))
    page.get_by_role("button", name="Sign in as admin").click()
    expect(page).to_have_url(re.compile("/account$"))
    expect(page.get_by_text("You have no password yet")).to_be_visible()
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your password is set")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto("/people")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("admin")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/people$"))

    page.get_by_label("Name").fill("anna")
    page.get_by_label("Role").select_option("reader")
    page.get_by_role("button", name="Add and make a sign-in link").click()
    address = page.locator("code.secret").inner_text()
    anna = open_page(None, at=empty_site)
    anna.goto(address)
    anna.get_by_role("button", name="Sign in as anna").click()
    expect(anna.get_by_role("link", name="People")).to_have_count(0)
    anna.get_by_role("button", name="Make a key").click()
    assert anna.locator("code.secret").inner_text().startswith("ovr_")

    page.get_by_role("link", name="People").first.click()
    page.get_by_role("link", name="anna").click()
    expect(page.get_by_text("this browser")).to_have_count(0)
    page.get_by_role("button", name=re.compile("End the session")).click()
    expect(page.get_by_text("Nobody is signed in")).to_be_visible()
    anna.reload()
    expect(anna).to_have_url(re.compile("/sign-in"))

    page.goto("/audit")
    expect(page.get_by_role("cell", name="create", exact=True).first).to_be_visible()
    page.get_by_label("Who").fill("anna")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"/audit\?actor=anna$"))
    page.goto("/access-log")
    page.get_by_label("Answer").select_option("true")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"/access-log\?refused=true$"))
    expect(page.get_by_role("cell", name="sign_in", exact=True)).to_have_count(1)


def test_a_link_that_was_used_says_what_to_do(empty_site: Site, open_page: OpenPage) -> None:
    page = open_page(None, at=empty_site, expected="status of 410")
    page.goto("/sign-in/link?token=used")
    expect(page.get_by_text("Ask an admin for another one")).to_be_visible()


@pytest.mark.parametrize("path", ["/account", "/people", "/audit", "/access-log"])
def test_nothing_is_kept_of_a_page_after_signing_out(empty_site: Site, open_page: OpenPage, path: str) -> None:
    page = open_page("admin", at=empty_site)
    page.goto(path)
    heading = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))
    assert heading != "Sign in" and page.get_by_role("heading", level=1).inner_text() == "Sign in"
