"""Blind means blind: before the lock nothing that a reader's session or keys can get tells of a reading.

The ECG's machine report has words, and its prediction a number, that stand nowhere else.
"""

import re
import uuid
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import BrowserContext, Response, expect

from app.kit.database import Database
from app.main import ROUTERS
from app.pages import PAGES
from app.reviews.tables import ReviewItem
from tests.browser.conftest import OpenPage
from tests.browser.reviews.review import Desk, give_back, make_list, plant_prediction, upload
from tests.browser.sites import Site, new_session

WORDS = "vermilionish"
NUMBER = 0.7310585
MACHINE = f"Atrial flutter, {WORDS} pattern"
READ_FOR_S = 3  # of an answer that does not end


@pytest.fixture
def planted(own_site: Site) -> tuple[Site, str, str]:
    """A site, the ECG with the planted words, and the id of a blind list of it and another."""
    with own_site.client("researcher") as client:
        ecg, other = upload(client, [MACHINE, MACHINE])
        made = make_list(client, "blind")
    for each in (ecg, other):
        plant_prediction(own_site, each, NUMBER)
    for role in ("reader", "admin"):
        give_back(own_site, role)
    return own_site, ecg, made["id"]


def tells(text: str) -> list[str]:
    """Return what in a text tells of the machine's report or of the prediction."""
    return re.findall(f"(?i){WORDS}|{NUMBER}", text)


def headers_of(answer: httpx.Response) -> str:
    return "\n".join(f"{name}: {value}" for name, value in answer.headers.items())


def addresses(site: Site, ecg: str, item: str, of: str) -> Iterator[str]:
    """Yield the address of every GET operation of the API and the pages, as of this ECG where it is about one."""
    known = {
        **site.ids,
        **{"ecg_id": ecg, "item_id": item, "list_id": of, "label": "aflutter", "version": "overread-2"},
        **{"name": "roc", "path": "index.html"},
    }
    for router in (*ROUTERS, *PAGES):
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in route.methods:
                path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: known.get(name[1], ecg), route.path)
                yield path + ("?direction=added" if path.endswith("/aflutter/ecgs") else "")
    yield from (
        f"/v1/ecgs?q={WORDS}",
        f"/v1/ecgs?text={WORDS}",
        f"/v1/ecgs/{ecg}/waveform?stage=raw&format=npy",
        f"/v1/reviews/items/{item}/waveform?stage=window&format=json",
        "/v1/vocabularies/active/terms?q=at",
        "/v1/disagreement?group_by=site",
        "/v1/reviews/quality?reader=admin",
    )


def asked(client: httpx.Client, address: str) -> tuple[int, str]:
    """Return the status of an answer, and all that came with it. Of an endless one: what comes in a while."""
    body = b""
    try:
        with client.stream("GET", address) as answer:
            told = headers_of(answer)
            for part in answer.iter_bytes():
                body += part
    except httpx.ReadTimeout:
        assert address.endswith("/events")
    return answer.status_code, told + "\n" + body.decode("utf-8", "replace")


CHANGES = (
    ("/v1/predictions", {"ecg_id": "{ecg}"}),
    ("/v1/ecgs/{ecg}/reports", {"source": "overread", "text": "Atrial flutter"}),
    ("/v1/labels/extract", {"text": "Atrial flutter"}),
    ("/v1/vocabularies/preview", {"version": "overread-1", "sample": 100}),
    ("/v1/reviews/items/{item}/sign", {"text": "Atrial flutter"}),
    ("/v1/evaluations", {"model_id": "{ecg}", "dataset_id": "{ecg}"}),
    ("/v1/exports", {"what": ["reports"]}),
)


def clients(site: Site, role: str) -> Iterator[httpx.Client]:
    """Yield clients with everything by which a user is known: a key, and the session's cookie, as program and browser."""
    cookie = dict([new_session(site, role)])
    for given in (
        {"headers": {"Authorization": f"Bearer {site.keys[role]}"}},
        {"cookies": cookie},
        {"cookies": cookie, "headers": {"Accept": "text/html"}},
        {"cookies": cookie, "headers": {"Accept": "text/csv"}},
    ):
        with httpx.Client(base_url=site.url, timeout=READ_FOR_S, **given) as client:  # type: ignore[arg-type]
            yield client


@pytest.mark.parametrize("role", ["reader", "admin"])
def test_no_answer_tells_a_blind_reader(planted: tuple[Site, str, str], role: str) -> None:
    site, _, of = planted
    with site.client(role) as client:
        item = client.post(f"/v1/reviews/lists/{of}/claim").json()["item"]["id"]
        ecg = ecg_of(site, item)
        told, refused, asked_for = {}, 0, 0
        for each in clients(site, role):
            for address in addresses(site, ecg, item, of):
                status, text = asked(each, address)
                asked_for += 1
                refused += status == 409 and "blind" in text
                if found := tells(text):
                    told[address] = found
        for path, body in CHANGES:
            filled = {name: value.format(ecg=ecg) if isinstance(value, str) else value for name, value in body.items()}
            answer = client.post(path.format(ecg=ecg, item=item), json=filled)
            if found := tells(headers_of(answer) + answer.text):
                told[path] = found
        assert told == {}
        assert asked_for > 150 and refused > 60
        locked = client.post(f"/v1/reviews/items/{item}/lock", json={"text": "Sinus rhythm"})
        assert {WORDS, str(NUMBER)} <= set(tells(locked.text))
        seen = [address for address in addresses(site, ecg, item, of) if tells(asked(client, address)[1])]
        assert f"/v1/ecgs/{ecg}/reports" in seen and f"/v1/reviews/items/{item}" in seen  # the same look finds it now


