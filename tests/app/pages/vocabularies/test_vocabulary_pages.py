"""What is not understood becomes a term: from the list to the draft, its preview, and back again."""

import html
import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.pages.vocabularies.differences import differences
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin, builtin_text

BROWSER = {"Accept": "text/html"}
NEWEST = builtin().version
EVIL = "Wobbly <script>x</script> & rhythm"


@pytest.fixture
def archive(client: httpx.Client) -> list[str]:
    ids = []
    readings = [("Sinus rhythm", "Wobbly rhythm"), ("Sinus rhythm", "Wobbly rhythm\nLVH"), (EVIL, "Sinus rhythm")]
    for ecg, (machine, overread) in zip(simulate(3, seed=8), readings, strict=True):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={"machine_report": machine, "overread_report": overread})
        ids.append(answer.json()["id"])
    return ids


@pytest.fixture
def done(client: httpx.Client, settings: Settings, database: Database) -> Callable[[httpx.Response], dict[str, Any]]:
    def run(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 202, answer.text
        Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(uuid.UUID(answer.json()["id"]))
        job: dict[str, Any] = client.get(answer.headers["location"]).json()
        assert job["state"] == "succeeded", job
        return job

    return run


def test_from_what_is_not_understood_to_the_next_version_and_back(
    client: httpx.Client, archive: list[str], done: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    listed = client.get(f"/vocabularies/{NEWEST}/unmapped", headers={"HX-Request": "true"}).text
    assert "wobbly rhythm" in listed and "<script>x" not in listed
    saying = client.get(f"/vocabularies/{NEWEST}/unmapped/ecgs", params={"statement": "wobbly rhythm"}, headers=BROWSER)
    assert [ecg_id in saying.text for ecg_id in archive] == [True, True, False]
    entry = next(
        each
        for each in client.get("/v1/access-log").json()["items"]
        if each["request_id"] == saying.headers["x-request-id"]
    )
    assert set(entry["ecg_ids"]) == set(archive[:2])
    said = client.get(f"/v1/vocabularies/{NEWEST}/unmapped/ecgs", params={"statement": "wobbly rhythm"}).json()
    assert {each["ecg_id"] for each in said["items"]} == set(archive[:2]) and said["more"] is False
    form = client.get("/vocabularies/draft", params={"term": "wobbly rhythm"}, headers=BROWSER)
    assert 'value="wobbly rhythm"' in form.text

    added = {"label": "afib", "language": "en", "term": "wobbly rhythm"}
    draft = client.post("/v1/vocabularies/draft", json={"add": [added]}).json()
    assert draft["version"] == f"{NEWEST}.1"
    again = client.post(
        "/v1/vocabularies/draft", json={"yaml": draft["yaml"], "add": [{**added, "term": "wobbly wave"}]}
    ).json()
    assert again["version"] == draft["version"] and "wobbly rhythm" in again["yaml"] and "wobbly wave" in again["yaml"]
    preview = client.post("/v1/vocabularies/preview", json={"yaml": again["yaml"]}).json()
    changes = {each["label"]: (each["before"]["overread"], each["after"]["overread"]) for each in preview["labels"]}
    assert changes["afib"] == (0, 2)
    assert [each["version"] for each in client.get("/v1/vocabularies").json()["items"]].count(draft["version"]) == 0

    assert client.post("/v1/vocabularies", json={"yaml": again["yaml"]}).status_code == 201
    page = client.get(f"/vocabularies/{draft['version']}", headers=BROWSER).text
    assert f"/v1/vocabularies/{draft['version']}/activate" in page and "major" in page
    done(client.post(f"/v1/vocabularies/{draft['version']}/activate"))
    listed = client.get("/vocabularies", headers=BROWSER).text
    assert f"/v1/vocabularies/{NEWEST}/activate" in listed and "Roll back" in listed
    done(client.post(f"/v1/vocabularies/{NEWEST}/activate"))
    assert f"/v1/vocabularies/{draft['version']}/activate" in client.get("/vocabularies", headers=BROWSER).text


def test_a_preview_of_every_pair_has_a_page(
    client: httpx.Client, archive: list[str], done: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    job = done(client.post("/v1/vocabularies/preview", json={"version": "overread-1", "sample": "all"}))
    assert f"/vocabularies/previews/{job['id']}" in client.get(f"/jobs/{job['id']}", headers=BROWSER).text
    page = client.get(f"/vocabularies/previews/{job['id']}", headers=BROWSER)
    assert page.status_code == 200 and f'data-preview-of="/v1/jobs/{job["id"]}"' in page.text
    assert client.get(f"/vocabularies/previews/{uuid.uuid4()}", headers=BROWSER).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"add": [{"label": "afib", "term": "sinus #"}]}, 422, "is no word"),
        ({"add": [{"label": "nothing", "term": "x"}]}, 422, "no such label"),
        ({"add": []}, 422, "add"),
        ({"version": "unheard-of", "add": [{"term": "x"}]}, 404, "vocabulary"),
        ({"version": NEWEST, "yaml": "a", "add": [{"term": "x"}]}, 422, "either"),
        ({"yaml": "a: [", "add": [{"term": "x"}]}, 422, "not YAML"),
    ],
)
def test_a_draft_that_cannot_be_written_says_why(
    client: httpx.Client, body: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/v1/vocabularies/draft", json=body)
    assert answer.status_code == status and said in answer.text, answer.text


@pytest.mark.parametrize(
    ("role", "drafts", "stores"), [("viewer", False, False), ("researcher", True, False), ("admin", True, True)]
)
def test_who_is_offered_what(client: httpx.Client, keys: dict[str, str], role: str, drafts: bool, stores: bool) -> None:
    headers = {**BROWSER, "Authorization": f"Bearer {keys[role]}"}
    listed, page = (client.get(path, headers=headers).text for path in ("/vocabularies", "/vocabularies/overread-1"))
    assert ('href="/vocabularies/draft"' in listed, "Upload a file" in listed) == (drafts, stores)
    assert ("What it would change" in page, "/activate" in page) == (drafts, stores)
    draft = client.get("/vocabularies/draft", headers=headers)
    assert draft.status_code == (200 if drafts else 403)
    assert ('data-api="/v1/vocabularies"' in draft.text) == stores


def test_files_and_their_differences(client: httpx.Client) -> None:
    file = client.get(f"/vocabularies/{NEWEST}/file")
    assert file.text == builtin_text() and "attachment" in file.headers["content-disposition"]
    added = {"language": "en", "term": "wobbly"}
    draft = client.post("/v1/vocabularies/draft", json={"add": [added]}).json()
    client.post("/v1/vocabularies", json={"yaml": draft["yaml"]})
    page = client.get("/vocabularies/compare", params={"a": NEWEST, "b": draft["version"]}, headers=BROWSER).text
    marked = re.findall(r'<span class="(plus|minus)">(.*)', html.unescape(page))
    assert marked == [
        ("minus", f"- version: {NEWEST}"),
        ("plus", f"+ version: {draft['version']}"),
        ("plus", "+   - terms: {en: ['wobbly']}"),
    ]
    same = client.get("/vocabularies/compare", params={"a": NEWEST, "b": NEWEST}, headers=BROWSER)
    assert "are the same" in same.text
    assert client.get("/vocabularies/compare?a=none&b=none", headers=BROWSER).status_code == 404


def test_files_that_differ_in_too_much_are_not_compared() -> None:
    one, other = ("\n".join(f"{name} {number}" for number in range(3000)) for name in "ab")
    assert differences(one, other) is None
    assert differences(one, f"{one}\nmore") == [
        ("@", "…"),
        (" ", "a 2998"),
        (" ", "a 2999"),
        ("+", "more"),
    ]
