"""The filters of the disagreement pages, as a reader uses them."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage


def filled(page: Page) -> None:
    expect(page.locator("figure.picture svg.figure-wide")).to_be_visible()


def test_a_filter_changes_the_page_in_place_and_its_address(open_page: OpenPage) -> None:
    page = open_page("viewer")
    page.goto("/disagreement")
    filled(page)
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Sex", exact=True).select_option("female")
    expect(page).to_have_url(re.compile(r"\?sex=female$"))  # what is empty is not in it
    expect(page.locator(".chip-active")).to_contain_text("female")
    page.wait_for_function("!document.querySelector('.htmx-added, .htmx-settling, .htmx-request')")  # 20 ms
    page.get_by_label("Group by", exact=True).select_option("sex")
    expect(page).to_have_url(re.compile(r"sex=female&group_by=sex$"))
    expect(page.get_by_role("heading", name="by sex")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
    # back: as it was, form and all
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?sex=female$"))
    expect(page.get_by_label("Group by", exact=True)).to_have_value("")
    expect(page.get_by_label("Sex", exact=True)).to_have_value("female")
    page.locator(".chip-active").click()
    expect(page).to_have_url(re.compile(r"/disagreement$"))
    expect(page.get_by_label("Sex", exact=True)).to_have_value("")


def test_what_was_opened_stays_open_and_every_tab_keeps_the_filters(open_page: OpenPage) -> None:
    page = open_page("viewer")
    page.goto("/disagreement?sex=male")
    filled(page)
    page.locator("details.more summary").click()
    page.get_by_label("Sex", exact=True).select_option("female")
    expect(page).to_have_url(re.compile(r"\?sex=female$"))
    expect(page.locator("details.more")).to_have_attribute("open", "")
    for name, path in (("Trend", "/trend"), ("Read instead", "/flow"), ("Statements", "/statements")):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(rf"/disagreement{path}\?sex=female$"))
        expect(page.locator(".chip-active")).to_contain_text("female")


def test_a_count_leads_to_its_ecgs(open_page: OpenPage) -> None:
    page = open_page("viewer")
    page.goto("/disagreement")
    counts = page.locator("table.sticky tbody td.num a[href*='direction=added'], td.num a[href*='direction=removed']")
    expect(counts.first).to_be_visible()
    count = counts.first.inner_text()
    counts.first.click()
    expect(page).to_have_url(re.compile(r"/ecgs\?direction="))
    expect(page.locator("article.pair")).to_have_count(min(20, int(re.sub(r"\D", "", count))))
