"""What the pages say is what the API answers, and whatever stands in the archive stays text."""

import csv
import io
import random
import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import httpx
import pytest

from app.disagreement.attributes import FILTERS, GROUPINGS
from app.kit.database import Database
from app.pages.disagreement.figures.drawing import STYLES
from app.pages.disagreement.views import MOST_CELLS
from app.pages.shell import STATIC
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.disagreement.archive import StoredPair, store
from tests.app.disagreement.test_table import SEED, answered_filter, random_pairs

BROWSER = {"Accept": "text/html"}
EVIL = '"><img src=x onerror=alert(1)><b>'
WRITTEN = 'Left axis deviation "><b>with LVH</b>'
PAGES = ["", "/trend", "/trend?label=aflutter", "/flow", "/statements", "/ecgs", "/aflutter/ecgs"]
FIGURES = ["table.svg", "table.svg?label=aflutter&group_by=site", "trend.svg", "trend.svg?label=aflutter", "flow.svg"]


def page(client: httpx.Client, path: str, **query: object) -> str:
    answer = client.get(path, params=query or None, headers=BROWSER)
    assert answer.status_code == 200, answer.text[-2000:]
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def words(html: str) -> str:
    """A page's text, without marks and thin spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)).replace("\u202f", "")).strip()


def links(html: str) -> list[str]:
    return [unescape(href) for href in re.findall(r'<a [^>]*?href="([^"]*)"', html)]


@pytest.fixture
def archive(database: Database) -> list[StoredPair]:
    pairs = random_pairs(random.Random(SEED), 200)
    store(database, pairs)
    return pairs


def test_an_empty_archive_says_how_to_begin(client: httpx.Client) -> None:
    assert "overread import" in page(client, "/disagreement")
    for path in PAGES:
        page(client, f"/disagreement{path}")


def test_the_numbers_are_those_of_the_api(client: httpx.Client, archive: list[StoredPair]) -> None:
    draw = random.Random(SEED)
    for _ in range(12):
        query = {**answered_filter(draw, archive), "hedged": draw.choice(["positive", "negative", "ignore"])}
        answer = client.get("/v1/disagreement", params=query).json()
        html = page(client, "/disagreement", **query)
        if not answer["pairs"]:
            assert "No ECG fits" in html
            continue
        assert f"{answer['pairs']} pairs of {'simulated' if answer['simulated'] else 'real'} ECGs" in words(html)
        body = html[html.index("<tbody>") :]
        for row, line in zip(answer["labels"], re.findall(r"<tr>.*?</tr>", body, re.DOTALL), strict=True):
            counts = [str(row[name]) for name in ("machine", "overread", "added", "removed")]
            assert words(line).startswith(" ".join([row["name"], *counts])), row["label"]
            kappa = "–" if row["kappa"] is None else f"{row['kappa']:.2f}".replace("-", "\u2212")
            assert f" {kappa} " in words(line)


def test_every_count_leads_to_as_many_ecgs(client: httpx.Client, archive: list[StoredPair]) -> None:
    html = page(client, "/disagreement", sex="female", group_by="site", simulated="false")
    followed = 0
    for href, text in re.findall(r'<td class="num"><a href="([^"]*/ecgs[^"]*)"[^>]*>([^<]*)</a>', html):
        url = unescape(href)
        query = [*parse_qsl(urlsplit(url).query), ("limit", "500")]
        found = client.get(f"/v1{urlsplit(url).path}", params=query).json()["items"]
        assert len(found) == int(text.replace("\u202f", "")), url
        followed += 1
    assert followed > 30


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_group_leads_to_the_table_of_its_pairs(
    client: httpx.Client, archive: list[StoredPair], grouping: str
) -> None:
    groups = client.get("/v1/disagreement", params={"group_by": grouping, "simulated": False}).json()["groups"]
    html = page(client, "/disagreement", group_by=grouping, simulated="false")
    lines = re.findall(r'<tr><th scope="row">(.*?)</tr>', html[: html.index('class="card picture"')], re.DOTALL)
    most = max(5, MOST_CELLS // len(groups[0]["labels"]))
    largest = sorted(range(len(groups)), key=lambda at: -groups[at]["pairs"])[:most]
    shown = [groups[at] for at in sorted(largest)]
    assert len(lines) == len(shown)
    for group, line in zip(shown, lines, strict=True):
        if group["group"][grouping] is None:
            assert "<a" not in line.partition("</th>")[0]
            continue
        [href, *_] = links(line)
        assert f" {group['pairs']} pairs of real ECGs" in f" {words(page(client, href))}"


@pytest.mark.parametrize("path", [path for path in PAGES if "ecgs" not in path])
def test_pages_keep_the_filters_in_every_link(client: httpx.Client, archive: list[StoredPair], path: str) -> None:
    address = f"/disagreement{path}{'&' if '?' in path else '?'}sex=female&hedged=ignore&simulated=true"
    hrefs = [href for href in links(page(client, address)) if re.match(r"/disagreement(/[a-z_/]+)?\?", href)]
    kept = [href for href in hrefs if "sex=female" in href and "hedged=ignore" in href and "simulated=true" in href]
    without_one = [href for href in hrefs if href not in kept and "/compare" not in href]
    assert len(kept) > 5
    assert len(without_one) == 3  # the chips: each removes one filter


def test_a_comparison_is_of_two_tables_of_the_api(client: httpx.Client, archive: list[StoredPair]) -> None:
    sides = {"a": {"sex": "male", "age_min": 59}, "b": {"sex": "female"}}
    query: dict[str, object] = {
        f"{side}.{name}": value for side, given in sides.items() for name, value in given.items()
    }
    answer = client.get("/v1/disagreement/compare", params=query | {"hedged": "ignore"}).json()
    for side, given in sides.items():
        table = client.get("/v1/disagreement", params={**given, "hedged": "ignore"}).json()
        assert answer[side] == {name: table[name] for name in answer[side]}
    assert answer["separate"]
    html = page(client, "/disagreement/compare", **query, hedged="ignore")
    body = html[html.index("<tbody>") :]
    lines = re.findall(r"<tr>.*?</tr>", body, re.DOTALL)
    for a, b, difference, line in zip(
        answer["a"]["labels"], answer["b"]["labels"], answer["difference"]["labels"], lines, strict=True
    ):
        if difference["kappa"] is not None:
            assert difference["kappa"] == pytest.approx(a["kappa"] - b["kappa"])
            low, high = difference["kappa_ci"]
            assert low <= difference["kappa"] <= high
        numbers = [f"{row['kappa']:.2f}".replace("-", "\u2212") for row in (a, b) if row["kappa"] is not None]
        assert all(number in words(line) for number in numbers)
    assert "may share ECGs" not in html
    assert "may share ECGs" in page(client, "/disagreement/compare", **{"a.sex": "male"})
    saved = client.get("/disagreement/compare.csv", params=query | {"hedged": "ignore"}).text
    theirs = client.get("/v1/disagreement/compare", params=query | {"hedged": "ignore"}, headers={"Accept": "text/csv"})
    assert saved == theirs.text and saved.count("\r\n") == 14
    refused = client.get("/v1/disagreement/compare", params={"b.site": "nowhere"}).json()
    assert refused["errors"][0]["field"] == "query.b.site"


@pytest.mark.parametrize(
    "address",
    [
        "?order=kappa&number=ppv&label=aflutter&group_by=site&group_by=sex",
        "/trend?label=aflutter&number=kappa",
        "/flow?sex=female",
        "/compare?a.sex=male&hedged=ignore",
    ],
)
def test_the_files_of_a_page_are_there(client: httpx.Client, archive: list[StoredPair], address: str) -> None:
    files = [href for href in links(page(client, f"/disagreement{address}")) if re.search(r"\.(svg|csv)\b", href)]
    assert len(files) == 2
    for href in files:
        assert client.get(href).status_code == 200, href


def test_two_groupings_make_a_matrix_of_one_label(client: httpx.Client, archive: list[StoredPair]) -> None:
    html = page(client, "/disagreement", group_by=["site", "sex"], label="aflutter", number="removed_pct")
    groups = client.get("/v1/disagreement", params={"group_by": ["site", "sex"]}).json()["groups"]
    for group in groups:
        row = group["labels"][4]
        assert row["label"] == "aflutter"
        if row["removed_pct"] is not None:
            assert f"removed {row['removed']} of {row['machine']} machine calls" in html


def test_unknown_and_impossible_filters_are_answered_with_a_page(
    client: httpx.Client, archive: list[StoredPair]
) -> None:
    for query in ("sit=north", "site=nowhere", "age_min=9&age_max=3", "group_by=x", "label=x&group_by=site", "order=x"):
        answer = client.get(f"/disagreement?{query}", headers=BROWSER)
        assert answer.status_code == 422 and "This could not be done" in answer.text, query
    assert client.get("/disagreement/nothing/ecgs", headers=BROWSER).status_code == 404


def test_empty_fields_are_dropped_from_the_address(client: httpx.Client, archive: list[StoredPair]) -> None:
    query = "&".join(f"{asked.alias or name}=" for name, (_, asked) in FILTERS.items())
    answer = client.get(f"/disagreement?{query}&sex=female&hedged=", headers=BROWSER, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/disagreement?sex=female")
    elsewhere = client.get("http://testserver//elsewhere.example/?a=", headers=BROWSER, follow_redirects=False)
    assert not elsewhere.headers.get("location", "/").startswith("//")
    assert client.get("/v1/disagreement?site=").status_code == 422


def test_every_attribute_is_in_the_form_by_itself(client: httpx.Client, archive: list[StoredPair]) -> None:
    html = page(client, "/disagreement")
    for name, (_, asked) in FILTERS.items():
        assert f'name="{asked.alias or name}"' in html
    for name in GROUPINGS:
        assert f'<option value="{name}"' in html
    assert '<option value="=1+1"' in html  # a site that real ECGs have


def test_htmx_gets_the_part_alone(client: httpx.Client, archive: list[StoredPair]) -> None:
    part = client.get("/disagreement?sex=male", headers={"HX-Request": "true"})
    assert "<html" not in part.text and part.text.lstrip().startswith("<title>")
    assert 'value="male" selected' in part.text


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_picture_of_its_own(client: httpx.Client, archive: list[StoredPair], name: str) -> None:
    answer = client.get(f"/disagreement/{name}{'&' if '?' in name else '?'}sex=female", headers=BROWSER)
    assert answer.headers["content-type"] == "image/svg+xml" and "attachment" in answer.headers["content-disposition"]
    root = ElementTree.fromstring(answer.text)
    said = " ".join(root.itertext())
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and float(root.attrib["height"]) > 100
    assert "class=" not in answer.text and "href" not in answer.text
    pairs = client.get("/v1/disagreement?sex=female").json()
    for words in ("Sex: female", "real ECGs", f"Vocabulary {pairs['vocabulary']}", "UTC"):
        assert words in said


def test_every_style_of_a_figure_has_a_rule_for_pages() -> None:
    rules = (STATIC / "disagreement.css").read_text()
    assert {style for style in STYLES if not re.search(rf"\.f-{style}\b[ ,]", rules)} == set()


def test_tables_are_saved_as_the_api_writes_them(client: httpx.Client, archive: list[StoredPair]) -> None:
    for ours, theirs in (
        ("/disagreement/table.csv?group_by=site", "/v1/disagreement?group_by=site"),
        ("/disagreement/trend.csv", "/v1/disagreement/trend"),
        ("/disagreement/flow.csv", "/v1/disagreement/flow"),
    ):
        saved = client.get(ours)
        assert "attachment" in saved.headers["content-disposition"]
        assert saved.text == client.get(theirs, headers={"Accept": "text/csv"}).text


def test_names_and_texts_stay_text(client: httpx.Client) -> None:
    files = [("file", item) for item in write_wfdb(next(simulate(1, 9)).recording, "r").items()]
    form = {
        "machine_report": f"Atrial fibrillation\n{WRITTEN}",
        "overread_report": f"Atrial flutter\n{WRITTEN}",
        "metadata": '{"site": %s, "device": %s, "location": %s, "recorded_at": "2026-03-01T10:00:00Z"}' % ((ascii_json(EVIL),) * 3),
    }  # fmt: skip
    assert client.post("/v1/ecgs", files=files, data=form).status_code == 201
    for path in (*PAGES, "?group_by=site&group_by=device", f"?site={httpx.QueryParams({'s': EVIL})['s']}"):
        html = page(client, f"/disagreement{path}") if "<" not in path else page(client, "/disagreement", site=EVIL)
        assert "<img" not in html and "<b>" not in html, path
    listed = page(client, "/disagreement/aflutter/ecgs", direction="added")
    assert '<mark class="mark-added" title="Atrial Flutter: present">Atrial flutter</mark>' in listed
    assert '<mark class="mark-removed" title="Atrial Fibrillation: present">Atrial fibrillation</mark>' in listed
    assert WRITTEN in unescape(re.sub("</?mark[^>]*>", "", listed))
    svg = client.get("/disagreement/table.svg", params={"site": EVIL, "group_by": "site", "label": "aflutter"})
    assert EVIL in " ".join(ElementTree.fromstring(svg.text).itertext())
    rows = list(csv.reader(io.StringIO(client.get("/disagreement/statements.csv").text)))
    assert rows[0][:3] == ["change", "statement", "ecgs"] and ["added", "atrial flutter", "1"] in [
        row[:3] for row in rows
    ]
    shown = client.get("/v1/access-log", params={"limit": 50}).json()["items"]
    assert any(entry["operation"] == "show_differing_ecgs" and entry["ecgs"] == 1 for entry in shown)


def ascii_json(text: str) -> str:
    import json

    return json.dumps(text)


def test_pages_need_a_key(client: httpx.Client) -> None:
    for path in (*PAGES, "/table.csv", "/table.svg"):
        answer = client.get(f"/disagreement{path}", headers={**BROWSER, "Authorization": ""}, follow_redirects=False)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?next=%2Fdisagreement")
