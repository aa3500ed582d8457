"""The whole way of a reader by keys alone: a link, a password, signing in, an ECG, the signature."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.reviews.review import MACHINE, Desk, make_list, upload
from tests.browser.sites import Site

PASSWORD = "a quiet morning in the core lab"


def fill(page: Page, *values: str) -> None:
    """Type into the fields of a form, one after the other, beginning with the one that has the focus."""
    for value in values:
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # its button


def test_from_sign_in_to_signature(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        [ecg_id] = upload(admin, [MACHINE])
        made = make_list(admin, "blind")
        user = admin.post("/v1/users", json={"name": "A. Lind", "role": "reader"}).json()
        link = admin.post(f"/v1/users/{user['id']}/sign-in-link").json()["address"]
    page = open_page(None, at=own_site)
    page.goto("/sign-in/link?" + link.partition("?")[2])
    page.keyboard.press("Enter")
    page.wait_for_url("**/account*")
    page.get_by_label("New password", exact=True).focus()
    fill(page, PASSWORD, PASSWORD)
    expect(page.get_by_text("Your password is set")).to_be_visible()
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in*")
    page.goto("/reviews")  # asks to sign in first, and then comes back
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    fill(page, "A. Lind", PASSWORD)
    page.wait_for_url("**/reviews")
    desk = Desk(page)
    desk.start(made["name"])
    desk.type("Sinus rhythm")
    desk.finds("Sinus Rhythm")
    desk.press("Control+Enter")
    desk.phase_is("amend")
    desk.press("Control+Enter")
    expect(page.get_by_text("Nothing is left for you in this list")).to_be_visible()
    with own_site.client() as admin:
        [report] = [
            each for each in admin.get(f"/v1/ecgs/{ecg_id}/reports").json()["items"] if each["source"] == "overread"
        ]
    assert (report["reader"], report["text"], report["blinded"]) == ("A. Lind", "Sinus rhythm", "yes")
