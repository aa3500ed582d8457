"""Two readers, two tabs, a claim that ends, no network, an erased ECG, hostile words."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.reviews.review import MACHINE, Desk, make_list, upload
from tests.browser.sites import HOSTILE, Site


def begin(site: Site, mode: str = "assisted", ecgs: int = 1, **given: object) -> str:
    """Make a list of new ECGs and return its name."""
    with site.client("researcher") as client:
        upload(client, [MACHINE] * ecgs)
        return str(make_list(client, mode, **given)["name"])


def test_two_readers_claim_one_ecg(own_site: Site, open_page: OpenPage) -> None:
    name = begin(own_site)
    pages = [open_page(role, at=own_site) for role in ("reader", "researcher")]
    for page in pages:
        page.goto("/reviews")
    for page in pages:
        page.get_by_role("button", name=f"Read {name}").click(no_wait_after=True)
    pages[0].wait_for_url("**/reviews/items/*")
    expect(pages[1].locator("#problem")).to_contain_text("Nothing is left for you")


def test_one_reading_is_written_in_one_tab(own_site: Site, open_page: OpenPage) -> None:
    desk = Desk(open_page("reader", at=own_site))
    desk.start(begin(own_site, "blind"))
    desk.type("LVH")
    second = desk.page.context.new_page()
    second.goto(f"/reviews/items/{desk.item}")
    expect(second.get_by_text("This reading is open in another tab")).to_be_visible()
    second.get_by_role("button", name="Go on here").click()
    expect(second.locator("textarea")).to_have_value("LVH")  # saved before it was let go
    expect(desk.page.get_by_text("This reading is open in another tab")).to_be_visible()
    expect(desk.page.locator("textarea")).to_have_count(0)
    second.close()
    desk.page.get_by_role("button", name="Go on here").click()
    expect(desk.page.locator("textarea")).to_have_value("LVH")


def test_two_machines_do_not_write_over_each_other(own_site: Site, open_page: OpenPage) -> None:
    here, there = (Desk(open_page("reader", at=own_site, expected="status of 409")) for _ in range(2))
    here.start(begin(own_site, "blind"))
    there.page.goto(f"/reviews/items/{here.item}")
    there.phase_is("first")
    here.type("LVH")
    expect(here.place("saved")).to_contain_text("Saved")
    there.type("RBBB")
    expect(there.place("notice")).to_contain_text("on another machine")
    expect(there.place("notice").locator(".reading-words")).to_have_text("LVH")
    there.page.get_by_role("button", name="Keep the text of this page").click()
    expect(there.place("saved")).to_contain_text("Saved")
    here.type(" LBBB")
    expect(here.place("notice").locator(".reading-words")).to_have_text("RBBB")
    here.page.get_by_role("button", name="Go on with that text").click()
    expect(here.page.locator("textarea")).to_have_value("RBBB")
    here.type(" LBBB")
    expect(here.place("saved")).to_contain_text("Saved")
    with own_site.client("reader") as client:
        assert client.get(f"/v1/reviews/items/{here.item}").json()["draft"] == "RBBB LBBB"


def test_a_claim_that_ends_keeps_the_text(own_site: Site, open_page: OpenPage) -> None:
    desk = Desk(open_page("reader", at=own_site, expected="status of 409"))
    desk.start(begin(own_site, "blind"))
    item = desk.item
    with own_site.client("reader") as client:
        assert client.post(f"/v1/reviews/items/{item}/release").is_success
    desk.type("Sinus rhythm")
    expect(desk.place("notice")).to_contain_text("Your text is kept here")
    expect(desk.place("saved")).to_have_text("Not saved")
    desk.press("Control+Enter")
    expect(desk.place("notice")).to_contain_text("It is yours again")
    expect(desk.page.locator("textarea")).to_have_value("Sinus rhythm")
    expect(desk.place("saved")).to_contain_text("Saved")
    assert desk.item == item


def test_a_claim_that_ends_for_another_reader(own_site: Site, open_page: OpenPage) -> None:
    desk = Desk(open_page("reader", at=own_site, expected="status of 409"))
    name = begin(own_site, "assisted")
    desk.start(name)
    item = desk.item
    with own_site.client("reader") as client:
        assert client.post(f"/v1/reviews/items/{item}/release").is_success
    with own_site.client("researcher") as client:
        of = next(each["id"] for each in client.get("/v1/reviews/lists").json()["items"] if each["name"] == name)
        assert client.post(f"/v1/reviews/lists/{of}/claim").json()["item"]["id"] == item
    desk.press("x")
    expect(desk.place("notice")).to_contain_text("Your text is kept here")
    desk.press("Control+Enter")
    expect(desk.place("notice")).to_contain_text("Somebody else reads that ECG now")
    expect(desk.place("notice")).to_contain_text("Left ventricular hypertrophy")  # to copy


def test_without_a_network_the_text_stays(own_site: Site, open_page: OpenPage) -> None:
    page = open_page("reader", at=own_site, expected="Failed to load resource|ERR_INTERNET")
    desk = Desk(page)
    desk.start(begin(own_site, "blind"))
    page.context.set_offline(True)
    desk.type("Sinus rhythm")
    expect(desk.place("saved")).to_have_text("Not saved")
    expect(desk.place("notice")).to_contain_text("kept in this page")
    desk.press("Control+Enter")
    expect(desk.place("notice")).to_contain_text("Not locked")
    page.context.set_offline(False)
    expect(desk.place("saved")).to_contain_text("Saved")
    expect(page.locator("textarea")).to_have_value("Sinus rhythm")
    with own_site.client("reader") as client:
        assert client.get(f"/v1/reviews/items/{desk.item}").json()["draft"] == "Sinus rhythm"


def test_an_erased_ecg_is_said_to_be_gone(own_site: Site, open_page: OpenPage) -> None:
    desk = Desk(open_page("reader", at=own_site, expected="status of 404"))
    desk.start(begin(own_site, "assisted"))
    with own_site.client("reader") as client:
        ecg = client.get(f"/v1/reviews/items/{desk.item}").json()["ecg_id"]
    with own_site.client() as admin:
        assert admin.delete(f"/v1/ecgs/{ecg}").is_success
    desk.press("x")
    expect(desk.page.get_by_role("heading", name="This ECG is gone")).to_be_visible()
    expect(desk.page.get_by_text("hypertrophy")).to_have_count(0)


def test_hostile_words_are_words(own_site: Site, open_page: OpenPage) -> None:
    text = "\n".join(["Sinus rhythm", *HOSTILE])
    with own_site.client("researcher") as client:
        upload(client, [text, text])
        assisted = make_list(client, "assisted", name=HOSTILE[1], ecgs=1)
        make_list(client, "blind", name=HOSTILE[3])
    page = open_page("reader", at=own_site)
    desk = Desk(page)
    desk.start(assisted["name"])
    expect(page.locator(".lines")).to_contain_text("<img src=x onerror=alert(1)")
    assert page.locator("main img, main script").count() == 0
    assert no_wider(page)


def test_a_list_is_made_and_closed(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client("researcher") as client:
        upload(client, [MACHINE])
    page = open_page("researcher", at=own_site, expected="status of 422")
    page.goto("/reviews/new")
    page.get_by_label("Name").fill("May")
    assert page.locator("option[value=added]").is_disabled(), "who reads some of them blind knows the others"
    page.get_by_label("Assisted").check()
    page.get_by_label("Rule").select_option("added")
    page.get_by_label("Label", exact=True).select_option("aflutter")
    page.get_by_label("Site").fill("nowhere")
    page.get_by_role("button", name="Make the list").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.get_by_label("Blind first").check()
    assert page.get_by_label("Rule").input_value() == "predicted_change"
    page.get_by_label("Rule").select_option("random")
    page.get_by_label("Site").fill("review")
    page.get_by_role("button", name="Make the list").click()
    page.wait_for_url("**/reviews")
    row = page.get_by_role("row").filter(has_text="May")
    expect(row).to_contain_text("Blind first")
    row.get_by_role("button", name="Close").click()
    row.get_by_role("button", name="Really close").click()
    expect(page.get_by_text("Closed lists (1)")).to_be_visible()


def no_wider(page: Page) -> bool:
    """Return whether a page is no wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
