"""From the list to the signature by keys alone, in each way of reading."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.reviews.review import MACHINE, Desk, give_back, make_list, upload
from tests.browser.sites import Site


def test_blind_first_by_keyboard(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        upload(admin, [MACHINE, MACHINE])
        made = make_list(admin, "blind")
    page = open_page("reader", at=own_site, expected="status of 409")  # the item is given back behind its back
    desk = Desk(page)
    desk.start(made["name"])
    desk.type("Sinus rhythm\n")
    desk.type("at")  # two letters
    offered = page.get_by_role("listbox", name="Terms of the vocabulary").get_by_role("option")
    expect(offered.first).to_be_visible()
    words = [each.lower() for each in offered.locator("span:first-child").all_text_contents()]
    assert len(words) == len(set(words))
    desk.press(*["ArrowDown"] * words.index("atrial flutter"), "Enter")
    expect(page.locator("textarea")).to_have_value(re.compile("^Sinus rhythm\nAtrial flutter$", re.IGNORECASE))
    desk.finds("Sinus Rhythm", "Atrial Flutter")
    expect(desk.place("beside")).not_to_contain_text("hypertrophy")
    desk.press("Control+Enter")
    desk.phase_is("amend")
    expect(desk.place("beside")).to_contain_text("Left ventricular hypertrophy")
    expect(desk.place("change")).to_contain_text("remove LVH")
    desk.type("\nLVH")
    desk.finds("Sinus Rhythm", "Atrial Flutter", "LVH")
    desk.press("Control+Enter")
    expect(desk.place("notice")).to_contain_text("why your reading changes")
    desk.type("voltage seen late")
    first = desk.item
    desk.press("Control+Enter")
    desk.phase_is("first")
    assert desk.item != first
    with own_site.client("reader") as reader:
        signed = reader.get(f"/v1/reviews/items/{first}")
        assert signed.status_code == 409  # another ECG is read blind now
        assert reader.post(f"/v1/reviews/items/{desk.item}/release").is_success
        item = reader.get(f"/v1/reviews/items/{first}").json()
    assert item["first"]["text"].lower() == "sinus rhythm\natrial flutter" and item["first"]["blinded"]
    assert [each["text"].lower() for each in item["signed"]] == ["sinus rhythm\natrial flutter\nlvh"]
    assert item["signed"][0]["reason"] == "voltage seen late"


def test_assisted_statement_by_statement(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        upload(admin, [MACHINE])
        made = make_list(admin, "assisted")
    page = open_page("reader", at=own_site)
    desk = Desk(page)
    desk.start(made["name"])
    desk.finds("Sinus Rhythm", "LVH", "possible Inferior MI")
    expect(desk.place("change")).to_contain_text("The labels stay as they are.")
    desk.press("x")  # strike the first statement out
    desk.press("ArrowDown", "h")  # be sure of the second
    desk.finds("LVH", "Inferior MI")
    desk.press("ArrowDown", "h")  # hedge the third
    desk.press("a")
    desk.type("RBBB")
    desk.press("Enter")
    desk.finds("RBBB", "possible LVH", "Inferior MI")
    expect(desk.place("change")).to_contain_text(
        "You add RBBB; are sure of Inferior MI; hedge LVH; remove Sinus Rhythm."
    )
    desk.press("Control+z", "Control+z")
    desk.finds("LVH", "Inferior MI")
    desk.press("Control+y", "Control+y")
    desk.finds("RBBB", "possible LVH", "Inferior MI")
    item = desk.item
    desk.press("Control+Enter")
    expect(page.get_by_text("Nothing is left for you in this list")).to_be_visible()
    with own_site.client("reader") as reader:
        signed = reader.get(f"/v1/reviews/items/{item}").json()["signed"]
    assert [each["text"] for each in signed] == ["Inferior infarct\nPossible left ventricular hypertrophy\nRBBB"]


def test_kept_as_it_is_the_text_is_the_machines_own(own_site: Site, open_page: OpenPage) -> None:
    text = "Sinus rhythm. Possible inferior infarct; otherwise normal ECG"
    with own_site.client() as admin:
        upload(admin, [text])
        made = make_list(admin, "assisted")
    desk = Desk(open_page("reader", at=own_site))
    desk.start(made["name"])
    desk.press("x", "x")
    item = desk.item
    desk.press("Control+Enter")
    desk.page.get_by_text("Nothing is left for you in this list").wait_for()
    with own_site.client("reader") as reader:
        assert reader.get(f"/v1/reviews/items/{item}").json()["signed"][0]["text"] == text


def test_a_third_reader_decides_without_names(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        upload(admin, [MACHINE])
        made = make_list(admin, "assisted", readings=2)
    for role, words in (("reader", "Atrial fibrillation"), ("researcher", "Atrial flutter")):
        with own_site.client(role) as client:
            item = client.post(f"/v1/reviews/lists/{made['id']}/claim").json()["item"]
            client.post(f"/v1/reviews/items/{item['id']}/sign", json={"text": words}).raise_for_status()
    give_back(own_site, "admin")
    page = open_page("admin", at=own_site)
    desk = Desk(page)
    desk.start(made["name"])
    desk.phase_is("decide")
    readings = page.locator(".reading-other .reading-words")
    assert sorted(readings.all_text_contents()) == ["Atrial fibrillation", "Atrial flutter"]
    assert sorted(page.locator("mark.differs").all_text_contents()) == ["fibrillation", "flutter"]
    content = page.locator("main").inner_text()
    assert "researcher" not in content
    second = readings.nth(1).text_content()
    desk.press("2")
    expect(page.locator("textarea")).to_have_value(str(second))
    item = desk.item
    desk.press("Control+Enter")
    page.get_by_text("Nothing is left for you in this list").wait_for()
    with own_site.client() as admin:
        assert admin.get(f"/v1/reviews/items/{item}").json()["signed"][0]["text"] == second


def test_a_new_version_after_signing_needs_a_reason(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        upload(admin, [MACHINE])
        made = make_list(admin, "assisted")
    page = open_page("reader", at=own_site)
    desk = Desk(page)
    desk.start(made["name"])
    item = desk.item
    desk.press("Control+Enter")
    page.get_by_text("Nothing is left for you in this list").wait_for()
    page.goto(f"/reviews/items/{item}")
    desk.phase_is("signed")
    desk.press("n")
    desk.phase_is("again")
    desk.type("\nRBBB")
    desk.press("Control+Enter")
    expect(desk.place("notice")).to_contain_text("why your reading changes")
    desk.type("seen later")
    desk.press("Control+Enter")
    desk.phase_is("signed")
    expect(page.locator(".versions > li")).to_have_count(2)
    expect(page.locator(".versions > li").first).to_contain_text("Reason: seen later")


def test_the_keys_are_on_the_sheet(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as admin:
        upload(admin, [MACHINE])
        made = make_list(admin, "assisted")
    page = open_page("reader", at=own_site)
    desk = Desk(page)
    desk.start(made["name"])
    desk.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    desk.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    desk.press("x")  # the statement has the focus again
    expect(page.locator(".line-struck")).to_have_count(1)