def ecg_of(site: Site, item: str) -> str:
    """Return which ECG an item is of, as the database says."""
    database = Database(site.settings)
    with database.begin() as session:
        found = session.get(ReviewItem, uuid.UUID(item))
        assert found is not None
        ecg = str(found.ecg_id)
    database.close()
    return ecg


class Heard:
    """All that a browser has received, and all that it keeps."""

    def __init__(self, context: BrowserContext) -> None:
        self.told: dict[str, list[str]] = {}
        self.answers = 0
        self._context = context
        context.on("response", self._listen)

    def _listen(self, response: Response) -> None:
        self.answers += 1
        headers = "\n".join(f"{name}: {value}" for name, value in response.all_headers().items())
        try:
            body = response.body().decode("utf-8", "replace")
        except Exception:  # a redirect, or one that the page has left
            body = ""
        if found := tells(f"{response.url}\n{headers}\n{body}"):
            self.told[response.url] = found

    def kept(self) -> dict[str, list[str]]:
        """Return what pages hold in their documents, storages, history and caches that tells of a reading."""
        found = {}
        for page in self._context.pages:
            text = page.evaluate(
                """async () => JSON.stringify([
                    document.documentElement.outerHTML, document.title, location.href, history.state,
                    {...localStorage}, {...sessionStorage}, await caches.keys(), document.cookie,
                    (await indexedDB.databases()).map((each) => each.name),
                    [...document.querySelectorAll("input, textarea")].map((field) => field.value),
                ])"""
            )
            if tells(text):
                found[page.url] = tells(text)
        return found


def test_the_browser_of_a_blind_reader_holds_nothing(planted: tuple[Site, str, str], open_page: OpenPage) -> None:
    site, ecg, _ = planted
    page = open_page("reader", at=site, expected="status of (409|404)")
    heard = Heard(page.context)
    desk = Desk(page)
    desk.start("AF, May")
    first = desk.item
    desk.type("Sinus rhythm\nat")
    expect(page.get_by_role("listbox")).to_be_visible()
    desk.press("Escape")
    desk.finds("Sinus Rhythm")
    page.wait_for_load_state("networkidle")  # the next waveform is loaded ahead
    for path in (f"/ecgs/{ecg}", "/ecgs", "/ecgs?label=aflutter"):  # a second tab
        tab = page.context.new_page()
        tab.goto(path)
        expect(tab.get_by_role("heading", level=1)).to_have_text("You are reading blind")
        tab.close()
    tab = page.context.new_page()
    tab.goto(f"/reviews/items/{first}")
    expect(tab.get_by_text("This reading is open in another tab")).to_be_visible()
    assert (heard.told, heard.kept()) == ({}, {})
    tab.close()
    assert heard.answers > 30
    page.bring_to_front()
    page.locator("textarea").focus()
    desk.press("Control+Enter")
    desk.phase_is("amend")
    expect(desk.place("beside")).to_contain_text(WORDS)
    expect(desk.place("beside")).to_contain_text("73 %")
    assert {WORDS, str(NUMBER)} <= {each for found in heard.told.values() for each in found}
    heard.told.clear()
    # the next one is blind again: neither the page nor the way back shows anything, of this ECG or the one before
    desk.press("Control+Enter")
    desk.phase_is("first")
    assert desk.item != first
    heard.told = {url: found for url, found in heard.told.items() if not url.endswith("/sign")}
    assert (heard.told, heard.kept()) == ({}, {})
    page.go_back()
    page.go_forward()
    desk.phase_is("first")
    page.goto(f"/reviews/items/{first}")
    expect(page.get_by_role("heading", name="You are reading blind")).to_be_visible()
    assert (heard.told, heard.kept()) == ({}, {})


def test_no_page_of_a_review_may_be_kept(planted: tuple[Site, str, str]) -> None:
    site, _, of = planted
    with site.client("reader") as client:
        item = client.post(f"/v1/reviews/lists/{of}/claim").json()["item"]["id"]
        for path in ("/reviews", f"/reviews/items/{item}"):
            assert client.get(path).headers["cache-control"] == "no-store"
        for path in (f"/v1/reviews/items/{item}", "/v1/reviews/open", f"/v1/reviews/lists/{of}"):
            assert "public" not in client.get(path).headers.get("cache-control", "")
